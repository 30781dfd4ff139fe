"""The step `drift`: how the images differ from those of the version that is published now.

What does not belong here: comparing two sets of images (`insight/drift.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.drift import DRIFT_LEVEL, Drift, cluster_ids
from clipper.insight.drift import measure_drift as measure
from clipper.store import embeddings, snapshots
from clipper.store.parts import clusters as stored
from clipper.store.snapshots import Snapshot
from clipper.store.tables import is_written, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DRIFT_VERSION = "1"
NEW, SPARSE = "new", "sparse"
COUNTED = ("new", "gone", "sparse", "drifted", "p_value")


def measure_drift(work: Workspace) -> Step:
    """Compare the images with the published ones if they changed; else keep what was found before.

    The first version, and one of another model, has nothing to be compared with.
    """

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        before = _comparable(work)
        if before is None:
            told: dict[str, Any] = {"compared": False}
            table, counts = _table([], []), {"images": len(keys), "drifted": False}
        else:
            found = _compare(work, keys, before)
            told = {"compared": True, "since": before.published_at.isoformat(), **found.to_json()}
            table = _table(*([keys[row] for row in rows.tolist()] for rows in (found.new, found.sparse)))
            counts = {"images": len(keys), **{name: told[name] for name in COUNTED}}
        write_part(path, table, {**made_of, "drift": told, "counts": counts})

    inputs = [DRIFT_VERSION, work.settings.drift_level]
    of = ["neighbours", *(["clusters"] if work.staged.clusters else [])]
    return insight_step(work, "drift", of=of, inputs=inputs, make=make, follows=True)


def _comparable(work: Workspace) -> Snapshot | None:
    """Return the published version if it is of the same model and has a neighbor graph."""
    before = snapshots.current(work.home)
    same = before is not None and before.embeddings == work.staged.embeddings
    if not same or before is None or "neighbours" not in before.parts:
        return None
    return before if is_written(work.home.part("neighbours", before.parts["neighbours"])) else None


def _compare(work: Workspace, keys: list[bytes], before: Snapshot) -> Drift:
    _, _, store = work.embeddings()
    path = work.home.part("neighbours", before.parts["neighbours"])
    known = store.keys()
    earlier = [key for key in read_parquet(path)["content_hash"].to_pylist() if key in known]
    then = _cluster_ids(work, before.parts.get("clusters", ""), earlier)
    now = _cluster_ids(work, work.staged.clusters, keys)
    return measure(
        embeddings.read(store, earlier),
        embeddings.read(store, keys),
        keys=(earlier, keys),
        clusters=None if then is None or now is None else (then, now),
        level=work.settings.drift_level,
    )


def _cluster_ids(work: Workspace, version: str, keys: list[bytes]) -> "np.ndarray | None":
    """Return the cluster of each content in a version of the clusters; None without that version."""
    path = work.home.part("clusters", version)
    if not version or not is_written(path):
        return None
    known, clusters = stored.read(path)
    row = {key: at for at, key in enumerate(known)}
    ids: np.ndarray = cluster_ids(clusters, DRIFT_LEVEL)[[row[key] for key in keys]]
    return ids


def _table(new: list[bytes], sparse: list[bytes]) -> "pa.Table":
    import pyarrow as pa

    far = set(sparse)
    kinds = [SPARSE if key in far else NEW for key in new]
    return pa.table({"image": pa.array(new, pa.binary(16)), "kind": pa.array(kinds, pa.string())})
