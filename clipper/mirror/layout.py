"""Which objects of a home belong into a local copy: all for a run, for a reader those of one version.

What does not belong here: requests (`mirror/objects.py`), and what the files mean (`store/`).
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

CURRENT, STAGED, LEASE, UNNEEDED = (
    f"store/{name}.json" for name in ("current", "staged", "lease", "unneeded")
)
# What `Home` has beside its store: settings, a vocabulary, and what people gave.
_OF_ROOT = re.compile(r"clipper\.toml|vocabulary\.txt|[a-z_]+\.json")
_OWN = frozenset({CURRENT, LEASE, UNNEEDED})
# Rows by content hash: those that a reader needs, and all; `embeddings` has a folder for each model, and
# `hashed` has the hashes of files that no manifest has yet.
_READ_SHARDS = frozenset({"facts", "thumbnails", "places"})
_SHARDS = _READ_SHARDS | {"embeddings", "measures", "signatures", "hashed"}
# Dagster's records of a home belong to one machine.
_NOT_COPIED = frozenset({"dagster"})
# As Clipper and Chroma name files, which every disk can have: no device of Windows, no dot at either end.
_USUAL = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w-][\w.+=@-]*(?<!\.)", re.IGNORECASE)
_LONGEST = 200  # bytes of a name; while a file is written, its name is longer
_IN_STORE = re.compile(r"[a-z_]+\.(?:json|parquet)")
_COLLECTION, _SNAPSHOTS, _SERVER = (f"store/{name}/" for name in ("collection", "snapshots", "server"))


def is_path(path: str) -> bool:
    """Whether an object's path can be that of a file of a home; others, such as `../x`, are left alone."""
    parts = path.split("/")
    if len(parts) == 1:
        return _OF_ROOT.fullmatch(path) is not None
    if len(parts) == 2:  # noqa: PLR2004 - in the store itself: notes of runs
        return parts[0] == "store" and _IN_STORE.fullmatch(parts[1]) is not None
    is_in_store = parts[0] == "store" and parts[1].lower() not in _NOT_COPIED
    return is_in_store and all(map(_is_usual, parts))


def _is_usual(part: str) -> bool:
    return _USUAL.fullmatch(part) is not None and len(part.encode()) <= _LONGEST


def is_copied(path: str) -> bool:
    """Whether a path of a home is one that its local copies have, besides current.json."""
    return is_path(path) and path not in _OWN


def is_copied_folder(path: str) -> bool:
    """Whether files of a folder of a home belong into its local copies."""
    return path.split("/", maxsplit=1)[0] == "store" and is_copied(f"{path}/x.json")


def is_note(path: str) -> bool:
    """Whether a path is that of a small file that is written again and again; others stay as they are."""
    return "/" not in path or path in (CURRENT, STAGED)


def in_collection(path: str) -> str:
    """Return the version of the collection in whose folder a file lies; "" if it lies in none."""
    inside = path.removeprefix(_COLLECTION)
    return inside.partition("/")[0] if inside != path and "/" in inside else ""


def is_shard(path: str) -> bool:
    """Whether a path is that of a file of rows by content hash."""
    return path.split("/")[1:2] in [[name] for name in _SHARDS]


def collection_table(version: str) -> str:
    """The path of the table beside a collection's folder, which is written last."""
    return f"{_COLLECTION}{version}.parquet"


def is_collection_table(path: str) -> bool:
    """Whether a path is that of the table beside a collection's folder."""
    return path.startswith(_COLLECTION) and path.count("/") == 2 and path.endswith(".parquet")  # noqa: PLR2004


def for_writer(paths: Iterable[str], _: Mapping[str, Any]) -> set[str]:
    """Choose what a run needs: everything; a collection's folder is fetched when it is opened."""
    return {path for path in paths if is_copied(path) and not in_collection(path)}


def for_reader(paths: Collection[str], current: Mapping[str, Any]) -> set[str]:
    """Choose what readers of the published version need, whose current.json that is."""
    further = [each for each in _listed(current.get("further")) if isinstance(each, dict)]
    of_all = [current, *further]
    keys = {str(each.get("embeddings")) for each in of_all}
    versions = {
        (name, str(version))
        for each in of_all
        for name, version in (each["parts"] if isinstance(each.get("parts"), dict) else {}).items()
    }
    if "version" in current:
        versions.add(("snapshots", str(current["version"])))
    else:  # of a home that was in a folder, and was copied to the store: it is one of these
        versions |= {("snapshots", _version_in(path)) for path in paths if path.startswith(_SNAPSHOTS)}
    return {path for path in for_writer(paths, current) if _is_read(path.split("/"), keys, versions)}


def of_version(paths: Collection[str], current: Mapping[str, Any]) -> set[str]:
    """Choose what a published version names, and what runs note of its collections on servers; no rows."""
    notes = {path for path in paths if path.startswith(_SERVER) and is_copied(path)}
    return notes | {path for path in for_reader(paths, current) if not is_shard(path)}


def in_root(paths: Iterable[str]) -> set[str]:
    """Choose what a home has beside its store."""
    return {path for path in paths if "/" not in path and is_path(path)}


def read_current(data: bytes | None) -> Mapping[str, Any]:
    """Read a current.json as far as a choice needs; nothing if it is none: who opens it says so."""
    try:
        told = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_read(parts: list[str], keys: set[str], versions: set[tuple[str, str]]) -> bool:
    if len(parts) == 1:
        return True
    if len(parts) == 2:  # noqa: PLR2004 - notes of runs
        return False
    folder = parts[1]
    if folder == "embeddings":
        return parts[2] in keys
    return folder in _READ_SHARDS or (folder, _version_in(parts[2])) in versions


def _version_in(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
