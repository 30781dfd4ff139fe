"""Reads a predicate: text to one condition a column (`query_filter.py`), or an error at the word.

    predicate = clause { and clause }        year > 2010 and (size < 5 or size is missing)
    clause    = column test | "(" clause { or clause } ")"
    test      = (= | != | > | >= | < | <=) value | [not] in (value, ...) | between value and value
              | (contains | ~) value | is [not] missing

`and` binds before `or`. As a column has one condition, `or` joins tests of one column only. What does not
belong here: the condition that each test is (`conditions.py`), and what to offer a person who types
(`completing.py`).
"""

from dataclasses import dataclass

from clipper.errors import PredicateError
from clipper.predicate.conditions import both, compared, contained, either, listed, ranged
from clipper.predicate.fields import Field, Fields, find_field, similar
from clipper.predicate.tokens import Token, fault, said, tokens_of
from clipper.query_filter import AnyOf, Condition, NoneOf

MAX_LENGTH = 100_000  # characters
MAX_DEPTH = 20  # brackets within brackets
MAX_NAMED = 8  # columns that an error names

OPERATORS = {
    "category": ("=", "!=", "in (", "not in (", "is missing", "is not missing"),
    "list": ("contains", "=", "!=", "in (", "not in (", "is missing", "is not missing"),
    "text": ("contains", "=", "!=", "in (", "not in (", "is missing", "is not missing"),
    "number": (">", ">=", "<", "<=", "=", "between", "is missing", "is not missing"),
    "time": (">", ">=", "<", "<=", "=", "between", "is missing", "is not missing"),
}


@dataclass(frozen=True)
class Wanted:
    """What must or may follow a text: the name of a column, a value of `field`, or one of `words`."""

    words: tuple[str, ...] = ()
    field: Field | None = None
    column: bool = False


class _EndsError(PredicateError):
    """The text ends where something must follow."""

    def __init__(self, message: str, at: int, wanted: Wanted) -> None:
        super().__init__(message, start=at, end=at)
        self.wanted = wanted


def read_predicate(text: str, fields: Fields) -> dict[str, Condition]:
    """Read a predicate; a text without a word has no conditions.

    Args:
        text: such as `year > 2010 and group = "Flags"`.
        fields: the columns, by name.

    Raises:
        PredicateError: the text is no predicate, or a column has no such condition. It has the place.
    """
    return _Reader(text, fields).read()


def wanted_after(text: str, fields: Fields) -> Wanted:
    """Return what may follow the beginning of a predicate; nothing if it is none."""
    reader = _Reader(text, fields)
    try:
        reader.read()
    except _EndsError as ends:
        return ends.wanted
    except PredicateError:
        return Wanted()
    return Wanted(("and", "or")) if reader.tokens else Wanted(column=True)


