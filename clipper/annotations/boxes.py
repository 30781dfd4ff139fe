"""Convert boxes to shares of the upright image. A label file may count pixels, or shares of the stored image.

What does not belong here: reading label files, and matching images.
"""

from typing import TYPE_CHECKING

from clipper.annotations.formats.labels import Labels

if TYPE_CHECKING:
    import numpy as np

# A label file may be made on a smaller copy: two sizes whose sides have nearly one ratio are of one image.
_SAME_SHAPE = 0.02
# A box may reach beyond its image by this share of it, from rounding, before a note says so.
_OVER = 0.01
_FIRST_TURNED = 5  # EXIF orientations from 5 on swap width and height


def to_upright(
    labels: Labels, rows: "np.ndarray", sizes: "np.ndarray", orientation: "np.ndarray"
) -> "np.ndarray":
    """Return the boxes in shares of the upright image, cut at its edges: (m, 4) float32; NaN without a box.

    Most tools ignore how EXIF turns a photo, some do not. The size that a label file states shows which: if
    it is that of the stored pixels, its boxes are turned. Without a size, boxes are taken as upright.

    Args:
        labels: of a file. Its problems get those of its boxes.
        rows: (m,) the image of each object, 0 or more.
        sizes: (n, 2) float64, width and height of all images, upright, in pixels.
        orientation: (n,) EXIF's orientation of all images, 1 to 8; 0 for none.
    """
    import numpy as np

    stated, upright = labels.sizes[labels.image], sizes[rows]
    turns = orientation[rows]
    swapped = turns >= _FIRST_TURNED
    shape, own, stored = (_ratio(each) for each in (stated, upright, upright[:, ::-1]))
    fits, fits_stored = abs(shape / own - 1) < _SAME_SHAPE, abs(shape / stored - 1) < _SAME_SHAPE
    is_stored = swapped & fits_stored & ~fits
    odd = np.isfinite(shape) & ~fits & ~is_stored
    images = np.unique(labels.image[odd])
    labels.problems.add(
        "image(s) have another shape than their labels say; the boxes may be off",
        "they are kept",
        (labels.names[i][-1] for i in images[:3].tolist()),
        count=len(images),
    )
    corners = labels.boxes.copy()
    corners[:, 2:] += corners[:, :2]
    if labels.unit == "pixels":
        size = np.where(np.isfinite(shape)[:, None], stated, upright)
        corners /= np.concatenate([size, size], axis=1)
    return _cut(_turned(corners, np.where(is_stored, turns, 0)), labels)


def _ratio(sizes: "np.ndarray") -> "np.ndarray":
    ratio: np.ndarray = sizes[:, 0] / sizes[:, 1]
    return ratio


def _turned(corners: "np.ndarray", turns: "np.ndarray") -> "np.ndarray":
    """Turn corners of stored pixels as EXIF says: (m, 4) shares, left, top, right, bottom."""
    import numpy as np

    left, top, right, bottom = corners.T
    by_turn = {
        5: (top, left, bottom, right),
        6: (1 - bottom, left, 1 - top, right),
        7: (1 - bottom, 1 - right, 1 - top, 1 - left),
        8: (top, 1 - right, bottom, 1 - left),
    }
    turned = corners.copy()
    for turn, sides in by_turn.items():
        turned[turns == turn] = np.stack(sides, axis=1)[turns == turn]
    return turned


def _cut(corners: "np.ndarray", labels: Labels) -> "np.ndarray":
    """Cut boxes at the edges of their image; one without area there becomes NaN, and a note says so."""
    import numpy as np

    there = np.isfinite(corners).all(axis=1)
    over = there & ((corners < -_OVER) | (corners > 1 + _OVER)).any(axis=1)
    cut = np.clip(corners, 0, 1)
    sides = cut[:, 2:] - cut[:, :2]
    empty = there & ~(sides > 0).all(axis=1)
    names = [labels.names[labels.image[i]][-1] for i in np.flatnonzero(over & ~empty)[:3].tolist()]
    labels.problems.add(
        "box(es) reach beyond their image", "cut at its edge", names, count=int((over & ~empty).sum())
    )
    names = [labels.names[labels.image[i]][-1] for i in np.flatnonzero(empty)[:3].tolist()]
    labels.problems.add(
        "box(es) have no area inside their image", "the category is kept", names, count=int(empty.sum())
    )
    boxes = np.concatenate([cut[:, :2], sides], axis=1)
    boxes[~there | empty] = np.nan
    return np.asarray(boxes, np.float32)
