"""Join metadata: files beside the images, folder names, file facts and tags -> typed columns.

What does not belong here: reading those sources (`metadata/sources.py`), a column's type
(`metadata/values/types.py`), image files (`images/decode.py`) and Chroma (`chroma/collection.py`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from clipper.errors import ImagesError
from clipper.images import folder_names
from clipper.images.exif import LATITUDE, LONGITUDE, TIMES
from clipper.metadata.columns import FILE, FOLDER, LABELS, TAGS, Column
from clipper.metadata.keys.match import ImageKeys, Matches
from clipper.metadata.values.dates import read_times
from clipper.metadata.values.shared_columns import SECOND_PREFIX, Entries, free_name, part_columns
from clipper.metadata.values.types import (
    EXAMPLES,
    arrow_type,
    first_few,
    infer_types,
    plain_value,
    type_name,
)
from clipper.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

METADATA_VERSION = "5"
# Columns of Clipper's own tables: a key with such a name gets this prefix, and a note says so.
RESERVED = frozenset({"id", "path", "x", "y", "similarity"})
# The prefix of the column of tags if a source has a column of that name, which stays as it is.
_OTHER_TAGS = "clipper_"
_EXAMPLE_CHARACTERS = 60
# So many values that differ show which sources have others.
_COMPARED = 100


@dataclass(frozen=True)
class Source:
    """One metadata file beside the images: its entries, and the key with which each names an image.

    `pick` returns the entries at some indices: most rows of a long table may name no image. `matches` has the
    image of each key, where the file was read for some images. `lost` counts the rows without a key, and
    those that could not be read.
    """

    name: str
    keys: Sequence[str]
    pick: Callable[[Sequence[int]], Iterable[Mapping[str, Any]]]
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


@dataclass(frozen=True)
class Metadata:
    """Columns, and a row for each image, without the missing values."""

    columns: list[Column]
    rows: list[dict[str, Any]]
    problems: list[str]

    def table(self, ids: Sequence[str]) -> "pa.Table":
        """Make an Arrow table: `id`, then the columns."""
        import pyarrow as pa

        fields = [("id", pa.string()), *((c.name, arrow_type(c.type)) for c in self.columns)]
        rows = [{"id": image_id, **row} for image_id, row in zip(ids, self.rows, strict=True)]
        return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def join(
    ids: Sequence[str],
    facts: Sequence[Mapping[str, Any]],
    sources: Sequence[Source],
    *,
    tags: Sequence[Sequence[str]] | None = None,
    labels: Mapping[str, Sequence[str | None]] | None = None,
) -> Metadata:
    """Join the metadata of each image, and give each column its type.

    Args:
        ids: of the images.
        facts: of the image files, aligned with `ids`.
        sources: if two have a value in the same column for an image, the first wins. A key names an image
            by path, by path without ending, or by name.
        tags: of each image, aligned with `ids`; None if no image has any. They become the column `tags`, or
            `clipper_tags` if a source has a column `tags`: so removing a tag never removes a source's.
        labels: column -> the label of each image, aligned with `ids`. A name that is taken has a prefix.
    """
    own = [{**said, **fact} for said, fact in zip(folder_names.of_folders(ids), facts, strict=True)]
    own_types, _, _ = infer_types(own)
    entries, problems = _entries(ids, sources)
    problems += part_columns(entries, own_types, times=TIMES)
    given, origins, differing = _merge(ids, entries)
    problems += differing
    types, rows, misfits = infer_types([ours | theirs for ours, theirs in zip(own, given, strict=True)])
    kept = {
        name
        for ours, theirs in zip(own, given, strict=True)
        for name in ours.keys() - theirs.keys()
        if ours[name] is not None
    }
    columns = [
        Column(name, types[name], _named([*_of_files(name, own_types, kept), *origins.get(name, ())]))
        for name in dict.fromkeys([*origins, *own_types])
        if name in types
    ]
    if tags is not None:
        name = tags_column(column.name for column in columns)
        columns.append(Column(name, "list[str]", TAGS))
        rows = [
            row | ({name: list(own_tags)} if own_tags else {})
            for row, own_tags in zip(rows, tags, strict=True)
        ]
    for label_column, values in (labels or {}).items():
        name = _free_name(label_column, (column.name for column in columns))
        columns.append(Column(name, "str", LABELS))
        rows = [
            row | ({name: value} if value is not None else {})
            for row, value in zip(rows, values, strict=True)
        ]
    problems += [f"{_named(origins[name])}: {words}" for name, words in misfits.items() if name in origins]
    return Metadata(_described(columns, rows), rows, problems)


def _named(sources: Sequence[str]) -> str:
    """Name the first of some sources: each of a thousand folders may have a table."""
    more = len(sources) - EXAMPLES
    return " and ".join(sources[:EXAMPLES]) + (f" and {more:,} more" if more > 0 else "")


def tags_column(taken: Iterable[str]) -> str:
    """Return the name of the column of tags beside columns with these names."""
    return _free_name(TAGS, taken)


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    names, name = set(taken), wanted
    while name in names:
        name = _OTHER_TAGS + name
    return name


def without_missing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without None and empty lists (Chroma takes neither)."""
    return {key: value for key, value in row.items() if value is not None and value != []}


