"""Columns that several origins have, image files and sources: what cannot share a type gets a second column.

So one image's `iso: "Portra 400"` removes no other image's ISO, and is not lost itself. What does not belong
here: which value of two an image has (`metadata/join.py`), and a column's type (`types.py`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipper.metadata.values.date_forms import find_dates, trim_dates
from clipper.metadata.values.number_text import read_number
from clipper.metadata.values.times import is_time
from clipper.metadata.values.types import first_few, type_name

# The prefix of names that Clipper gives: a second column's, and one's whose name is reserved.
SECOND_PREFIX = "metadata_"
# Numbers that image files say of themselves. What a table has in such a column, words too, is parted here.
NUMBERS_OF_FILES = frozenset(
    {"width", "height", "bytes", "iso", "focal_length", "orientation", "latitude", "longitude"}
)
_NUMBERS = {"int": "number", "float": "number", "mixed": "str"}
_WORDS = {"number": "a number", "str": "text", "bool": "yes or no", "time": "a time"}


@dataclass(frozen=True)
class Entries:
    """The entries of one source: the values of each image by column, and which columns are times.

    `dated` are the columns of which only some values are times.
    """

    source: str
    of_image: dict[int, dict[str, Any]]
    times: Collection[str] = ()
    dated: set[str] = field(default_factory=set)

    def family(self, name: str, value: Any) -> str:
        """Return the family of types of a value: those of one family share a column."""
        kind = type_name(value) or ""
        if kind.startswith("list["):
            inner = kind[5:-1]
            return f"list[{_NUMBERS.get(inner, inner)}]"
        if kind == "str" and (name in self.times or (name in self.dated and is_time(value))):
            return "time"
        return _NUMBERS.get(kind, kind)


def part_columns(sources: Sequence[Entries], own: Mapping[str, str], *, times: Collection[str]) -> list[str]:
    """Move values that cannot share a type with their column's others to a second column, in place.

    A column of the files keeps the type that it has there. Otherwise that of most values holds.

    Args:
        sources: what each source has; changed in place.
        own: the columns of the files, and their types.
        times: those of the files' columns that are times.

    Returns:
        notes that name the second columns.
    """
    names = [
        list(dict.fromkeys(name for entry in one.of_image.values() for name in entry)) for one in sources
    ]
    having = Counter(name for some in names for name in some)
    taken = {*own, *having}
    notes: list[str] = []
    for name, count in having.items():
        if name not in own and count == 1:
            continue
        if name in own:
            for one in sources:
                _read_as_own(one, name, _family_of(own[name], is_time=name in times))
        counts = [_counts(one, name) for one in sources]
        total = sum(counts, Counter[str]())
        base = _family_of(own[name], is_time=name in times) if name in own else _usual(total)
        for family, _ in total.most_common():
            if _share(family, base, is_own=name in own):
                continue
            second = free_name(name, taken)
            taken.add(second)
            known = [one.source for one, held in zip(sources, counts, strict=True) if base in held]
            place = "the files" if name in own else " and ".join(known)
            for one in sources:
                moved = _move(one, name, family, second)
                words = f"{len(moved)} value(s) are {_said(family)} ({first_few(moved)})"
                where = f"these are in the column {second!r}"
                said = f"{one.source}: {name!r} is {_said(base)} in {place}, and {words}; {where}"
                notes += [said] if moved else []
    return notes


def free_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a second column beside columns with these names."""
    second = SECOND_PREFIX + name
    while second in taken:
        second = SECOND_PREFIX + second
    return second


def _read_as_own(one: Entries, name: str, family: str) -> None:
    """Read the texts of a source's column as what the files have in it, where they are that."""
    import pyarrow as pa

    if family == "number":
        for entry in one.of_image.values():
            if isinstance(text := entry.get(name), str) and (number := read_number(text.strip())) is not None:
                entry[name] = number
    elif family == "time" and name not in one.times:
        having = [entry for entry in one.of_image.values() if isinstance(entry.get(name), str)]
        written = trim_dates(pa.array([entry[name] for entry in having], pa.string()))
        for entry, text in zip(having, find_dates(name, written, digits=True)[0].to_pylist(), strict=True):
            if text is not None:
                entry[name] = text
                one.dated.add(name)


def _counts(one: Entries, name: str) -> Counter[str]:
    return Counter(one.family(name, entry[name]) for entry in one.of_image.values() if name in entry)


def _family_of(kind: str, *, is_time: bool) -> str:
    return "time" if is_time else _NUMBERS.get(kind, kind)


def _usual(counts: Counter[str]) -> str:
    """Return the family of most values; single values beside lists count as lists."""
    listed = any(family.startswith("list[") for family in counts)
    merged: Counter[str] = Counter()
    for family, count in counts.items():
        inner = _inner(family)
        merged[f"list[{'str' if inner == 'time' else inner}]" if listed else inner] += count
    return merged.most_common(1)[0][0]


def _inner(family: str) -> str:
    return family.removeprefix("list[").removesuffix("]")


def _share(family: str, base: str, *, is_own: bool) -> bool:
    """Whether values of a family can be in a column of another: any time is a text, of a list or of files."""
    if family == base:
        return True
    as_text = "str" if family == "time" else family
    return base == f"list[{as_text}]" or (is_own and as_text == base)


def _move(one: Entries, name: str, family: str, second: str) -> list[Any]:
    """Move a column's values of one family to a second column; return them."""
    moved = []
    for entry in one.of_image.values():
        if name in entry and one.family(name, entry[name]) == family:
            entry[second] = entry.pop(name)
            moved.append(entry[second])
    return moved


def _said(family: str) -> str:
    return "a list" if family.startswith("list[") else _WORDS.get(family, family)
