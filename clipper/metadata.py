"""What is told about the images: metadata.json, folder names and file facts -> typed columns.

A column has one type: str, int, float, bool or a list of one of them. What does not fit is reported
and left out. What does not belong here: reading image files (`images.py`) and Chroma (`collection.py`).
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clipper.errors import ImagesError

if TYPE_CHECKING:
    import pyarrow as pa

METADATA_VERSION = "1"
METADATA_NAME = "metadata.json"
# Columns of our own tables: a key of the same name gets this prefix, and that is told.
RESERVED = frozenset({"id", "path", "x", "y", "similarity"})
RESERVED_PREFIX = "metadata_"
EXAMPLES = 3

Origin = Literal["metadata", "folder", "file"]


@dataclass(frozen=True)
class Column:
    """A metadata column: its name, its type (`str`, `int`, `list[str]`, ...) and where it came from."""

    name: str
    type: str
    origin: Origin


@dataclass(frozen=True)
class Metadata:
    """Rows aligned with the ids they were joined to; a missing value is None."""

    columns: list[Column]
    rows: list[dict[str, Any]]
    problems: list[str]

    def table(self, ids: Sequence[str]) -> "pa.Table":
        """An Arrow table: `id`, then a column each."""
        import pyarrow as pa

        fields = [("id", pa.string()), *((c.name, _arrow_type(c.type)) for c in self.columns)]
        rows = [{"id": image_id, **row} for image_id, row in zip(ids, self.rows, strict=True)]
        return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def parse(data: bytes, *, source: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Parse metadata.json: `{"<image>": {"<key>": value}}`.

    Returns:
        the entries, and what was left out of them.

    Raises:
        ImagesError: it is not a JSON object; nothing is indexed then, so that a slip of the pen does
            not empty a published atlas of its metadata.
    """
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        repeated.extend(key for key, count in counts.items() if count > 1)
        return dict(pairs)

    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ImagesError(f'{source} must be an object like {{"<image>": {{"<key>": value}}}}')
    problems = [f"{source}: {key!r} stands twice; the last one counts" for key in repeated]
    entries = {key: value for key, value in document.items() if isinstance(value, dict)}
    if odd := [key for key in document if key not in entries]:
        problems.append(f"{source}: no object under {_some(odd)}; left out")
    return entries, problems


def join(
    ids: Sequence[str],
    facts: Sequence[Mapping[str, Any]],
    entries: Mapping[str, Mapping[str, Any]],
    *,
    source: str = METADATA_NAME,
) -> Metadata:
    """Join what is told about each image, and give each column its type.

    Args:
        ids: the images.
        facts: what their files tell, aligned with `ids`.
        entries: of metadata.json; a key names an image by path, by path without ending, or by name.
        source: how messages call it.
    """
    told: list[dict[str, Any]] = [{} for _ in ids]
    matches, problems = _match(ids, entries, source)
    for key, index in matches.items():
        told[index] |= entries[key]
    names, renamed = _names({name for row in told for name in row}, source)
    told = [{names[key]: row[key] for key in row if key in names} for row in told]
    told_types, told_rows, misfits = _typed(told)
    own = [_own(image_id, fact) for image_id, fact in zip(ids, facts, strict=True)]
    own_types, own_rows, _ = _typed(own)
    columns = [Column(name, kind, "metadata") for name, kind in told_types.items()]
    columns += [
        Column(name, kind, "folder" if name == "folder" else "file")
        for name, kind in own_types.items()
        if name not in told_types
    ]
    rows = [_fitting(ours, told_types) | theirs for ours, theirs in zip(own_rows, told_rows, strict=True)]
    problems += renamed + [f"{source}: {misfit}" for misfit in misfits]
    return Metadata(columns, rows, problems)


