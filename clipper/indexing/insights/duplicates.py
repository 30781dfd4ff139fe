"""The step `duplicates`: images that are double, exactly or nearly, in groups, each with one to keep.

What does not belong here: finding copies (`insight/doubles/duplicates.py`), and the signatures of pictures,
which the step that decodes makes.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import shake_256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import booleans, integers, numbers, truths
from clipper.hashing import digest
from clipper.images.picture.signature import SIGNATURE_BYTES, SIGNATURE_VERSION
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.doubles.duplicates import Duplicates, Files
from clipper.insight.doubles.duplicates import find_duplicates as find
from clipper.metadata.values.column_values import Values
from clipper.store import facts
from clipper.store.columns.entries import BYTES, MTIME_NS
from clipper.store.columns.keys import Keys
from clipper.store.tables import write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DUPLICATES_VERSION = "2"
SHOWN_ROWS = 200  # rows in Dagster's table
TAKEN = "taken_at"
# A time as nearly all cameras write it.
_PLAIN = r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d$"


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
    lacking = manifest.contents - made
    return list(lacking & work.contents()) if lacking else []


def _files(work: Workspace, keys: Keys) -> Files:
    """Return what is known of each usable file."""
    import numpy as np
    import pyarrow as pa

    members = work.members()
    known = facts.read_columns(work.facts, pa.array(keys, pa.binary(16)))
    contents = keys.positions(members.keys)
    widths, heights = (facts.whole_numbers(known, side, len(keys)) for side in ("width", "height"))
    taken = np.full(len(keys), np.nan)
    if TAKEN in known:
        taken[known[TAKEN].at] = _seconds(known[TAKEN])
    changed = members.numbers(MTIME_NS)
    times = np.where(np.isnan(taken[contents]), np.where(changed > 0, changed / 1e9, np.nan), taken[contents])
    return Files(members.ids, contents, widths[contents], heights[contents], members.numbers(BYTES), times)


def _seconds(taken: Values) -> "np.ndarray":
    """Return when pictures were taken, (m,) float64 in seconds; NaN for what is no time.

    The wall clock tells the day of a photo, as everywhere; few cameras write the offset from UTC.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = np.full(len(taken), np.nan)
    if isinstance(taken.cells, list):
        seconds[:] = list(map(_seconds_of, taken.cells))
        return seconds
    is_plain = truths(pc.match_substring_regex(taken.cells, _PLAIN))
    try:
        plain = taken.cells.filter(booleans(is_plain)).cast(pa.timestamp("s"))
    except pa.ArrowInvalid:  # one is no time, such as the 31st of June
        is_plain[:] = False
    else:
        seconds[is_plain] = numbers(plain.cast(pa.int64()))
    seconds[~is_plain] = list(map(_seconds_of, taken.cells.filter(booleans(~is_plain)).to_pylist()))
    return seconds


def _seconds_of(taken: object) -> float:
    try:
        return datetime.fromisoformat(str(taken)).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        return float("nan")


def _signatures(work: Workspace, keys: Keys) -> "np.ndarray":
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
            "id": pa.array(files.ids, pa.large_string()).take(integers(found.files)).cast(pa.string()),
            "kind": pa.array(found.kinds, pa.string()),
            "similarity": pa.array(found.similarities, pa.float32()),
            "keep": pa.array(found.keep, pa.bool_()),
            "why": pa.array(found.why, pa.string()),
        }
    )
