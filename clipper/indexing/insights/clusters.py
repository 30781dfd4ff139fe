"""The step `image_clusters`: clusters in three levels, kept from run to run, and what stands for them.

What does not belong here: finding clusters (`insight/clustering/`), and naming them (`names.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import rows_of
from clipper.errors import StoreError
from clipper.indexing.staging.each_model import for_each_model
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.clustering.identity import find_clusters, update_clusters
from clipper.store import cluster_names
from clipper.store.parts import clusters as stored
from clipper.store.parts.clusters import BLOCK, LEVELS, Clusters
from clipper.store.tables import is_written, read_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CLUSTERS_VERSION = "1"


@for_each_model
def cluster_images(work: Workspace) -> Step:
    """Bring the clusters up to date: new images join those of their neighbors while the map is still.

    If the map was laid out again, or many images came or went, the clusters are found again. A cluster that
    keeps most of its images keeps its identity and its colour.
    """
    earlier = work.home.part("clusters", work.staged.clusters)

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        positions = _positions(work, keys)
        before = earlier if work.staged.clusters and is_written(earlier) else None
        clusters, kept = _bring_up_to_date(work, keys, positions, before)
        counts = {"images": len(keys), **_count(clusters), "kept": kept}
        stored.write(path, keys, clusters, positions, {**made_of, "counts": counts})

    of = ["neighbours", "projection", *(["scores"] if work.staged.scores else [])]
    return insight_step(work, "clusters", of=of, inputs=CLUSTERS_VERSION, make=make, follows=True)


def _bring_up_to_date(
    work: Workspace, keys: Sequence[bytes], positions: "np.ndarray", before: Path | None
) -> tuple[Clusters, int]:
    """Return the clusters of the contents `keys`, and how many of them there were before."""
    import numpy as np

    graph, penalties = work.graph(keys), _penalties(work, keys)
    if before is None:
        found = find_clusters(graph, positions, penalties=penalties)
        # Of clusters that were found before, names that people gave may be left: they are no names for these.
        first = max(max(cluster_names.read(work.home), default=-1) + 1, _next_block(work))
        return replace(found, ids=found.ids + first, next_id=found.next_id + first), 0
    known, earlier = stored.read(before)
    was = _rows_of(keys, known)
    stayed = was >= 0
    moved = bool((stored.read_positions(before)[was[stayed]] != positions[stayed]).any())
    clusters = update_clusters(earlier, graph, positions, was, moved=moved, penalties=penalties)
    return clusters, int(np.isin(clusters.ids, earlier.ids).sum())


def _next_block(work: Workspace) -> int:
    """Return the first number of clusters that no other model's clusters will soon reach; 0 if none has any.

    People name clusters by their lasting numbers, which therefore differ over all models. A model that is put
    before those of an earlier run is the first, and finds its clusters after they found theirs.
    """
    paths = [
        work.home.part("clusters", each.staged.clusters) for each in work.each_model() if each.staged.clusters
    ]
    used = [stored.read(path)[1].next_id for path in paths if is_written(path)]
    return (max(used) // BLOCK + 1) * BLOCK if used else 0


def _count(clusters: Clusters) -> dict[str, int]:
    found = {f"clusters_{level}": len(clusters.rows_at(level)) for level in range(LEVELS)}
    return {**found, "in_none": int((clusters.members[:, 0] < 0).sum())}


def _positions(work: Workspace, keys: Sequence[bytes]) -> "np.ndarray":
    """Return where contents are on the map: (n, 2) float32."""
    import numpy as np

    table = read_parquet(work.home.part("projection", work.require("projection")))
    rows = _rows_in(table, keys)
    return np.stack([table[axis].to_numpy()[rows] for axis in "xy"], axis=1).astype(np.float32)


def _penalties(work: Workspace, keys: Sequence[bytes]) -> "np.ndarray | None":
    """Return how much to avoid that each content stands for others, (n,) float32 from 0; None without scores.

    An odd image stands for nobody, and a poor picture shows others badly.
    """
    import numpy as np

    if not work.staged.scores:
        return None
    table = read_parquet(work.home.part("scores", work.staged.scores))
    rows = _rows_in(table, keys)
    odd = np.asarray(table["stands_apart"].to_numpy(zero_copy_only=False), bool)[rows]
    flawed = table["picture_issues"].combine_chunks().is_valid()
    poor = np.asarray(flawed.to_numpy(zero_copy_only=False), bool)[rows]
    return np.asarray(odd | poor, np.float32)


def _rows_in(table: "pa.Table", keys: Sequence[bytes]) -> "np.ndarray":
    """Return the row of each content in a table that has one for each, (n,) int64."""
    rows = _rows_of(keys, table["content_hash"].combine_chunks())
    if (rows < 0).any():
        raise StoreError("the map or the scores are of other images; materialize umap_projection again")
    return rows


def _rows_of(keys: Sequence[bytes], known: "pa.Array") -> "np.ndarray":
    """Return the row of each content among the known ones, (n,) int64; -1 where it is not there."""
    import pyarrow as pa

    return rows_of(pa.array(keys, pa.binary(16)), known)
