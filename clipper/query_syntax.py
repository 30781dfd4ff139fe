"""What is searched for, as terms: words, phrases and images, each with a weight; and how they are written.

    dog running -indoor "red car"^2 like:pets/rex.jpg

Words without a sign are one term as they stand. A minus in front of a word or of a phrase in quotes asks for
less of it, a plus sets a term of its own apart, `^2` behind a term is its weight, and `like:` names an image
by its id. What does not belong here: vectors (`query.py`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# What a minus takes away when no weight is given. Two texts of one model are much alike (cosines of 0.5 to
# 0.8), so that a whole one takes most of what is wanted along: over 16 pairs of words on the sample, 34 % of
# the first 20 are still right at 1, 62 % at 0.5, 68 % at 0.33; of what is not wanted, half is gone by then.
# Images differ more: at 0.5 a second result that is asked to be less leaves the first 20, which stay.
MINUS, MINUS_IMAGE = 0.3, 0.5
LEAST, MOST = 0.01, 100.0  # a weight without its sign
MOST_TERMS = 16

_QUOTES = '"“”'
_SIGNS = r"+\-\u2212"
_TOKEN = re.compile(
    rf"""(?:(?P<sign>[{_SIGNS}])(?![{_SIGNS}]))?   # in front of a term, never of another sign
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
    """One part of a query: a text, or an image's name (`like`); its weight, below 0 for less of it."""

    text: str = ""
    like: str = ""
    weight: float = 1.0

    @property
    def minus(self) -> bool:
        """Whether less of it is wanted."""
        return self.weight < 0

    def with_weight(self, weight: float) -> "Term":
        """The same with another weight, as near to it as weights can be written."""
        size = round(min(max(abs(weight), LEAST), MOST), 2)
        return replace(self, weight=-size if weight < 0 else size)

    def negated(self) -> "Term":
        """The same with the other sign; a weight that nobody chose becomes the one of that sign."""
        image = bool(self.like)
        if self.weight == default_weight(minus=self.minus, image=image):
            return replace(self, weight=default_weight(minus=not self.minus, image=image))
        return replace(self, weight=-self.weight)


def default_weight(*, minus: bool, image: bool = False) -> float:
    """The weight of a term for which none is given."""
    if not minus:
        return 1.0
    return -MINUS_IMAGE if image else -MINUS


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a query as a person writes it.

    Nothing is refused. A quote that is never closed, a sign alone or in front of another sign, a weight of 0:
    what is no term of another kind is text.
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
    """Terms as `parse` reads them: the same terms have the same text, whatever was typed."""
    return " ".join(format_each(terms))


def format_each(terms: Iterable[Term]) -> list[str]:
    """Each term as it is written behind those before it."""
    parts: list[str] = []
    free = True  # until words stand without a sign: a second run of them would be read as one with the first
    for term in terms:
        parts.append(_written(term, free=free))
        free = free and (term.minus or bool(term.like))
    return parts


def _tokens(text: str) -> Iterator[tuple[str, Term | None]]:
    """Each token: a plain word, or a term."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        at = found.end() if found else len(text)
        yield (found[0], _term(found)) if found else (text[at:], None)


def _term(found: re.Match[str]) -> Term | None:
    """What a token says; None where it is a plain word."""
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
    size = min(max(weight, LEAST), MOST)
    signed = (-size if minus else size) if weight else default_weight(minus=minus, image=image)
    return Term(like=content, weight=signed) if image else Term(text=content, weight=signed)


def _unquoted(quoted: str) -> str:
    return " ".join(re.sub(rf"\\([{_QUOTES}\\])", r"\1", quoted).split())


def _quoted(content: str) -> str:
    return '"' + re.sub(rf"([{_QUOTES}\\])", r"\\\1", content) + '"'


def _as_text(words: list[str]) -> list[Term]:
    return [Term(text=" ".join(words))] if words else []


def _written(term: Term, *, free: bool) -> str:
    told = f"^{abs(term.weight):.2f}".rstrip("0").rstrip(".")
    weight = "" if term.weight == default_weight(minus=term.minus, image=bool(term.like)) else told
    if term.like:
        name = term.like if _NAME.fullmatch(term.like) else _quoted(term.like)
        return f"{'-' if term.minus else ''}like:{name}{weight}"
    if free and not term.minus and not weight and parse(term.text) == (term,):
        return term.text
    body = term.text if _WORD.fullmatch(term.text) else _quoted(term.text)
    apart = weight or body != term.text  # else it would be read as one text with the words before it
    return f"{'-' if term.minus else '' if apart else '+'}{body}{weight}"
