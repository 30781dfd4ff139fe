"""The step `drift`: how the images differ from those of the published version, and the parts of a split.

What does not belong here: comparing two sets of images (`insight/drift.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.indexing.insights.split_drift import Splits, compare_parts, read_splits
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.drift import DRIFT_LEVEL, Drift, cluster_ids
from clipper.insight.drift import measure_drift as measure
from clipper.store import cluster_names, embeddings, snapshots
from clipper.store.parts import clusters as stored
from clipper.store.snapshots import Snapshot
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DRIFT_VERSION = "2"
NEW, SPARSE = "new", "sparse"
COUNTED = ("new", "gone", "sparse", "drifted", "p_value")


def measure_drift(work: Workspace) -> Step:
    """Compare the images with the published ones if they changed; else keep what was found before.

    The first version, and one of another model, has nothing to be compared with. The parts of a split, such
    as train and val, are compared with each other.
    """
    splits = read_splits(work) if work.settings.drift else {}

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        told, table = _since_before(work, keys)
        pairs, far = _between_parts(work, keys, splits)
        counts: dict[str, Any] = {"images": len(keys), "drifted": False}
        counts |= {name: told[name] for name in COUNTED if told["compared"]}
        counts |= (
            {"pairs": len(pairs), "pairs_differ": sum(pair["drifted"] for pair in pairs)} if pairs else {}
        )
        made = {**made_of, "drift": told, "splits": pairs, "counts": counts}
        write_part(path, _with_pairs(table, far), made)

    inputs = [DRIFT_VERSION, work.settings.drift_level, splits]
    of = ["neighbours", *(["clusters"] if work.staged.clusters else [])]
    return insight_step(work, "drift", of=of, inputs=inputs, make=make, follows=True)


def _since_before(work: Workspace, keys: list[bytes]) -> "tuple[dict[str, Any], pa.Table]":
    """Compare with the published version, and list the new images; the same images keep the last result."""
    before = _comparable(work)
    if before is None:
        return {"compared": False}, _table([], [])
    earlier = _contents(work, before)
    if not keys or not earlier:
        return {"compared": False}, _table([], [])
    known = work.home.part("drift", before.parts.get("drift", ""))
    if "drift" in before.parts and set(earlier) == set(keys) and is_written(known):
        table = read_parquet(known)
        if "pair" in table.column_names:
            import pyarrow.compute as pc

            table = table.filter(pc.is_null(table["pair"]))
        return dict(read_made_of(known)["drift"]), table.select(["image", "kind"])
    found = _compare(work, keys, earlier, before)
    changed = [change.id for change in found.clusters]
    names = {**_names(work, before.parts.get("cluster_names", "")), **_names(work, work.staged.cluster_names)}
    names |= cluster_names.read(work.home) if not cluster_names.problem(work.home) else {}
    told: dict[str, Any] = {"compared": True, "since": before.published_at.isoformat(), **found.to_json()}
    told |= {"summary": found.summary(names), "names": {str(each): names.get(each, "") for each in changed}}
    return told, _table(*([keys[row] for row in rows.tolist()] for rows in (found.new, found.sparse)))


def _comparable(work: Workspace) -> Snapshot | None:
    """Return the published version if it is of the same model and has a neighbor graph."""
    before = snapshots.current(work.home)
    same = before is not None and before.model["fingerprint"] == work.staged.model["fingerprint"]
    if not same or before is None or "neighbours" not in before.parts:
        return None
    return before if is_written(work.home.part("neighbours", before.parts["neighbours"])) else None


def _contents(work: Workspace, version: Snapshot) -> list[bytes]:
    """Return the contents of a version whose vectors are still there."""
    path = work.home.part("neighbours", version.parts["neighbours"])
    known = work.embeddings()[2].keys()
    return [key for key in read_parquet(path)["content_hash"].to_pylist() if key in known]


def _compare(work: Workspace, keys: list[bytes], earlier: list[bytes], before: Snapshot) -> Drift:
    _, _, store = work.embeddings()
    then = _cluster_ids(work, before.parts.get("clusters", ""), earlier)
    now = _cluster_ids(work, work.staged.clusters, keys)
    return measure(
        embeddings.read(store, earlier),
        embeddings.read(store, keys),
        keys=(earlier, keys),
        clusters=None if then is None or now is None else (then, now),
        level=work.settings.drift_level,
    )


def _between_parts(
    work: Workspace, keys: list[bytes], splits: Splits
) -> "tuple[list[dict[str, Any]], list[list[bytes]]]":
    """Compare the parts of each split; return the pairs, and the contents that are far in each."""
    if not splits:
        return [], []
    import numpy as np

    _, _, store = work.embeddings()
    row = {key: at for at, key in enumerate(keys)}
    positions = np.array([row[entry.content_hash] for entry in work.members()], np.int64)
    ids, names = _cluster_ids(work, work.staged.clusters, keys), _names(work, work.staged.cluster_names)
    told, far = compare_parts(splits, embeddings.read(store, keys), positions, ids, names)
    return told, [[keys[at] for at in rows.tolist()] for rows in far]


def _cluster_ids(work: Workspace, version: str, keys: list[bytes]) -> "np.ndarray | None":
    """Return the cluster of each content in a version of the clusters; None without that version."""
    path = work.home.part("clusters", version)
    if not version or not is_written(path):
        return None
    known, clusters = stored.read(path)
    row = {key: at for at, key in enumerate(known)}
    ids: np.ndarray = cluster_ids(clusters, DRIFT_LEVEL)[[row[key] for key in keys]]
    return ids


def _names(work: Workspace, version: str) -> dict[int, str]:
    """Return the names of clusters in a version of them; none without that version."""
    path = work.home.part("cluster_names", version)
    if not version or not is_written(path):
        return {}
    table = read_parquet(path).select(["cluster", "name"]).to_pydict()
    return {cluster: name for cluster, name in zip(*table.values(), strict=True) if name}


def _table(new: list[bytes], sparse: list[bytes]) -> "pa.Table":
    import pyarrow as pa

    far = set(sparse)
    kinds = [SPARSE if key in far else NEW for key in new]
    return pa.table({"image": pa.array(new, pa.binary(16)), "kind": pa.array(kinds, pa.string())})


def _with_pairs(table: "pa.Table", far: Sequence[Iterable[bytes]]) -> "pa.Table":
    """Add the images that are far from the other part of a pair, whose number is `pair`."""
    import pyarrow as pa

    images = [(key, at) for at, keys in enumerate(far) for key in keys]
    added = pa.table(
        {
            "image": pa.array([key for key, _ in images], pa.binary(16)),
            "kind": pa.array([SPARSE] * len(images), pa.string()),
            "pair": pa.array([at for _, at in images], pa.int16()),
        }
    )
    return pa.concat_tables([table.append_column("pair", pa.nulls(len(table), pa.int16())), added])
