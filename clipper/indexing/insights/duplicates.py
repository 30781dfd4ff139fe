"""The step `duplicates`: images that are double, exactly or nearly, in groups, each with one to keep.

A picture's signature is made of its thumbnail once, and kept by content. What does not belong here: finding
copies (`insight/doubles/duplicates.py`).
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.doubles import perceptual_hash
from clipper.insight.doubles.duplicates import Duplicates, Files
from clipper.insight.doubles.duplicates import find_duplicates as find
from clipper.store import facts
from clipper.store.tables import write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DUPLICATES_VERSION = "1"
SHOWN_ROWS = 200  # rows in Dagster's table
BATCH = 2_048  # signatures written together


def find_duplicates(work: Workspace) -> Step:
    """Find files of one content, and files whose pictures are copies but for size, light, crop or mirror."""
    threshold = work.settings.duplicate_similarity

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

    inputs = [DUPLICATES_VERSION, perceptual_hash.SIGNATURE_VERSION, threshold]
    return insight_step(work, "duplicates", of=["manifest", "neighbours"], inputs=inputs, make=make)


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
    """Return when a picture was taken, or else its file last changed: seconds, NaN if neither is known."""
    if taken_at:
        try:
            taken = datetime.fromisoformat(taken_at)
            return (taken if taken.tzinfo else taken.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            pass
    return mtime_ns / 1e9 if mtime_ns > 0 else float("nan")


def _signatures(work: Workspace, keys: Sequence[bytes]) -> "np.ndarray":
    """Return the signatures of contents, in their order; make those that are not kept yet."""
    store = work.signatures
    missing = sorted(set(keys) - store.keys())
    report = work.progress_for("signatures")
    with ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="signatures") as pool:
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            table, at = work.thumbnails.positions(batch)
            small = (table[facts.THUMBNAIL][row].as_py() for row in at.tolist())
            made = pool.map(perceptual_hash.signature, small)
            store.append(
                [{"content_hash": key, facts.SIGNATURE: s} for key, s in zip(batch, made, strict=True)]
            )
            report(start + len(batch), len(missing))
    table, at = store.positions(keys)
    return perceptual_hash.as_rows(table[facts.SIGNATURE].take(at).to_pylist())


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
