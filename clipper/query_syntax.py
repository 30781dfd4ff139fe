"""The syntax of queries: terms (words, phrases, images), each with a weight; parsed and written.

    dog running -indoor "red car"^2 like:pets/rex.jpg

Words without a sign are one term together. A minus before a word or a quoted phrase asks for less of it, a
plus begins a term of its own, `^2` after a term is its weight, and `like:` names an image by its id. What
does not belong here: vectors (`query.py`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# The weight of a minus without a number. Texts of one model are much alike (cosines of 0.5 to 0.8), so a
# weight of 1 removes much of what is wanted too: for 16 pairs of words on the sample, 34 % of the first 20
# are still right at 1, 62 % at 0.5 and 68 % at 0.33, where half of the unwanted images are gone. Images
# differ more: at 0.5 the image of a minus leaves the first 20, and the other results stay.
MINUS_WEIGHT, MINUS_IMAGE_WEIGHT = 0.3, 0.5
MIN_WEIGHT, MAX_WEIGHT = 0.01, 100.0  # a weight without its sign
MAX_TERMS = 16

_QUOTES = '"“”'
_SIGNS = r"+\-\u2212"
_TOKEN = re.compile(
    rf"""(?:(?P<sign>[{_SIGNS}])(?![{_SIGNS}]))?   # before a term, never before another sign
    (?P<like>like:)?
    (?:[{_QUOTES}](?P<quoted>(?:\\[{_QUOTES}\\]|\\(?![{_QUOTES}\\])|[^{_QUOTES}\\])+)[{_QUOTES}]|(?P<bare>\S+?))
    (?:\^(?P<weight>\d{{1,3}}(?:\.\d{{1,2}})?))?
    (?=\s|$)""",
    re.VERBOSE,
)
_WORD = re.compile(rf"(?!like:)[^\s{_SIGNS}{_QUOTES}\\^][^\s{_QUOTES}\\^]*")
_NAME = re.compile(rf"[^\s{_QUOTES}\\^]+")


@dataclass(frozen=True)
class Term:
    """One part of a query: a text, or an image's id (`like`); a weight below 0 asks for less of it."""

    text: str = ""
    like: str = ""
    weight: float = 1.0

    @property
    def minus(self) -> bool:
        """Whether the query asks for less of it."""
        return self.weight < 0

    def with_weight(self, weight: float) -> "Term":
        """Return the term with another weight, rounded to a weight that can be written."""
        size = round(min(max(abs(weight), MIN_WEIGHT), MAX_WEIGHT), 2)
        return replace(self, weight=-size if weight < 0 else size)

    def negated(self) -> "Term":
        """Return the term with the other sign; a default weight becomes the default weight of that sign."""
        image = bool(self.like)
        if self.weight == default_weight(minus=self.minus, image=image):
            return replace(self, weight=default_weight(minus=not self.minus, image=image))
        return replace(self, weight=-self.weight)


def default_weight(*, minus: bool, image: bool = False) -> float:
    """Return the weight of a term that is written without one."""
    if not minus:
        return 1.0
    return -MINUS_IMAGE_WEIGHT if image else -MINUS_WEIGHT


def parse(text: str) -> tuple[Term, ...]:
    """Parse a query as a person writes it.

    No query is refused. An open quote, a sign alone or before another sign, a weight of 0: whatever is no
    other kind of term is text.
    """
    terms: list[Term] = []
    run: list[str] = []
    for word, term in _tokens(text):
        if term is None:
            run.append(word)
            continue
        terms += _as_text(run)
        run = []
        terms.append(term)
    return tuple(terms + _as_text(run))


def format_terms(terms: Iterable[Term]) -> str:
    """Write terms so that `parse` reads them again: equal terms give the same text, whatever was typed."""
    return " ".join(format_each(terms))


def format_each(terms: Iterable[Term]) -> list[str]:
    """Write each term as it follows those before it."""
    parts: list[str] = []
    free = True  # until a term has no sign: a second one would be read as one term with it
    for term in terms:
        parts.append(_written(term, free=free))
        free = free and (term.minus or bool(term.like))
    return parts


def _tokens(text: str) -> Iterator[tuple[str, Term | None]]:
    """Split a text into tokens: each word, with its term unless it is a plain word."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        at = found.end() if found else len(text)
        yield (found[0], _term(found)) if found else (text[at:], None)


def _term(found: re.Match[str]) -> Term | None:
    """Return the term of a token; None for a plain word."""
    sign, quoted, weight = found["sign"], found["quoted"], float(found["weight"] or 0)
    if found["weight"] and not weight:
        return None
    if not (sign or quoted or found["like"] or found["weight"]):
        return None
    content = _unquoted(quoted) if quoted else found["bare"]
    if not content:
        return None
    minus = sign not in {None, "+"}
    image = bool(found["like"])
    size = min(max(weight, MIN_WEIGHT), MAX_WEIGHT)
    signed = (-size if minus else size) if weight else default_weight(minus=minus, image=image)
    return Term(like=content, weight=signed) if image else Term(text=content, weight=signed)


def _unquoted(quoted: str) -> str:
    return " ".join(re.sub(rf"\\([{_QUOTES}\\])", r"\1", quoted).split())


def _quoted(content: str) -> str:
    return '"' + re.sub(rf"([{_QUOTES}\\])", r"\\\1", content) + '"'


def _as_text(words: list[str]) -> list[Term]:
    return [Term(text=" ".join(words))] if words else []


def _written(term: Term, *, free: bool) -> str:
    shown = f"^{abs(term.weight):.2f}".rstrip("0").rstrip(".")
    weight = "" if term.weight == default_weight(minus=term.minus, image=bool(term.like)) else shown
    if term.like:
        name = term.like if _NAME.fullmatch(term.like) else _quoted(term.like)
        return f"{'-' if term.minus else ''}like:{name}{weight}"
    if free and not term.minus and not weight and parse(term.text) == (term,):
        return term.text
    body = term.text if _WORD.fullmatch(term.text) else _quoted(term.text)
    apart = weight or body != term.text  # otherwise it would be read as one term with the words before it
    return f"{'-' if term.minus else '' if apart else '+'}{body}{weight}"
