"""What is told about the images, joined: sources beside them, folder names and file facts -> typed columns.

What does not belong here: reading those sources (`metadata/sources.py`), a column's type
(`metadata/types.py`), image files (`images/decode.py`) and Chroma (`chroma/collection.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from unicodedata import normalize

from clipper.errors import ImagesError
from clipper.images.exif import LATITUDE, LONGITUDE
from clipper.metadata.columns import FILE, FOLDER, TAGS, Column
from clipper.metadata.types import (
    EXAMPLES,
    arrow_type,
    convert,
    first_few,
    infer_types,
    plain_value,
    type_name,
)
from clipper.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

METADATA_VERSION = "2"
# Columns of our own tables: a key of the same name gets this prefix, and that is told.
RESERVED = frozenset({"id", "path", "x", "y", "similarity"})
RESERVED_PREFIX = "metadata_"
# What a column of tags is called where a source has one of that name, which stays as it is.
_OTHER_TAGS = "clipper_"
_AMBIGUOUS = -1
_EXAMPLE_CHARACTERS = 60


@dataclass(frozen=True)
class Source:
    """One file beside the images, such as metadata.json: entries, and the key by which each names an image.

    `pick` gives the entries at some indices: of a long table most may name no image.
    """

    name: str
    keys: Sequence[str]
    pick: Callable[[Sequence[int]], Iterable[Mapping[str, Any]]]
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of_entries(
        cls, name: str, entries: Mapping[str, Mapping[str, Any]], problems: Sequence[str] = ()
    ) -> Self:
        """From `{key: entry}`."""
        values = list(entries.values())
        return cls(name, list(entries), lambda indices: [values[i] for i in indices], list(problems))


@dataclass(frozen=True)
class Metadata:
    """Rows aligned with the ids they were joined to; what is missing is not in them."""

    columns: list[Column]
    rows: list[dict[str, Any]]
    problems: list[str]

    def table(self, ids: Sequence[str]) -> "pa.Table":
        """An Arrow table: `id`, then a column each."""
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
) -> Metadata:
    """Join what is told about each image, and give each column its type.

    Args:
        ids: the images.
        facts: what their files tell, aligned with `ids`.
        sources: the strongest first: it counts where two tell the same of one image. A key of theirs
            names an image by path, by path without ending, or by name.
        tags: what people gave each image, aligned with `ids`; None: nobody gave any. They are the column
            `tags`, or `clipper_tags` where a source tells of `tags`: then each keeps its own, and taking a
            tag away again never takes one of a source's.
    """
    told, origins, problems = _merged(ids, sources)
    told_types, told_rows, misfits = infer_types(told)
    own = [_own(image_id, fact) for image_id, fact in zip(ids, facts, strict=True)]
    own_types, own_rows, _ = infer_types(own)
    columns = [Column(name, kind, " and ".join(origins[name])) for name, kind in told_types.items()]
    columns += [
        Column(name, kind, FOLDER if name == "folder" else FILE)
        for name, kind in own_types.items()
        if name not in told_types
    ]
    rows = [_fitting(ours, told_types) | theirs for ours, theirs in zip(own_rows, told_rows, strict=True)]
    if tags is not None:
        name = tags_column(column.name for column in columns)
        columns.append(Column(name, "list[str]", TAGS))
        rows = [row | ({name: list(given)} if given else {}) for row, given in zip(rows, tags, strict=True)]
    problems += [f"{' and '.join(origins[name])}: {words}" for name, words in misfits.items()]
    return Metadata(_described(columns, rows), rows, problems)


def tags_column(taken: Iterable[str]) -> str:
    """The name of the column of tags beside columns of these names."""
    names, name = set(taken), TAGS
    while name in names:
        name = _OTHER_TAGS + name
    return name


def without_missing(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is missing: None and empty lists (Chroma takes neither)."""
    return {key: value for key, value in row.items() if value is not None and value != []}


def _merged(
    ids: Sequence[str], sources: Sequence[Source]
) -> tuple[list[dict[str, Any]], dict[str, list[str]], list[str]]:
    """For each image what its strongest source tells of each column; who tells each column; what is odd."""
    find = _finder(ids)
    told: list[dict[str, Any]] = [{} for _ in ids]
    origins: dict[str, list[str]] = {}
    problems: list[str] = []
    before: list[str] = []
    for source in sources:
        entries, odd = _of_images(ids, source, find)
        problems += source.problems + odd
        differing: list[tuple[str, int]] = []
        for index, entry in entries.items():
            for key, value in entry.items():
                if key not in told[index]:
                    told[index][key] = value
                    if source.name not in (tellers := origins.setdefault(key, [])):
                        tellers.append(source.name)
                elif told[index][key] != value:
                    differing.append((key, index))
        if differing:
            examples = [f"{key} of {ids[index]}" for key, index in differing[:EXAMPLES]]
            problems.append(
                f"{source.name}: {len(differing)} value(s) differ from those of {' and '.join(before)}, "
                f"which count ({first_few(examples, count=len(differing))})"
            )
        if entries:
            before.append(source.name)
    return told, origins, problems


