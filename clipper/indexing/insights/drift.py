"""The step `drift`: how the images differ from those of the published version, and the parts of a split.

What does not belong here: comparing two sets of images (`insight/drift.py`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import booleans, integers, json_rows, rows_of
from clipper.errors import StoreError
from clipper.hashing import JsonPieces, json_object
from clipper.indexing.insights.split_drift import Splits, compare_parts, read_splits
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.drift import DRIFT_LEVEL, Drift, cluster_ids
from clipper.insight.drift import measure_drift as measure
from clipper.store import cluster_names, embeddings, snapshots
from clipper.store.columns.keys import Keys
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

    inputs = _inputs(work.settings.drift_level, splits)
    of = ["neighbours", *(["clusters"] if work.staged.clusters else [])]
    return insight_step(work, "drift", of=of, inputs=inputs, make=make, follows=True)


def _inputs(level: float, splits: Splits) -> JsonPieces:
    """Return the list of the step's inputs, for a digest."""

    def pieces() -> Iterator[bytes]:
        yield json.dumps([DRIFT_VERSION, level], separators=(",", ":"))[:-1].encode()
        yield b","
        yield from json_object({name: json_rows(parts) for name, parts in splits.items()}).pieces()
        yield b"]"

    return JsonPieces(pieces)


def _since_before(work: Workspace, keys: Keys) -> "tuple[dict[str, Any], pa.Table]":
    """Compare with the published version, and list the new images; the same images keep the last result."""
    before = _comparable(work)
    if before is None:
        return {"compared": False}, _table(*_no_images())
    import pyarrow as pa

    earlier = _contents(work, before)
    if not keys or not len(earlier):
        return {"compared": False}, _table(*_no_images())
    known = work.home.part("drift", before.parts.get("drift", ""))
    if "drift" in before.parts and Keys.of(earlier) == keys and is_written(known):
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
    contents = pa.array(keys, pa.binary(16))
    return told, _table(*(contents.take(integers(rows)) for rows in (found.new, found.sparse)))


def _comparable(work: Workspace) -> Snapshot | None:
    """Return the published version if it is of the same model and has a neighbor graph."""
    before = snapshots.current(work.home)
    same = before is not None and before.model["fingerprint"] == work.staged.model["fingerprint"]
    if not same or before is None or "neighbours" not in before.parts:
        return None
    return before if is_written(work.home.part("neighbours", before.parts["neighbours"])) else None


def _contents(work: Workspace, version: Snapshot) -> "pa.Array":
    """Return the contents of a version whose vectors are still there."""
    import pyarrow as pa

    path = work.home.part("neighbours", version.parts["neighbours"])
    column = read_parquet(path)["content_hash"].combine_chunks().cast(pa.binary(16))
    return column.filter(booleans(work.embeddings()[2].keys().mask(column)))


def _compare(work: Workspace, keys: Keys, earlier: "pa.Array", before: Snapshot) -> Drift:
    _, _, store = work.embeddings()
    then = _cluster_ids(work, before.parts.get("clusters", ""), earlier)
    now = _cluster_ids(work, work.staged.clusters, keys)
    return measure(
        embeddings.MappedVectors(store, earlier),
        embeddings.MappedVectors(store, keys),
        keys=(earlier, keys),
        clusters=None if then is None or now is None else (then, now),
        level=work.settings.drift_level,
    )


def _between_parts(
    work: Workspace, keys: Keys, splits: Splits
) -> "tuple[list[dict[str, Any]], list[pa.Array]]":
    """Compare the parts of each split; return the pairs, and the contents that are far in each."""
    if not splits:
        return [], []
    import pyarrow as pa

    _, _, store = work.embeddings()
    positions = keys.positions(work.members().keys)
    ids, names = _cluster_ids(work, work.staged.clusters, keys), _names(work, work.staged.cluster_names)
    told, far = compare_parts(splits, embeddings.MappedVectors(store, keys), positions, ids, names)
    contents = pa.array(keys, pa.binary(16))
    return told, [contents.take(integers(rows)) for rows in far]


def _cluster_ids(work: Workspace, version: str, keys: "Keys | pa.Array") -> "np.ndarray | None":
    """Return the cluster of each content in a version of the clusters; None without that version."""
    path = work.home.part("clusters", version)
    if not version or not is_written(path):
        return None
    import pyarrow as pa

    known, clusters = stored.read(path)
    rows = rows_of(pa.array(keys, pa.binary(16)), known)
    if (rows < 0).any():
        raise StoreError(f"{path} lacks images of the same version; run `clipper index` to make it again")
    ids: np.ndarray = cluster_ids(clusters, DRIFT_LEVEL)[rows]
    return ids


def _names(work: Workspace, version: str) -> dict[int, str]:
    """Return the names of clusters in a version of them; none without that version."""
    path = work.home.part("cluster_names", version)
    if not version or not is_written(path):
        return {}
    table = read_parquet(path).select(["cluster", "name"]).to_pydict()
    return {cluster: name for cluster, name in zip(*table.values(), strict=True) if name}


def _no_images() -> "tuple[pa.Array, pa.Array]":
    import pyarrow as pa

    return pa.nulls(0, pa.binary(16)), pa.nulls(0, pa.binary(16))


def _table(new: "pa.Array", sparse: "pa.Array") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = pc.if_else(pc.is_in(new, value_set=sparse), SPARSE, NEW)
    return pa.table({"image": new, "kind": kinds.cast(pa.string())})


def _with_pairs(table: "pa.Table", far: "Sequence[pa.Array]") -> "pa.Table":
    """Add the images that are far from the other part of a pair, whose number is `pair`."""
    import numpy as np
    import pyarrow as pa

    pairs = np.repeat(np.arange(len(far), dtype=np.int16), [len(keys) for keys in far])
    added = pa.table(
        {
            "image": pa.concat_arrays([pa.nulls(0, pa.binary(16)), *far]),
            "kind": pa.repeat(pa.scalar(SPARSE, pa.string()), len(pairs)),
            "pair": pa.array(pairs, pa.int16()),
        }
    )
    return pa.concat_tables([table.append_column("pair", pa.nulls(len(table), pa.int16())), added])
