"""Islands of a layout: groups that share no neighbour, which UMAP leaves at distances that mean nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def gather_islands(positions: "np.ndarray", *, gap: float = 1.0) -> "np.ndarray":
    """Move far islands straight in until `gap` (in UMAP's unit, its `spread`) of the mainland.

    How far apart UMAP leaves groups that share no neighbours means nothing, and a few of them can
    shrink everything else to a blot. Each island is shifted as a whole, so nothing within it changes.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    island = _islands(positions, reach=1.5 * gap)
    sizes = np.bincount(island)
    if len(sizes) == 1:
        return positions
    out = positions.astype(np.float64)
    ashore = np.zeros(len(out), bool)
    ashore[island == sizes.argmax()] = True
    centre = out[ashore].mean(0)
    apart = [np.linalg.norm(out[island == i].mean(0) - centre) for i in range(len(sizes))]
    for i in np.argsort(apart, kind="stable"):
        here = island == i
        if ashore[here].all():
            continue
        shore = cKDTree(_thinned(out[ashore], gap / 4))
        out[here] += _shift(_thinned(out[here], gap / 4), shore, centre, gap)
        ashore |= here
    return out.astype(np.float32)


def _shift(points: "np.ndarray", shore: Any, centre: "np.ndarray", gap: float) -> "np.ndarray":
    """How far an island's points go towards `centre` before they come within `gap` of the shore."""
    import numpy as np

    way = centre - points.mean(0)
    length = float(np.linalg.norm(way))
    if length == 0.0:
        return np.zeros(2)
    travelled = 0.0
    while travelled < length:
        step = float(shore.query(points + way * (travelled / length))[0].min()) - gap
        if step <= gap / 50:
            break
        travelled += step
    return np.asarray(way * (min(travelled, length) / length))


def _islands(positions: "np.ndarray", *, reach: float) -> "np.ndarray":
    """The island of each point, (n,) int: points nearer than about `reach` are on the same one."""
    import numpy as np
    from scipy import ndimage

    low = positions.min(0)
    cell = max(reach / 4, float(np.ptp(positions, axis=0).max()) / 2_000)
    cells = ((positions - low) / cell).astype(np.int64) + 4
    grid = np.zeros(tuple(cells.max(0) + 5), bool)
    grid[cells[:, 0], cells[:, 1]] = True
    touched = ndimage.binary_dilation(grid, ndimage.generate_binary_structure(2, 2), iterations=2)
    labels, _ = ndimage.label(touched, ndimage.generate_binary_structure(2, 2))
    return np.asarray(labels[cells[:, 0], cells[:, 1]] - 1)


def _thinned(points: "np.ndarray", cell: float) -> "np.ndarray":
    """One point for each occupied cell: an island's outline does not need a million of them."""
    import numpy as np

    _, first = np.unique((points / cell).round().astype(np.int64), axis=0, return_index=True)
    return np.asarray(points[first])
