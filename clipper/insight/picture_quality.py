"""The quality of pictures: which of the measures are unusual and bad.

A measure is about one picture; a flag is about a picture among others. It needs both a limit that no good
picture passes, and a place at the end of its own dataset: photographs of the night are not all too dark.

What does not belong here: measuring (`images/picture/measures.py`), and what a picture shows (`outliers.py`).
"""

from typing import TYPE_CHECKING

from clipper.images.picture.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

ISSUES = ("blurred", "dark", "blown_out", "blank", "low_information", "tiny", "extreme_shape", "odd_size")

# A sharp edge takes one pixel or two, so that its steepest step is above half of its height. A step below
# this share of it is the edge of a blurred picture: it takes more than two pixels and a half.
SHARP_ENOUGH = 0.4
# Luma is from 0 to 1. Nearly all of a dark picture is below the first, and nearly all of a light one above
# the second; the third is the share of a blown out one that is white.
DARK, LIGHT, BLOWN = 0.3, 0.85, 0.4
# All channels of a blank picture lie within this range; one of low information has less detail, in bits.
BLANK, LOW_DETAIL = 0.04, 1.0
# The side in pixels below which a picture is small for any model.
SMALL_SIDE = 128
EXTREME_SHAPE, ODD_SIZE = 3.0, 10.0
# What is bad is flagged only where it is unusual too: below this share of the dataset's median, or so far
# above.
USUAL_SHARE = {"sharpness": 0.75, "brightest": 0.6, "detail": 0.5, "side": 0.5}
USUAL_EXCESS = {"blown": 0.25, "darkest": 0.15}
# A shape or size is unusual beyond so many median absolute deviations, as standard deviations.
UNUSUAL = 3.0


def flag(
    measures: "Mapping[str, np.ndarray]", *, widths: "np.ndarray", heights: "np.ndarray"
) -> "dict[str, np.ndarray]":
    """Say which pictures of a dataset have which issue.

    Args:
        measures: (n,) float each of `MEASURES`; NaN for a picture that was not measured, which has no issue
            but those of its size.
        widths: (n,) pixels, of the files; 0 where unknown.
        heights: (n,) likewise.

    Returns:
        (n,) bool for each of `ISSUES`.
    """
    import numpy as np

    of = {name: np.asarray(measures[name], np.float64) for name in MEASURES}
    measured = np.isfinite(of["spread"])
    blank = measured & (of["spread"] < BLANK)
    seen = measured & ~blank
    usual = {name: float(np.median(values[seen])) if seen.any() else 0.0 for name, values in of.items()}

    def below(name: str, limit: float) -> "np.ndarray":
        return seen & (of[name] < min(limit, USUAL_SHARE[name] * usual[name]))

    def above(name: str, limit: float) -> "np.ndarray":
        return seen & (of[name] > max(limit, USUAL_EXCESS[name] + usual[name]))

    dark = below("brightest", DARK)
    return {
        "blurred": below("sharpness", SHARP_ENOUGH),
        "dark": dark,
        "blown_out": above("darkest", LIGHT) | above("blown", BLOWN),
        "blank": blank,
        "low_information": below("detail", LOW_DETAIL) & ~dark,
        **_flag_sizes(np.asarray(widths, np.float64), np.asarray(heights, np.float64)),
    }


def _flag_sizes(widths: "np.ndarray", heights: "np.ndarray") -> "dict[str, np.ndarray]":
    import numpy as np

    known = (widths > 0) & (heights > 0)
    none = np.zeros(len(widths), bool)
    if not known.any():
        return {"tiny": none, "extreme_shape": none, "odd_size": none}
    wide, high = np.where(known, widths, 1.0), np.where(known, heights, 1.0)
    shorter, shape, area = np.minimum(wide, high), np.log(wide / high), np.log(wide * high)
    off_shape = np.abs(shape - np.median(shape[known]))
    off_size = np.abs(area - np.median(area[known]))
    tiny = known & (shorter < min(SMALL_SIDE, USUAL_SHARE["side"] * float(np.median(shorter[known]))))
    limit = np.log(EXTREME_SHAPE)
    return {
        "tiny": tiny,
        "extreme_shape": known & (np.abs(shape) >= limit) & (off_shape >= limit / 2) & _far(off_shape, known),
        "odd_size": known & (off_size >= np.log(ODD_SIZE)) & _far(off_size, known) & ~tiny,
    }


def _far(off: "np.ndarray", known: "np.ndarray") -> "np.ndarray":
    """Return which distances from a median are unusual."""
    import numpy as np

    return np.asarray(off > UNUSUAL * 1.4826 * np.median(off[known]))
