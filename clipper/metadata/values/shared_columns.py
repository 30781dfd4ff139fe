"""Columns that several origins have, image files and sources: what cannot share a type gets a second column.

So one image's `iso: "Portra 400"` removes no other image's ISO, and is not lost itself. What does not belong
here: which value of two an image has (`metadata/join.py`), and a column's type (`types.py`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipper.metadata.values.column_values import Values, in_order
from clipper.metadata.values.date_forms import find_dates, trim_dates
from clipper.metadata.values.number_text import read_number
from clipper.metadata.values.times import is_time
from clipper.metadata.values.types import EXAMPLES, first_few, type_name

if TYPE_CHECKING:
    import numpy as np

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

    `images` is (k,) int64, the rows of the images that it names, in the order in which it names them;
    `Values.at` counts in that order. `columns` are in the order in which they first have a value. `dated` are
    the columns of which only some values are times.
    """

    source: str
    images: "np.ndarray"
    columns: dict[str, Values]
    times: Collection[str] = ()
    dated: set[str] = field(default_factory=set)

    def families(self, name: str) -> Counter[str]:
        """Count the values of a column by their families of types: those of one family share a column."""
        values = self.columns[name]
        if (kind := values.kind) is not None and not (kind == "str" and name in self.dated):
            return Counter({self._family(name, kind): len(values)})
        return Counter(self._families(name))

    def places_of(self, name: str, family: str) -> "np.ndarray":
        """Return which values of a column are of a family, (m,) bool."""
        import numpy as np

        values = self.columns[name]
        if (kind := values.kind) is not None and not (kind == "str" and name in self.dated):
            return np.full(len(values), self._family(name, kind) == family)
        return np.array([one == family for one in self._families(name)], bool)

    def _families(self, name: str) -> list[str]:
        return [self._family(name, type_name(value) or "", value) for value in self.columns[name].to_list()]

    def _family(self, name: str, kind: str, value: Any = None) -> str:
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
    having = Counter(name for one in sources for name in one.columns)
    taken = {*own, *having}
    notes: list[str] = []
    for name, count in having.items():
        if name not in own and count == 1:
            continue
        known = [one for one in sources if name in one.columns]
        if name in own:
            for one in known:
                _read_as_own(one, name, _family_of(own[name], is_time=name in times))
        counts = [one.families(name) for one in known]
        total = sum(counts, Counter[str]())
        base = _family_of(own[name], is_time=name in times) if name in own else _usual(total)
        for family, _ in total.most_common():
            if _share(family, base, is_own=name in own):
                continue
            second = free_name(name, taken)
            taken.add(second)
            having_base = [one.source for one, held in zip(known, counts, strict=True) if base in held]
            place = "the files" if name in own else " and ".join(having_base)
            for one in known:
                moved = _move(one, name, family, second)
                if not moved:
                    continue
                examples = first_few(moved.first(EXAMPLES), count=len(moved))
                words = f"{len(moved)} value(s) are {_said(family)} ({examples})"
                where = f"these are in the column {second!r}"
                notes.append(f"{one.source}: {name!r} is {_said(base)} in {place}, and {words}; {where}")
    for one in sources:
        ordered = in_order(one.columns)
        one.columns.clear()
        one.columns.update(ordered)
    return notes


def free_name(name: str, taken: Collection[str]) -> str:
    """Return the name of a second column beside columns with these names."""
    second = SECOND_PREFIX + name
    while second in taken:
        second = SECOND_PREFIX + second
    return second


def _read_as_own(one: Entries, name: str, family: str) -> None:
    """Read the texts of a source's column as what the files have in it, where they are that."""
    import numpy as np
    import pyarrow as pa

    values = one.columns[name]
    if values.kind not in (None, "str"):
        return
    if family == "number":
        one.columns[name] = values.mapped(_as_number)
    elif family == "time" and name not in one.times:
        cells = list(values.to_list())
        texts = [place for place, cell in enumerate(cells) if isinstance(cell, str)]
        written = trim_dates(pa.array([cells[place] for place in texts], pa.string()))
        for place, text in zip(texts, find_dates(name, written, digits=True)[0].to_pylist(), strict=True):
            if text is not None:
                cells[place] = text
                one.dated.add(name)
        one.columns[name] = Values.of_list(np.asarray(values.at), cells)


def _as_number(value: Any) -> Any:
    number = read_number(value.strip()) if isinstance(value, str) else None
    return value if number is None else number


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


def _move(one: Entries, name: str, family: str, second: str) -> Values | None:
    """Move a column's values of one family to a second column; return them, None if there are none."""
    if name not in one.columns:
        return None
    values, is_moved = one.columns[name], one.places_of(name, family)
    if not is_moved.any():
        return None
    if is_moved.all():
        del one.columns[name]
    else:
        one.columns[name] = Values.of_list(values.at[~is_moved], values.where(~is_moved).to_list())
    one.columns[second] = Values.of_list(values.at[is_moved], values.where(is_moved).to_list())
    return one.columns[second]


def _said(family: str) -> str:
    return "a list" if family.startswith("list[") else _WORDS.get(family, family)
