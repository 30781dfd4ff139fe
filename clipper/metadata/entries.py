"""Give each image the values that one source has for it, by column.

What does not belong here: reading sources (`sources.py`), and joining several of them (`join.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from clipper.errors import ImagesError
from clipper.metadata.keys.match import ImageKeys, Matches
from clipper.metadata.values.column_values import Values, columns_of, in_order
from clipper.metadata.values.dates import read_times
from clipper.metadata.values.shared_columns import SECOND_PREFIX, Entries, free_name
from clipper.metadata.values.types import first_few, plain_value, type_name
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    # A table whose names differ, or rows of values as JSON has them.
    Picked: TypeAlias = "pa.Table | Sequence[Mapping[str, Any]]"

# Columns of Clipper's own tables: a key with such a name gets this prefix, and a note says so.
RESERVED = frozenset({"id", "path", "x", "y", "similarity"})


@dataclass(frozen=True)
class Source:
    """One metadata file beside the images: its entries, and the key with which each names an image.

    `pick` returns the entries at some indices (k,) int64: most rows of a long table may name no image. Of a
    table, dates and the like are text as `plain_column` writes it. `matches` has the image of each key, where
    the file was read for some images. `lost` counts the rows without a key, and those that could not be read.
    """

    name: str
    keys: Sequence[str]
    pick: "Callable[[np.ndarray], Picked]"
    problems: list[str] = field(default_factory=list)
    matches: Matches | None = None
    lost: int = 0

    @classmethod
    def of_entries(
        cls, name: str, entries: Mapping[str, Mapping[str, Any]], problems: Sequence[str] = ()
    ) -> Self:
        """Make a source from `{key: entry}`."""
        values = list(entries.values())
        return cls(name, list(entries), lambda indices: [values[i] for i in indices], list(problems))


def read_entries(ids: "pa.LargeStringArray", source: Source, images: ImageKeys) -> tuple[Entries, list[str]]:
    """Return the values that a source has for each image, with times in ISO 8601, and the problems.

    Of two entries that name one image the later one counts, value by value.

    Raises:
        ImagesError: a value is nested too deeply.
    """
    import numpy as np

    matches = source.matches or images.match(source.keys)
    places = np.flatnonzero(matches.rows >= 0)
    problems = [*source.problems, *matches.problems(source.name, source.keys)]
    named = matches.rows[places]
    picked = source.pick(places)
    if isinstance(picked, Sequence):
        found = _of_rows(ids, source.name, named, picked)
    else:
        found = _of_table(ids, named, picked)
    problems += [f"{source.name}: {words}" for words in sorted(found.refused)]
    problems += [
        f"{source.name}: {key!r} is a name Clipper uses; it became {name!r}"
        for key, name in sorted(found.names.items())
        if name != clean(key).strip()
    ]
    if found.twice:
        problems.append(
            f"{source.name}: {found.count_twice} image(s) have several entries that differ "
            f"({first_few(found.twice, count=found.count_twice)}); the last one is used"
        )
    times, notes = read_times(found.columns)
    entries = Entries(source.name, found.images, in_order(found.columns), times)
    return entries, problems + [f"{source.name}: {note}" for note in notes]


@dataclass(frozen=True)
class _Found:
    """What a source has, as `Entries` do, and what a person should know of it.

    `names` has the column of each key, `refused` why keys have none. `twice` are the images of which several
    entries differ, or the first of them, and `count_twice` how many they are.
    """

    images: "np.ndarray"
    columns: dict[str, Values]
    names: dict[str, str]
    refused: Iterable[str]
    twice: Sequence[str]
    count_twice: int


def _of_rows(
    ids: "pa.LargeStringArray", name: str, named: "np.ndarray", rows: Sequence[Mapping[str, Any]]
) -> _Found:
    """Gather rows of values as JSON has them; `named` (n,) are the images that they name."""
    import numpy as np

    entries: dict[int, dict[str, Any]] = {}
    names: dict[str, str] = {}
    refused: dict[str, str] = {}
    twice: dict[int, None] = {}
    for index, entry in zip(named.tolist(), rows, strict=True):
        image = entries.setdefault(index, {})
        for key, raw in entry.items():
            try:
                value = plain_value(raw)
            except RecursionError:
                raise ImagesError(
                    f"{name}: {key} of {ids[index].as_py()} is nested too deeply; flatten it"
                ) from None
            if type_name(value) is None or key in refused:
                continue
            if key not in names and not _name(key, names, refused):
                continue
            column = names[key]
            if image.get(column, value) != value:
                twice[index] = None
            image[column] = value
    differing = [ids[index].as_py() for index in twice]
    images = np.fromiter(entries, np.int64, len(entries))
    return _Found(images, columns_of(entries.values()), names, refused.values(), differing, len(differing))


def _of_table(ids: "pa.LargeStringArray", named: "np.ndarray", table: "pa.Table") -> _Found:
    """Gather the rows of a table; `named` (n,) are the images that they name."""
    import numpy as np

    images, place_of = _in_order_of_mention(named)
    at = np.arange(len(named))
    given = {key: Values.of_arrow(at, table[key]) for key in table.column_names}
    names: dict[str, str] = {}
    refused: dict[str, str] = {}
    kept = {names[key]: values for key, values in in_order(given).items() if _name(key, names, refused)}
    if len(images) == len(named):
        return _Found(images, kept, names, refused.values(), [], 0)
    columns: list[tuple[tuple[int, int], str, Values]] = []
    first_differing: dict[int, int] = {}
    for name, values in kept.items():
        last, first_entry, differing = _last_of_each(values, place_of)
        columns.append(((int(last.at[0]), first_entry), name, last))
        for place, entry in differing:
            first_differing[place] = min(entry, first_differing.get(place, entry))
    in_turn = sorted(first_differing, key=first_differing.__getitem__)
    columns.sort(key=lambda column: column[0])
    return _Found(
        images, {name: values for _, name, values in columns}, names, refused.values(),
        [ids[int(images[place])].as_py() for place in in_turn], len(in_turn),
    )  # fmt: skip


def _in_order_of_mention(named: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the different images in the order of their first mention, and the place of each one there."""
    import numpy as np

    if (named[1:] > named[:-1]).all():  # the usual case
        return named, np.arange(len(named))
    different, first, inverse = np.unique(named, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return different[order], rank[inverse]


def _last_of_each(values: Values, place_of: "np.ndarray") -> "tuple[Values, int, list[tuple[int, int]]]":
    """Keep the last value of each image.

    Args:
        values: `at` counts entries.
        place_of: (n,) the place of each entry's image.

    Returns:
        the values that are kept, of places of images; the entry with the first image's first value; and of
        each image with values that differ, its place and the entry where that shows.
    """
    import numpy as np

    entries, places = values.at, place_of[values.at]
    order = np.argsort(places, kind="stable")
    sorted_places = places[order]
    is_same = sorted_places[1:] == sorted_places[:-1]
    is_last = np.append(~is_same, True)
    again = np.flatnonzero(is_same)
    before, after = (Values(order[k], values.take(order[k]).cells) for k in (again, again + 1))
    unequal = before.unequal(after)
    differing = list(
        zip(sorted_places[again + 1][unequal].tolist(), entries[after.at[unequal]].tolist(), strict=True)
    )
    kept = values.take(order[is_last])
    return Values(sorted_places[is_last], kept.cells), int(entries[order[0]]), differing


def _name(key: str, names: dict[str, str], refused: dict[str, str]) -> bool:
    """Give a key its column in `names`; return False, with the reason in `refused`, if it can have none."""
    if not key.strip():
        refused[key] = "a key is empty; left out"
        return False
    name = clean(key).strip()
    name = SECOND_PREFIX + name if _taken(name) else name
    if name in names.values():
        name = free_name(name, names.values())
    names[key] = name
    return True


def _taken(key: str) -> bool:
    """Whether a name is reserved by Clipper, or by Chroma: `#...`, `chroma:...` and `$...`."""
    return key in RESERVED or key.startswith(("#", "chroma:", "$"))
