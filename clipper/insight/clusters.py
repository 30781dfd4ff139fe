"""The clusters of a dataset, in levels from a few large ones to many small ones.

What does not belong here: finding them (`insight/clustering.py`), and words for them (`insight/naming.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# From a few large clusters (level 0) to many small ones.
LEVELS = 3
NOISE = -1
# Images that are kept to stand for a cluster, the best first.
REPRESENTATIVES = 9


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
    faces: "np.ndarray"  # (n,) int32, a permutation: images with small numbers appear first on the map

    def __len__(self) -> int:
        return len(self.ids)

    def rows_at(self, level: int) -> "np.ndarray":
        """Return the rows of the clusters of one level: (k,) int64."""
        import numpy as np

        return np.flatnonzero(self.levels == level)