def present(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is missing: None and empty lists (Chroma takes neither)."""
    return {key: value for key, value in row.items() if value is not None and value != []}


def _match(ids: Sequence[str], entries: Iterable[str], source: str) -> tuple[dict[str, int], list[str]]:
    """Which image each key names: the first of path, path without ending, and name that fits any."""
    by_path = {image_id: [index] for index, image_id in enumerate(ids)}
    by_stem: dict[str, list[int]] = {}
    by_name: dict[str, list[int]] = {}
    for index, image_id in enumerate(ids):
        stem = image_id.rpartition(".")[0]
        by_stem.setdefault(stem, []).append(index)
        by_name.setdefault(stem.rpartition("/")[2], []).append(index)
    matches: dict[str, int] = {}
    nowhere: list[str] = []
    ambiguous: list[str] = []
    for key in entries:
        fits = by_path.get(key) or by_stem.get(key) or by_name.get(key) or []
        if len(fits) == 1:
            matches[key] = fits[0]
        else:
            (ambiguous if fits else nowhere).append(key)
    problems = []
    if nowhere:
        problems.append(f"{source}: no image is called {_some(nowhere)}")
    if ambiguous:
        problems.append(f"{source}: several images are called {_some(ambiguous)}; write their paths")
    return matches, problems


def _names(keys: set[str], source: str) -> tuple[dict[str, str], list[str]]:
    """The column of each key. Chroma reserves `#...` and `chroma:...`."""
    names: dict[str, str] = {}
    problems: list[str] = []
    for key in sorted(keys):
        if not key.strip():
            problems.append(f"{source}: a key is empty; left out")
            continue
        taken = key in RESERVED or key.startswith(("#", "chroma:", "$"))
        name = _clean(RESERVED_PREFIX + key if taken else key)
        if name in names.values():
            problems.append(f"{source}: {key!r} and another key both become {name!r}; left out")
            continue
        names[key] = name
        if taken:
            problems.append(f"{source}: {key!r} is a name Clipper uses; it became {name!r}")
    return names, problems


def _fitting(ours: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """A file's own facts, in the type metadata.json gave a column of the same name; else left out."""
    fitted = {key: _fit(value, told[key]) if key in told else value for key, value in ours.items()}
    return {key: value for key, value in fitted.items() if value is not None}


def _own(image_id: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    folder = image_id.rpartition("/")[0]
    return {"folder": folder or None, **facts}


def _typed(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str], list[dict[str, Any]], list[str]]:
    """Column types by what is usual in them, rows in those types, and what did not fit."""
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    kinds: dict[str, Counter[str]] = {}
    for row in plain:
        for key, value in row.items():
            if (kind := _kind(value)) is not None:
                kinds.setdefault(key, Counter())[kind] += 1
    types = {key: _usual(counts) for key, counts in kinds.items()}
    fitted: list[dict[str, Any]] = []
    misfits: dict[str, list[Any]] = {}
    for row in plain:
        fitted.append({})
        for key, value in row.items():
            if _kind(value) is None:
                continue
            if (fit := _fit(value, types[key])) is None:
                misfits.setdefault(key, []).append(value)
            else:
                fitted[-1][key] = fit
    told = [
        f"{key!r} is {types[key]}, {len(values)} value(s) are not ({_some(values)}); left out"
        for key, values in misfits.items()
    ]
    return types, fitted, told


def _plain(value: Any) -> Any:
    """Scalars as they are, lists of scalars as lists, everything nested as JSON text."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        if any(isinstance(item, list | dict) for item in value):
            return _clean(json.dumps(value, ensure_ascii=False))
        return [_plain(item) for item in value if item is not None]
    if isinstance(value, dict):
        return _clean(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return value


def _kind(value: Any) -> str | None:
    """The name of a value's type; None where there is nothing to keep."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, list):
        kinds = {kind for item in value if (kind := _kind(item))}
        if not kinds:
            return None
        if kinds == {"int", "float"}:
            return "list[float]"
        return f"list[{kinds.pop()}]" if len(kinds) == 1 else "list[mixed]"
    return type(value).__name__


def _usual(counts: Counter[str]) -> str:
    """The type of a column that holds these: numbers widen, single values join lists, else the most."""
    inners = {kind: kind.removeprefix("list[").removesuffix("]") for kind in counts}
    listed = any(kind.startswith("list[") for kind in counts)
    widened = {"mixed": "str"} | ({"int": "float"} if "float" in inners.values() else {})
    merged: Counter[str] = Counter()
    for kind, count in counts.items():
        inner = widened.get(inners[kind], inners[kind])
        merged[f"list[{inner}]" if listed else inner] += count
    return max(sorted(merged, reverse=True), key=lambda kind: merged[kind])


def _fit(value: Any, kind: str) -> Any:
    """`value` in a column's type, or None."""
    if kind.startswith("list["):
        inner = kind[5:-1]
        items = value if isinstance(value, list) else [value]
        mixed = isinstance(value, list) and _kind(value) == "list[mixed]"
        fitted = [_fit(str(item) if mixed else item, inner) for item in items]
        kept = [item for item in fitted if item is not None]
        return kept or None
    if kind == "float" and type(value) in (int, float):
        return float(value) if abs(value) < 2**1023 and math.isfinite(value) else None
    if type(value).__name__ != kind:
        return None
    return None if kind == "int" and not -(2**63) <= value < 2**63 else value


def _clean(text: str) -> str:
    """Text that UTF-8 can hold: JSON may smuggle in half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _arrow_type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    if kind.startswith("list["):
        return pa.list_(_arrow_type(kind[5:-1]))
    return {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]


def _some(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value)[:60] for value in values[:EXAMPLES])
    return f"{shown} and {len(values) - EXAMPLES} more" if len(values) > EXAMPLES else shown
