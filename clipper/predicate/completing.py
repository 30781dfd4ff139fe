"""What a person may go on to type in a predicate: columns, tests, values.

What does not belong here: the grammar (`reading.py`), and how many images have a
value, which the viewer adds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from clipper.predicate.fields import Field, Fields
from clipper.predicate.reading import Wanted, wanted_after
from clipper.predicate.tokens import Token, quoted, tokens_of

MAX_OPTIONS = 8


@dataclass(frozen=True)
class Option:
    """One way to go on: `text` as a person reads it, `insert` as it is typed.

    `field` is the column that the option is, or whose value it is; `value` is that value.
    """

    text: str
    insert: str
    field: Field | None = None
    value: str | None = None


@dataclass(frozen=True)
class Completion:
    """Options to replace the text from `start` to `end` by."""

    start: int
    end: int
    options: tuple[Option, ...]


def complete(text: str, at: int, fields: Fields, *, most: int = MAX_OPTIONS) -> Completion:
    """Return how a text may go on at a place.

    Args:
        text: a predicate that is being typed.
        at: where the cursor stands, in characters.
        fields: the columns, by name.
        most: options at most.
    """
    part = _under(text, at)
    start, end, typed = (part.start, part.end, _typed(part, at)) if part else (at, at, "")
    wanted = wanted_after(text[:start], fields)
    found = tuple(islice(_options(wanted, fields, typed), most))
    done = part is not None and end == at and found[:1] and found[0].insert.strip() == text[start:end]
    return Completion(start, end, () if done and len(found) == 1 else found)


def _under(text: str, at: int) -> Token | None:
    """Return the word that is being typed: it begins before the cursor and reaches it."""
    reaching = (token for token in tokens_of(text) if token.start < at <= token.end)
    token = next(reaching, None)
    return token if token is not None and token.kind in {"word", "quoted", "open"} else None


def _typed(part: Token, at: int) -> str:
    """Return what stands before the cursor, without a quote."""
    return part.value[: at - part.start - (part.kind != "word")]


def _options(wanted: Wanted, fields: Fields, typed: str) -> Iterator[Option]:
    if wanted.column:
        named = {field.spelled: field for field in fields.values()}
        yield from (Option(name, f"{quoted(name)} ", named[name]) for name in _matching(named, typed))
    elif wanted.field is not None:
        labels = (label for label in wanted.field.labels or () if label is not None)
        for label in _first_matching(labels, typed):
            yield Option(label, f"{quoted(label)} ", wanted.field, label)
    else:
        for word in wanted.words:
            if word.startswith(typed.casefold()):
                yield Option(word.removesuffix(" ("), word if word.endswith("(") else f"{word} ")


def _matching(names: Iterable[str], typed: str) -> list[str]:
    """Return the names that contain a part; those that begin with it come first."""
    part = typed.casefold()
    found = [name for name in names if part in name.casefold()]
    return sorted(found, key=lambda name: not name.casefold().startswith(part))


def _first_matching(labels: Iterable[str], typed: str) -> Iterator[str]:
    part = typed.casefold().strip()
    return (label for label in labels if part in label.casefold())