class _Reader:
    """Goes through the tokens of one text; a method for each rule of the grammar."""

    def __init__(self, text: str, fields: Fields) -> None:
        self.text, self.fields = text, fields
        self.tokens = [*tokens_of(text[: MAX_LENGTH + 1])]
        self.at = self.depth = 0

    def read(self) -> dict[str, Condition]:
        """Read the whole text."""
        if len(self.text) > MAX_LENGTH:
            problem = f"A filter has {MAX_LENGTH:,} characters at most."
            raise PredicateError(problem, start=0, end=len(self.text))
        found = self._either() if self.tokens else {}
        if (token := self._peek()) is not None:
            hint = " A value of several words needs quotes." if token.names else ""
            raise fault(f"Write “and” before the next condition, not {said(token)}.{hint}", token)
        return found

    def _either(self) -> dict[str, Condition]:
        found = self._both()
        while (word := self._take("or")) is not None:
            found = either(found, self._both(), self.fields, word)
        return found

    def _both(self) -> dict[str, Condition]:
        found = self._clause()
        while self._take("and") is not None:
            start = self.at
            found = both(found, self._clause(), self.fields, self._span(start))
        return found

    def _clause(self) -> dict[str, Condition]:
        if self._take("(") is None:
            field = self._column()
            return {field.name: self._test(field)}
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise fault("There are too many brackets within brackets.", self.tokens[self.at - 1])
        found = self._either()
        self._need(")", "Write “and”, “or” or “)”.", "and", "or")
        self.depth -= 1
        return found

    def _column(self) -> Field:
        token = self._next("Write the name of a column.", Wanted(column=True))
        if not token.names:
            raise fault(f"Write the name of a column, not {said(token)}.", token)
        field = find_field(self.fields, token.value)
        if field is None:
            raise fault(_unknown(token.value, self.fields), token)
        return field

    def _test(self, field: Field) -> Condition:
        start, operators = self.at, OPERATORS[field.kind]
        tests = ", ".join(operator.removesuffix(" (") for operator in operators)
        problem = f"After {field.spelled} write one of: {tests}."
        token = self._next(problem, Wanted(operators))
        negated = token.is_one_of("not")
        if negated or token.is_one_of("in"):
            if negated:
                self._need("in", "After “not” write in (…).")
            return listed(field, self._list(field), self._span(start), negated=negated)
        if token.is_one_of("is"):
            return self._missing()
        if token.is_one_of("between"):
            low = self._value(field)
            self._need("and", "Write “and” and the second value, as in between 1 and 5.")
            return ranged(field, low, self._value(field), self._span(start))
        if token.is_one_of("contains", "~"):
            return contained(field, self._value(field), token)
        if token.is_one_of("=", "!=", ">", ">=", "<", "<="):
            return compared(field, token, self._value(field))
        raise fault(problem.replace(" write", f", not {said(token)}, write", 1), token)

    def _missing(self) -> Condition:
        negated = self._take("not") is not None
        self._need(
            "missing", "After “is” write missing or not missing.", *(() if negated else ("not missing",))
        )
        return NoneOf((None,)) if negated else AnyOf((None,))

    def _list(self, field: Field) -> list[Token]:
        self._need("(", "Write the values in brackets, as in (a, b).")
        values = [self._value(field)]
        while self._take(",") is not None:
            values.append(self._value(field))
        self._need(")", "Write a comma before the next value, or “)” after the last.", ",")
        return values

    def _value(self, field: Field) -> Token:
        token = self._next("Write a value.", Wanted(field=field))
        if not (token.names or token.is_one_of("missing")):
            raise fault(f"Write a value, not {said(token)}. In quotes it would be one.", token)
        return token

    # -- tokens

    def _peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _next(self, problem: str, wanted: Wanted) -> Token:
        """Return the next token, which must be there."""
        token = self._peek()
        if token is None:
            raise _EndsError(problem, len(self.text.rstrip()), wanted)
        if token.kind == "open":
            raise fault("The quotes are not closed.", token)
        self.at += 1
        return token

    def _take(self, wanted: str) -> Token | None:
        """Return the next token if it is this word or sign."""
        token = self._peek()
        if token is None or not token.is_one_of(wanted):
            return None
        self.at += 1
        return token

    def _need(self, wanted: str, problem: str, *others: str) -> None:
        """Go past a word or sign, which must be there; a text may also go on with `others`."""
        token = self._next(problem, Wanted((wanted, *others)))
        if not token.is_one_of(wanted):
            raise fault(problem, token)

    def _span(self, start: int) -> Token:
        """Return the tokens from `start` on as one, for the place of an error."""
        return Token("word", "", self.tokens[start].start, self.tokens[self.at - 1].end)


def _unknown(name: str, fields: Fields) -> str:
    """Say that there is no such column, and which was meant."""
    names = [each.spelled for each in fields.values()]
    close = similar(name, [*names, *fields])
    if close:
        field = find_field(fields, close)
        return f"There is no column “{name}”. Did you mean “{field.spelled if field else close}”?"
    listed_names = ", ".join(names[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")
    return f"There is no column “{name}”." + (f" The columns are: {listed_names}." if names else "")
