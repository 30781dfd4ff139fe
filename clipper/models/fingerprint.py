"""The fingerprint of a model: a hash of its files, so that a copied, moved or renamed model is the same one.

A CLIP has 600 MB, and every search and every run asks for its fingerprint: it is kept in the user's cache for
as long as size, times and inode of all files stay. What does not belong here: finding a model
(`models/source.py`).
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from clipper.caches import cache_folder
from clipper.hashing import checksum_holds, digest
from clipper.images.listing import RACY_NS
from clipper.store.home import write_json

# Fingerprints that are kept; the one that was written first goes first.
_KEPT = 64
_BLOCK = 1 << 22


def fingerprint(files: Sequence[Path], *, version: str) -> str:
    """Return 32 hex digits of BLAKE2b over the names and the bytes of a model's files, in their order.

    Args:
        files: of the model.
        version: of the code that makes vectors with it.

    Raises:
        OSError: a file cannot be read.
    """
    stamps, now = [_stamp(path) for path in files], time.time_ns()
    path = _kept_at(files, version)
    if path is not None and (known := _read(path, stamps)):
        return known
    state = blake2b(version.encode(), digest_size=16)
    for each in files:
        with each.open("rb") as file:
            state.update(each.name.encode())
            while block := file.read(_BLOCK):
                state.update(block)
    found = state.hexdigest()
    # A file that changed so shortly before it was read may change again without another time: it is not kept.
    if path is not None and all(max(times) < now - RACY_NS for _, _, *times in stamps):
        with suppress(OSError):
            write_json(path, {"files": stamps, "fingerprint": found})
            _prune(path.parent)
    return found


def _stamp(path: Path) -> list[int]:
    """Return size, inode and both times of a file; no program that copies can set the second time."""
    seen = os.stat(path)  # noqa: PTH116 - a model of the hub's cache is links to files
    return [seen.st_size, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns]


def _kept_at(files: Sequence[Path], version: str) -> Path | None:
    """Return where the fingerprint of these files is kept; None for a user without a cache."""
    folder, name = cache_folder("clipper"), digest(version, [str(path) for path in files])
    return folder / "models" / f"{name}.json" if folder else None


def _read(path: Path, stamps: Sequence[Sequence[int]]) -> str | None:
    """Return the kept fingerprint of files that are as they were; None for others, or a damaged file."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        same = checksum_holds(kept) and kept["files"] == stamps
        return str(kept["fingerprint"]) if same else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _prune(folder: Path) -> None:
    kept = sorted(folder.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)
