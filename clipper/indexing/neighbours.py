"""The step `image_neighbours`: each image's nearest others, from the graph of the last run.

Every later step reads the graph; none searches the same neighbors again. What does not belong here: how they
are found (`projection/graph.py`).
"""

from pathlib import Path

from clipper.hashing import digest
from clipper.images.decode import PIXELS_VERSION
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.projection.graph import WIDTH, NeighborGraph, build_graph, measure_recall, update_graph
from clipper.store import embeddings
from clipper.store.parts import neighbors
from clipper.store.shards import REVISION
from clipper.store.tables import is_written, read_made_of

NEIGHBOURS_VERSION = "1"


def find_neighbours(work: Workspace) -> Step:
    """Step 4, `image_neighbours`: search the new images, and patch the lists of those they are near.

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
        step.version = digest(
            frame, [key.hex() for key in keys], *([PIXELS_VERSION, remade] if remade else [])
        )
        path = work.home.part("neighbours", step.version)
        new = 0 if is_written(path) else _find(work, keys, remade, frame=frame, path=path)
        work.stage(neighbours=step.version, neighbours_manifest=manifest_version)
        step.counts = {"images": len(keys), "new": new, **read_made_of(path)["quality"]}
    return step


def _find(work: Workspace, keys: list[bytes], remade: list[str], *, frame: str, path: Path) -> int:
    """Bring the staged graph up to date if it is of the same frame, or build one; write it.

    Returns:
        the number of images that the staged graph did not have, or had with other vectors.
    """
    import numpy as np

    _, _, store = work.embeddings()
    vectors = embeddings.read(store, keys)
    was = np.full(len(keys), -1)
    earlier = work.home.part("neighbours", work.staged.neighbours)
    if work.staged.neighbours and is_written(earlier) and read_made_of(earlier)["frame"] == frame:
        known, rows, distances = neighbors.read(earlier)
        stale = set(remade) if read_made_of(earlier).get(REVISION) != PIXELS_VERSION else set()
        place = {key: row for row, key in enumerate(known) if not stale or key.hex() not in stale}
        was = np.array([place.get(key, -1) for key in keys])
        graph = update_graph(NeighborGraph(rows, distances), vectors, was)
    else:
        graph = build_graph(vectors)
    quality = {"recall_at_15": round(measure_recall(graph, vectors), 4)}
    made_of = {"frame": frame, "quality": quality, REVISION: PIXELS_VERSION}
    neighbors.write(path, keys, graph.rows, graph.distances, made_of)
    return int((was < 0).sum())
