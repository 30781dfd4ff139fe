"""The condition that each test of a predicate is, and two conditions on one column as one.

What does not belong here: the grammar (`reading.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from clipper.predicate.fields import SCALES, Field, Fields, similar
from clipper.predicate.scales import above, below, interval
from clipper.predicate.tokens import Token, fault, said
from clipper.query_filter import AnyOf, Condition, HasText, InRange, NoneOf

MAX_VALUE_LENGTH = 500  # characters, as the viewer's links carry them
_KINDS = {
    "category": "values, not a scale: use =, != or in (…)",
    "list": "values, not a scale: use contains, != or in (…)",
    "text": "texts: use contains or =",
}


def compared(field: Field, sign: Token, value: Token) -> Condition:
    """Return the condition of a comparison such as `year > 2010` or `group = Flags`.

    Raises:
        PredicateError: at the sign or the value, which does not fit the column.
    """
    absent = value.is_one_of("missing")
    if sign.value in {"=", "!="} and (absent or field.kind not in SCALES):
        return (AnyOf if sign.value == "=" else NoneOf)((None if absent else _known(field, value),))
    if field.kind not in SCALES:
        raise fault(f"{field.spelled} has {_KINDS[field.kind]}.", sign)
    if sign.value == "!=":
        raise fault(f"{field.spelled} is filtered by one range: use <, > or between.", sign)
    low, high = _interval(field, value)
    return {
        "=": InRange(low, high),
        ">=": InRange(low, None),
        "<=": InRange(None, high),
        ">": InRange(above(high, whole=field.whole), None),
        "<": InRange(None, below(low, whole=field.whole)),
    }[sign.value]


def ranged(field: Field, low: Token, high: Token, place: Token) -> Condition:
    """Return the condition `between low and high`, both included.

    Raises:
        PredicateError: the column has no scale, or nothing lies between.
    """
    if field.kind not in SCALES:
        raise fault(f"{field.spelled} has {_KINDS[field.kind]}.", place)
    found = InRange(_interval(field, low)[0], _interval(field, high)[1])
    return _filled(found, place)


def listed(field: Field, values: Sequence[Token], place: Token, *, negated: bool) -> Condition:
    """Return the condition `in (a, b)`, or `not in (a, b)`.

    Raises:
        PredicateError: the column has a scale and no values, or no image has a value.
    """
    known = [None if value.is_one_of("missing") else value for value in values]
    if field.kind in SCALES and any(known):
        raise fault(f"{field.spelled} is filtered by one range: use <, > or between.", place)
    found = tuple(dict.fromkeys(None if value is None else _known(field, value) for value in known))
    return NoneOf(found) if negated else AnyOf(found)


def contained(field: Field, value: Token, sign: Token) -> Condition:
    """Return the condition of `contains`: a part of a text, or an item of a list.

    Raises:
        PredicateError: the column has neither.
    """
    if field.kind == "list":
        return AnyOf((_known(field, value),))
    if field.kind != "text":
        use = "=, != or in (…)" if field.kind == "category" else "<, >, = or between"
        raise fault(f"“contains” is for texts and lists; of {field.spelled} use {use}.", sign)
    if not value.value.strip():
        raise fault("Write the text to look for.", value)
    return HasText(_short(value))


# -- values


def _known(field: Field, token: Token) -> str:
    """Return the value that a person means."""
    found = field.value(_short(token))
    if found is None:
        close = similar(token.value, field.first_labels())
        hint = f" Did you mean “{close}”?" if close else ""
        raise fault(f"No image has the value “{token.value}” in {field.spelled}.{hint}", token)
    return found


def _short(token: Token) -> str:
    if len(token.value) > MAX_VALUE_LENGTH:
        raise fault(f"A value has {MAX_VALUE_LENGTH} characters at most.", token)
    return token.value


def _interval(field: Field, token: Token) -> tuple[float | str, float | str]:
    """Return the first and the last value that a number or a date stands for."""
    found = interval(token.value, time=field.kind == "time")
    if found is None:
        what = "date: write it as 2019-05-01, 2019-05 or 2019" if field.kind == "time" else "number"
        raise fault(f"{said(token)} is no {what}.", token)
    return found


# -- two conditions on one column


def both(
    one: Mapping[str, Condition], other: Mapping[str, Condition], fields: Fields, place: Token
) -> dict[str, Condition]:
    """Return the conditions of two parts of a predicate that an image must both meet.

    Raises:
        PredicateError: at the second part, whose column has a condition that does not go together with it.
    """
    joined = {**one, **other}
    for name in one.keys() & other.keys():
        joined[name] = _meet(fields[name], one[name], other[name], place)
    return joined


def either(
    one: Mapping[str, Condition], other: Mapping[str, Condition], fields: Fields, word: Token
) -> dict[str, Condition]:
    """Return the condition of two parts of a predicate of which an image must meet one.

    Raises:
        PredicateError: at the word "or": the parts are not about one column, or are no one condition of it.
    """
    if len({*one, *other}) > 1:
        raise fault(
            "“or” joins conditions on one column only: an image must meet those on all columns.", word
        )
    ((name, first),), second = one.items(), other[next(iter(other))]
    found = _join(first, second)
    if found is None:
        raise fault(f"{fields[name].spelled} has one condition: these two cannot be joined by “or”.", word)
    return {name: found}


def _meet(field: Field, one: Condition, other: Condition, place: Token) -> Condition:
    """Return what meets both conditions."""
    if isinstance(one, InRange) and isinstance(other, InRange):
        lows = [end for end in (one.low, other.low) if end is not None]
        highs = [end for end in (one.high, other.high) if end is not None]
        ends = max(lows, default=None), min(highs, default=None)
        return _filled(InRange(*ends, one.missing and other.missing), place)
    if isinstance(one, NoneOf) and isinstance(other, NoneOf):
        return NoneOf(tuple(dict.fromkeys((*one.values, *other.values))))
    if isinstance(one, NoneOf):
        one, other = other, one
    if isinstance(one, InRange) and other == NoneOf((None,)):
        return replace(one, missing=False)
    if isinstance(one, AnyOf) and isinstance(other, AnyOf | NoneOf) and field.kind != "list":
        keeps = isinstance(other, AnyOf)
        if left := tuple(value for value in one.values if (value in other.values) == keeps):
            return AnyOf(left)
        raise fault(f"No image has two values of {field.spelled}: use in (…) for any of several.", place)
    raise fault(f"{field.spelled} has a condition already, and these two cannot be joined.", place)


def _join(one: Condition, other: Condition) -> Condition | None:
    """Return what meets one of two conditions; None if that is no condition."""
    if isinstance(one, AnyOf) and isinstance(other, AnyOf):
        return AnyOf(tuple(dict.fromkeys((*one.values, *other.values))))
    if isinstance(one, AnyOf):
        one, other = other, one
    return replace(one, missing=True) if isinstance(one, InRange) and other == AnyOf((None,)) else None


def _filled(found: InRange, place: Token) -> InRange:
    """Return a range that some value can be in."""
    low, high = found.low, found.high
    if low is not None and high is not None and max(low, high) == low != high:
        raise fault("No value lies in this range: its low end is above its high end.", place)
    return found
