"""The clusters of a dataset, and their files: a table of images, and a table of the clusters beside it.

What does not belong here: how clusters are found (`insight/clustering/`), and words for them
(`insight/words/naming.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import StoreError
from clipper.store.home import damage_error
from clipper.store.tables import read_made_of, read_parquet, verify, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# From a few large clusters (level 0) to many small ones.
LEVELS = 3
NOISE = -1
# The lasting numbers of each model's clusters begin at a multiple of this.
BLOCK = 1_000_000
# Images that are kept to stand for a cluster, the best first.
REPRESENTATIVES = 9
KEY, FACE = "content_hash", "face"
_COLUMNS = ("ids", "levels", "parents", "sizes", "colors")
# The history of the clusters, in the JSON beside the table.
_HISTORY = ("next_id", "found_in", "changed")


def untitled(cluster_id: int) -> str:
    """Return what a cluster without a name is called: each model's begin with a small number."""
    return f"Cluster {cluster_id % BLOCK}"


@dataclass(frozen=True)
class Clusters:
    """Clusters of n images. Cluster c is row c of each array that has a row for each cluster.

    A cluster of level 1 or 2 lies within its parent. An image that is in no cluster of a level is noise there
    and at the finer levels too.
    """

    ids: "np.ndarray"  # (c,) int64: the lasting identity of each cluster, never used twice
    levels: "np.ndarray"  # (c,) int8, 0 is the coarsest
    parents: "np.ndarray"  # (c,) int32: row of the cluster one level up; NOISE at level 0
    sizes: "np.ndarray"  # (c,) int32: number of images
    centers: "np.ndarray"  # (c, 2) float32: where on the map the cluster's name belongs
    colors: "np.ndarray"  # (c,) int16: index of a colour of the palette; lasts as long as the identity
    representatives: "np.ndarray"  # (c, REPRESENTATIVES) int32: rows of images, best first; NOISE fills up
    members: "np.ndarray"  # (n, LEVELS) int32: row of each image's cluster at each level, or NOISE
    faces: "np.ndarray"  # (n,) int32, the rank of each image, a permutation: low ones appear first
    next_id: int = 0  # greater than any identity so far
    found_in: int = 0  # number of images when the clusters were last found
    changed: int = 0  # number of images that came or went since

    def __len__(self) -> int:
        return len(self.ids)

    def rows_at(self, level: int) -> "np.ndarray":
        """Return the rows of the clusters of one level: (k,) int64."""
        import numpy as np

        return np.flatnonzero(self.levels == level)


def no_clusters(n: int) -> Clusters:
    """Return the clusters of n images that are all noise."""
    import numpy as np

    none = np.empty(0, np.int32)
    return Clusters(
        none.astype(np.int64), none.astype(np.int8), none, none, np.empty((0, 2), np.float32),
        none.astype(np.int16), np.empty((0, REPRESENTATIVES), np.int32),
        np.full((n, LEVELS), NOISE, np.int32), np.arange(n, dtype=np.int32),
    )  # fmt: skip


def table_of_clusters(path: Path) -> Path:
    """Return the file with one row for each cluster, for the table of images at `path`."""
    return path.with_suffix(".clusters.parquet")


def write(
    path: Path,
    keys: Sequence[bytes],
    clusters: Clusters,
    positions: "np.ndarray",
    made_of: Mapping[str, Any],
) -> None:
    """Write clusters: the table of images last, as its presence marks a whole part.

    Args:
        path: the part's table.
        keys: (n,) the images' content hashes.
        clusters: of these images, in this order.
        positions: (n, 2) float32, where the images were on the map.
        made_of: what they were made of.
    """
    import pyarrow as pa

    columns = {name: getattr(clusters, name) for name in _COLUMNS}
    columns |= {axis: clusters.centers[:, at] for at, axis in enumerate("xy")}
    lists = pa.FixedSizeListArray.from_arrays(pa.array(clusters.representatives.reshape(-1)), REPRESENTATIVES)
    write_part(table_of_clusters(path), pa.table({**columns, "representatives": lists}), {})
    members = {f"level_{level}": clusters.members[:, level] for level in range(LEVELS)}
    places = {axis: positions[:, at] for at, axis in enumerate("xy")}
    table = pa.table({KEY: pa.array(keys, pa.binary(16)), **members, FACE: clusters.faces, **places})
    history = {name: getattr(clusters, name) for name in _HISTORY}
    write_part(path, table, {**made_of, "history": history})


def read(path: Path) -> "tuple[pa.FixedSizeBinaryArray, Clusters]":
    """Read clusters and the content hashes of their images, (n,).

    Raises:
        StoreError: a file is missing or damaged.
    """
    import numpy as np
    import pyarrow as pa

    images, table = read_parquet(path), read_parquet(table_of_clusters(path))
    try:
        members = np.stack([_numbers(images, f"level_{level}", np.int32) for level in range(LEVELS)], axis=1)
        clusters = Clusters(
            ids=_numbers(table, "ids", np.int64),
            levels=_numbers(table, "levels", np.int8),
            parents=_numbers(table, "parents", np.int32),
            sizes=_numbers(table, "sizes", np.int32),
            centers=np.stack([_numbers(table, axis, np.float32) for axis in "xy"], axis=1),
            colors=_numbers(table, "colors", np.int16),
            representatives=_representatives(table),
            members=members,
            faces=_numbers(images, FACE, np.int32),
            **{name: int(read_made_of(path)["history"][name]) for name in _HISTORY},
        )
    except (KeyError, ValueError) as error:
        raise damage_error(path, error) from error
    return images[KEY].combine_chunks().cast(pa.binary(16)), clusters


def read_positions(path: Path) -> "np.ndarray":
    """Read where the images were on the map when the clusters were made: (n, 2) float32."""
    import numpy as np

    images = read_parquet(path)
    return np.stack([_numbers(images, axis, np.float32) for axis in "xy"], axis=1)


def verify_clusters(path: Path) -> None:
    """Check that the table of clusters is as it was written, and that it has the rows that images name.

    Raises:
        StoreError: it is missing or damaged.
    """
    verify(table_of_clusters(path))
    _, clusters = read(path)
    rows = (clusters.members, clusters.parents)
    if any(len(each) and int(each.max()) >= len(clusters) for each in rows):
        raise StoreError(f"{table_of_clusters(path)} lacks clusters that images are in")


def _representatives(table: "pa.Table") -> "np.ndarray":
    import numpy as np

    flat = table["representatives"].combine_chunks().flatten().to_numpy()
    return np.asarray(flat, np.int32).reshape(len(table), REPRESENTATIVES)


def _numbers(table: "pa.Table", name: str, kind: Any) -> "np.ndarray":
    import numpy as np

    return np.asarray(table[name].to_numpy(), kind)