def _of_files(name: str, types: Mapping[str, str], kept: Collection[str]) -> list[str]:
    """Return the origin of a column's values that are of the files; none if sources replace them all."""
    return [FOLDER if name in folder_names.COLUMNS else FILE] if name in types and name in kept else []


def _entries(ids: Sequence[str], sources: Sequence[Source]) -> tuple[list[Entries], list[str]]:
    """Return each source's entries, with times in ISO 8601, and the problems."""
    images = ImageKeys(ids)
    found: list[Entries] = []
    problems: list[str] = []
    for source in sources:
        of_image, odd = _of_images(ids, source, images)
        times, notes = read_times(list(of_image.values()))
        found.append(Entries(source.name, of_image, times))
        problems += source.problems + odd + [f"{source.name}: {note}" for note in notes]
    return found, problems


def _merge(
    ids: Sequence[str], sources: Sequence[Entries]
) -> tuple[list[dict[str, Any]], dict[str, list[str]], list[str]]:
    """Return a row for each image, the names of each column's sources, and the problems."""
    rows: list[dict[str, Any]] = [{} for _ in ids]
    origins: dict[str, list[str]] = {}
    problems: list[str] = []
    for number, one in enumerate(sources):
        differing: list[tuple[str, int]] = []
        for index, entry in one.of_image.items():
            for key, value in entry.items():
                if key not in rows[index]:
                    rows[index][key] = value
                    if one.source not in (names := origins.setdefault(key, [])):
                        names.append(one.source)
                elif rows[index][key] != value:
                    differing.append((key, index))
        if differing:
            examples = [f"{key} of {ids[index]}" for key, index in differing[:EXAMPLES]]
            used = [
                other.source
                for other in sources[:number]
                if any(key in other.of_image.get(index, ()) for key, index in differing[:_COMPARED])
            ]
            problems.append(
                f"{one.source}: {len(differing)} value(s) differ from those of {_named(used)}, "
                f"which are used ({first_few(examples, count=len(differing))})"
            )
    return rows, origins, problems


def _of_images(
    ids: Sequence[str], source: Source, images: ImageKeys
) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """Return one source's entry for each image that it names, by column, and the problems."""
    import numpy as np

    matches = source.matches or images.match(source.keys)
    places = np.flatnonzero(matches.rows >= 0)
    problems = matches.problems(source.name, source.keys)
    entries: dict[int, dict[str, Any]] = {}
    names: dict[str, str] = {}
    refused: dict[str, str] = {}
    twice: dict[int, None] = {}
    for index, entry in zip(matches.rows[places].tolist(), source.pick(places.tolist()), strict=True):
        image = entries.setdefault(index, {})
        for key, raw in entry.items():
            try:
                value = plain_value(raw)
            except RecursionError:
                raise ImagesError(
                    f"{source.name}: {key} of {ids[index]} is nested too deeply; flatten it"
                ) from None
            if type_name(value) is None or key in refused:
                continue
            if key not in names and not _name(key, names, refused):
                continue
            name = names[key]
            if image.get(name, value) != value:
                twice[index] = None
            image[name] = value
    problems += [f"{source.name}: {words}" for words in sorted(refused.values())]
    problems += [
        f"{source.name}: {key!r} is a name Clipper uses; it became {name!r}"
        for key, name in sorted(names.items())
        if name != clean(key).strip()
    ]
    if twice:
        problems.append(
            f"{source.name}: {len(twice)} image(s) have several entries that differ "
            f"({first_few([ids[index] for index in twice])}); the last one is used"
        )
    return entries, problems


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


def _described(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    """Return the columns with their counts of values, and an example each.

    Coordinates get no example: examples are kept where the setting `gps` does not reach, such as in Dagster's
    history.
    """
    filled: Counter[str] = Counter()
    examples: dict[str, Any] = {}
    for row in rows:
        filled.update(row.keys())
        for name in row.keys() - examples.keys():
            examples[name] = row[name]
    for column in columns:
        if column.has(FILE) and column.name in (LATITUDE, LONGITUDE):
            examples.pop(column.name, None)
    return [
        replace(column, filled=filled[column.name], example=_as_text(examples.get(column.name, "")))
        for column in columns
    ]


def _as_text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 1] + "…"
