"""The step `duplicates`: images that are double, exactly or nearly, in groups, each with one to keep.

What does not belong here: finding copies (`insight/doubles/duplicates.py`), and the signatures of pictures,
which the step that decodes makes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import shake_256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.hashing import digest
from clipper.images.picture.signature import SIGNATURE_BYTES, SIGNATURE_VERSION
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.doubles.duplicates import Duplicates, Files
from clipper.insight.doubles.duplicates import find_duplicates as find
from clipper.store import facts
from clipper.store.tables import write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DUPLICATES_VERSION = "2"
SHOWN_ROWS = 200  # rows in Dagster's table


def find_duplicates(work: Workspace) -> Step:
    """Find files of one content, and files whose pictures are copies but for size, light, crop or mirror."""
    threshold = work.settings.duplicate_similarity
    lacking = _lacking(work) if work.settings.duplicates else []

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        files = _files(work, keys)
        found = find(work.graph(keys), _signatures(work, keys), files, threshold=threshold)
        groups = int(found.groups.max()) + 1 if len(found) else 0
        kinds = Counter(found.kinds)
        counts = {"groups": groups, "images": len(found), **dict(sorted(kinds.items()))}
        table = _table(files, found)
        rows = table.slice(0, SHOWN_ROWS).select(["group", "id", "kind", "why"]).to_pylist()
        write_part(path, table, {**made_of, "counts": counts, "rows": rows})

    inputs = [DUPLICATES_VERSION, SIGNATURE_VERSION, threshold, *([digest(lacking)] if lacking else [])]
    step = insight_step(work, "duplicates", of=["manifest", "neighbours"], inputs=inputs, make=make)
    if lacking:
        count = f"{len(lacking):,} image(s) have no signature, so only exact copies of them are found"
        step.notes = [f"{count}; the asset image_facts makes the signatures of images that can be decoded"]
    return step


def _lacking(work: Workspace) -> list[bytes]:
    """Return the usable contents without a signature, sorted.

    There are some if Dagster made no image_facts since `duplicates` was switched on, or where an image that
    an earlier Clipper decoded cannot be decoded any more.
    """
    _, manifest = work.manifest()
    made = work.signatures.keys() - facts.without_signature(work.signatures)
    lacking = set(manifest.hashes()) - made
    return sorted(lacking & set(work.contents())) if lacking else []


def _files(work: Workspace, keys: Sequence[bytes]) -> Files:
    """Return what is known of each usable file."""
    import numpy as np

    members = work.members()
    row = {key: at for at, key in enumerate(keys)}
    known = facts.read(work.facts, keys)
    sizes = [[known[entry.content_hash][side] for entry in members] for side in ("width", "height")]
    return Files(
        ids=[entry.id for entry in members],
        contents=np.array([row[entry.content_hash] for entry in members], np.int64),
        widths=np.array(sizes[0], np.int64),
        heights=np.array(sizes[1], np.int64),
        bytes=np.array([entry.bytes for entry in members], np.int64),
        times=np.array(
            [_time_of(known[entry.content_hash].get("taken_at"), entry.mtime_ns) for entry in members]
        ),
    )


def _time_of(taken_at: str | None, mtime_ns: int) -> float:
    """Return when a picture was taken, or else its file last changed: seconds, NaN if neither is known.

    The wall clock tells the day of a photo, as everywhere; few cameras write the offset from UTC.
    """
    if taken_at:
        try:
            return datetime.fromisoformat(taken_at).replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError, OSError):
            pass
    return mtime_ns / 1e9 if mtime_ns > 0 else float("nan")


def _signatures(work: Workspace, keys: Sequence[bytes]) -> "np.ndarray":
    """Return the signatures of contents, in their order; without one, noise: it is like no other picture."""
    import numpy as np

    signatures, known = facts.read_signatures(work.signatures, keys)
    for row in np.flatnonzero(~known).tolist():
        signatures[row] = np.frombuffer(shake_256(keys[row]).digest(SIGNATURE_BYTES), np.uint8)
    return signatures


def _table(files: Files, found: Duplicates) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {
            "group": pa.array(found.groups, pa.int32()),
            "id": pa.array([files.ids[row] for row in found.files.tolist()], pa.string()),
            "kind": pa.array(found.kinds, pa.string()),
            "similarity": pa.array(found.similarities, pa.float32()),
            "keep": pa.array(found.keep, pa.bool_()),
            "why": pa.array(found.why, pa.string()),
        }
    )
