"""The step `image_neighbours`: each image's nearest others, from the graph of the last run.

Every later step reads the graph; none searches the same neighbors again. What does not belong here: how they
are found (`projection/graph.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from clipper.columns import rows_of
from clipper.hashing import digest
from clipper.images.decode import PIXELS_VERSION
from clipper.indexing.cluster.blocks import blocks_on_cluster
from clipper.indexing.insights.agreement import compare_models
from clipper.indexing.staging.each_model import for_each_model
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.projection.graph import WIDTH, NeighborGraph, build_graph, measure_recall, update_graph
from clipper.projection.neighbors import EXACT_KNN_LIMIT, Vectors
from clipper.projection.search.accelerated import neighbors_on
from clipper.store import embeddings
from clipper.store.columns.keys import Keys
from clipper.store.parts import neighbors
from clipper.store.shards import REVISION, ShardStore
from clipper.store.tables import is_written, read_made_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

# A later one finds the graph anew. The search for many images did not change it: the neighbors that an index
# found before are as good, and are kept.
NEIGHBOURS_VERSION = "1"


def vectors_of(store: ShardStore, keys: "Sequence[bytes] | pa.Array") -> Vectors:
    """Return the vectors of `keys`, (n, d) float32, rows L2-normalised; many of them stay on disk.

    Raises:
        StoreError: a key has no vector.
    """
    mapped = embeddings.MappedVectors(store, keys)
    return mapped if len(keys) > EXACT_KNN_LIMIT else mapped[slice(None)]


def find_neighbours(work: Workspace) -> Step:
    """Step 4, `image_neighbours`: each image's nearest others by each model, and where models disagree."""
    step = _find_neighbours(work)
    for name, report in compare_models(work).items():
        step.further[name].counts["agreement"] = report.counts["mean"]
        step.further[name].seconds += report.seconds
        step.seconds += report.seconds
    return step


@for_each_model
def _find_neighbours(work: Workspace) -> Step:
    """Search the new images, and patch the lists of those they are near.

    The graph is of contents: a renamed image or a copy changes nothing. Its version does not depend on the
    graphs before it: an exact search finds the same neighbors in one step or in many, and an index, which is
    used for many images, nearly the same.
    """
    with timed("image_neighbours") as step:
        work.drop_condemned("neighbours")
        manifest_version, _ = work.manifest()
        _, model, _ = work.embeddings()
        keys = work.contents()
        frame = digest(NEIGHBOURS_VERSION, WIDTH, model["fingerprint"])
        remade = work.remade(keys)
        step.version = digest(frame, keys.json(), *([PIXELS_VERSION, remade] if remade else []))
        path = work.home.part("neighbours", step.version)
        with blocks_on_cluster(work, step, "neighbours"):
            new = 0 if is_written(path) else _find(work, keys, remade, frame=frame, path=path)
        work.stage(neighbours=step.version, neighbours_manifest=manifest_version)
        step.counts = {"images": len(keys), "new": new, **read_made_of(path)["quality"]}
    return step


def _find(work: Workspace, keys: Keys, remade: list[str], *, frame: str, path: Path) -> int:
    """Bring the staged graph up to date if it is of the same frame, or build one; write it.

    Returns:
        the number of images that the staged graph did not have, or had with other vectors.
    """
    import numpy as np
    import pyarrow as pa

    _, _, store = work.embeddings()
    vectors = vectors_of(store, keys)
    was = np.full(len(keys), -1)
    earlier = work.home.part("neighbours", work.staged.neighbours)
    if work.staged.neighbours and is_written(earlier) and read_made_of(earlier)["frame"] == frame:
        known, rows, distances = neighbors.read(earlier)
        was = rows_of(pa.array(keys, pa.binary(16)), known)
        if remade and read_made_of(earlier).get(REVISION) != PIXELS_VERSION:
            was[Keys.of(map(bytes.fromhex, remade)).mask(keys)] = -1
        with neighbors_on(work.settings.device):
            graph = update_graph(NeighborGraph(rows, distances), vectors, was)
    else:
        with neighbors_on(work.settings.device):
            graph = build_graph(vectors)
    quality = {"recall_at_15": round(measure_recall(graph, vectors), 4)}
    made_of = {"frame": frame, "quality": quality, REVISION: PIXELS_VERSION}
    neighbors.write(path, keys, graph.rows, graph.distances, made_of)
    return int((was < 0).sum())
