"""The words and signs of a predicate, with their places.

What does not belong here: what they mean together (`reading.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clipper.errors import PredicateError

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "between", "contains", "missing"})
MAX_SAID = 40  # characters of a word in an error
SIGNS = {"==": "=", "<>": "!=", "≠": "!=", "≥": ">=", "≤": "<="}  # other spellings

_QUOTES = '"“”'
_TOKEN = re.compile(
    rf"""(?P<quoted>[{_QUOTES}](?:\\.|[^{_QUOTES}\\])*(?P<closed>[{_QUOTES}])?)
    |(?P<sign>>=|<=|!=|<>|==|[=<>~≥≤≠])
    |(?P<mark>[(),])
    |(?P<word>[^\s{_QUOTES}(),=<>!~≥≤≠]+)
    |(?P<other>\S)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[^\W\d][\w.-]*")  # a name or value that needs no quotes
_ESCAPED = {"\n": "\\n", "\r": "\\r", '"': '\\"', "“": "\\“", "”": "\\”", "\\": "\\\\"}
_MEANT = {"n": "\n", "r": "\r"}

TokenKind = Literal["word", "quoted", "open", "sign", "mark", "other"]


@dataclass(frozen=True)
class Token:
    """A word or sign from `start` to `end` of a text; `value` is a quoted text without its quotes."""

    kind: TokenKind
    value: str
    start: int
    end: int

    def is_one_of(self, *wanted: str) -> bool:
        """Whether it is one of some keywords, in upper or lower case, or of some signs."""
        return self.kind in {"word", "sign", "mark"} and self.value.lower() in wanted

    @property
    def names(self) -> bool:
        """Whether it can be a name or a value: it is quoted, or no keyword."""
        return self.kind == "quoted" or (self.kind == "word" and self.value.lower() not in KEYWORDS)


def tokens_of(text: str) -> Iterator[Token]:
    """Part a text into words, quoted texts, signs and marks. Every text can be parted."""
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        if found["quoted"]:
            kind: TokenKind = "quoted" if found["closed"] else "open"
            inner = found["quoted"][1:-1] if found["closed"] else found["quoted"][1:]
            yield Token(kind, _unescaped(inner), start, end)
        elif found["sign"]:
            yield Token("sign", SIGNS.get(found["sign"], found["sign"]), start, end)
        else:
            kind = "mark" if found["mark"] else "word" if found["word"] else "other"
            yield Token(kind, found[0], start, end)


def quoted(text: str) -> str:
    """Write a name or a value: in quotes, unless it is a plain word."""
    if _PLAIN.fullmatch(text) and text.lower() not in KEYWORDS:
        return text
    return '"' + "".join(_ESCAPED.get(char, char) for char in text) + '"'


def _unescaped(inner: str) -> str:
    return re.sub(r"\\(.)", lambda found: _MEANT.get(found[1], found[1]), inner, flags=re.DOTALL)


def fault(problem: str, place: Token) -> PredicateError:
    """Return an error at a token."""
    return PredicateError(problem, start=place.start, end=place.end)


def said(token: Token) -> str:
    """Return a token as an error names it, shortened."""
    text = token.value if len(token.value) <= MAX_SAID else token.value[: MAX_SAID - 1] + "…"
    return f"“{text}”"