def _of_images(
    ids: Sequence[str], source: Source, find: Callable[[str], int | None]
) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """What one source tells of each image it names, by column, and what was left out."""
    matches, problems = _match(source, find)
    entries: dict[int, dict[str, Any]] = {}
    names: dict[str, str] = {}
    refused: dict[str, str] = {}
    twice: dict[int, None] = {}
    for index, entry in zip(matches.values(), source.pick(list(matches)), strict=True):
        image = entries.setdefault(index, {})
        for key, told in entry.items():
            try:
                value = plain_value(told)
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
        if _taken(key)
    ]
    if twice:
        problems.append(
            f"{source.name}: {len(twice)} image(s) stand twice and differently "
            f"({first_few([ids[index] for index in twice])}); what stands last counts"
        )
    return entries, problems


def _match(source: Source, find: Callable[[str], int | None]) -> tuple[dict[int, int], list[str]]:
    """Entry -> image, of the entries that name one."""
    matches: dict[int, int] = {}
    nowhere: list[str] = []
    ambiguous: list[str] = []
    for position, key in enumerate(source.keys):
        index = find(key)
        if index is None:
            nowhere.append(key)
        elif index == _AMBIGUOUS:
            ambiguous.append(key)
        else:
            matches[position] = index
    problems = []
    if nowhere:
        problems.append(f"{source.name}: no image is called {first_few(nowhere)}")
    if ambiguous:
        problems.append(f"{source.name}: several images are called {first_few(ambiguous)}; write their paths")
    return matches, problems


def _finder(ids: Sequence[str]) -> Callable[[str], int | None]:
    """Which image a key names: by the first of path, path without ending, and name that fits any."""
    stems = [image_id.rpartition(".")[0] for image_id in ids]
    names = [stem.rpartition("/")[2] for stem in stems]
    forms = [_index(written) for written in (ids, stems, names)]

    @cache
    def composed() -> list[dict[str, int]]:
        """The same with accents on their letters, as people type them: a Mac's file names have them apart."""
        return [_index(normalize("NFC", name) for name in written) for written in (ids, stems, names)]

    def find(key: str) -> int | None:
        exact = next((form[key] for form in forms if key in form), None)
        if exact is not None or key.isascii():
            return exact
        key = normalize("NFC", key)
        return next((form[key] for form in composed() if key in form), None)

    return find


def _index(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, name in enumerate(names):
        found[name] = _AMBIGUOUS if name in found else index
    return found


def _name(key: str, names: dict[str, str], refused: dict[str, str]) -> bool:
    """Give a key its column in `names`; False, and the reason in `refused`, where it can have none."""
    if not key.strip():
        refused[key] = "a key is empty; left out"
        return False
    name = clean(RESERVED_PREFIX + key if _taken(key) else key)
    if name in names.values():
        refused[key] = f"{key!r} and another key both become {name!r}; left out"
        return False
    names[key] = name
    return True


def _taken(key: str) -> bool:
    """Whether a name is one of ours or of Chroma's, which reserves `#...` and `chroma:...`."""
    return key in RESERVED or key.startswith(("#", "chroma:", "$"))


def _fitting(ours: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """A file's own facts, in the type a source gave a column of the same name; else left out."""
    fitted = {key: convert(value, told[key]) if key in told else value for key, value in ours.items()}
    return {key: value for key, value in fitted.items() if value is not None}


def _own(image_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    folder = image_id.rpartition("/")[0]
    return {"folder": folder or None, **facts}


def _described(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The columns with how many rows have each, and an example.

    None of where a photo was taken: examples are shown in places that outlive the setting `gps`, such as
    Dagster's history.
    """
    filled: Counter[str] = Counter()
    examples: dict[str, Any] = {}
    for row in rows:
        filled.update(row.keys())
        for name in row.keys() - examples.keys():
            examples[name] = row[name]
    for column in columns:
        if column.origin == FILE and column.name in (LATITUDE, LONGITUDE):
            examples.pop(column.name, None)
    return [
        replace(column, filled=filled[column.name], example=_as_text(examples.get(column.name, "")))
        for column in columns
    ]


def _as_text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[: _EXAMPLE_CHARACTERS - 1] + "…"
