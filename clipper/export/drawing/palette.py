"""The colours of a map: those of categories and ramps in both themes, and of what is drawn around the points.

What does not belong here: which image has which colour (`colours.py`, and the viewer's `colouring.py`).
"""

from typing import NamedTuple

MAX_CATEGORIES = 20  # with a colour of their own; all others share one
OTHER, MISSING = 254, 255  # codes for rare categories and for images without a value

# The first ten stay at least 0.08 apart in OKLab with protanopia, deuteranopia and tritanopia
# (matrices of Machado et al. 2009, doi:10.1109/TVCG.2009.113); found by a search, kept by a test.
CATEGORY_DARK = (
    "#5b74ff", "#f39a2b", "#3cb9ac", "#fb5a6e", "#a274bd", "#f3d3b0", "#74f2ff", "#d79bff", "#bdf24a",
    "#b8702a", "#8fb0ff", "#4f9d5d", "#ff9db0", "#2f83b8", "#e3c94a", "#c45ca5", "#8fd9a8",
    "#8d7f6a", "#ffbf87", "#7a63d6",
)  # fmt: skip
CATEGORY_LIGHT = (
    "#5b2cda", "#b28603", "#208b88", "#f92c85", "#5a3a60", "#e1ae95", "#2cd1fe", "#9c88fd", "#9ed305",
    "#98470d", "#2563c9", "#3f7d2c", "#d65f6e", "#0f5f86", "#d9b400", "#b0389b", "#56b98a",
    "#74685a", "#e88a3c", "#8a4fd0",
)  # fmt: skip
# Viridis (van der Walt and Smith, CC0) without the end that has the background's brightness.
RAMP_DARK = ("#4a5fb0", "#2f7f9c", "#1f9e89", "#44bf70", "#9bd93c", "#fde725")
RAMP_LIGHT = ("#b7dd29", "#5cc863", "#21a685", "#26828e", "#3a548c", "#46085c")
PLAIN_DARK = ("#4d55c9", "#7c80f5", "#c9cbff")  # density alone
PLAIN_LIGHT = ("#a9a7f5", "#6d65ee", "#3226b8")


class Look(NamedTuple):
    """The colours of one theme, each as `#rrggbb`."""

    canvas: str
    text: str
    muted: str
    neutral: str  # of points that have one of the rare values
    absent: str  # of points that have no value
    categories: tuple[str, ...]
    ramp: tuple[str, ...]
    plain: str


DARK = Look("#0d0f14", "#e9ecf2", "#98a1b3", "#5d6574", "#3d4453", CATEGORY_DARK, RAMP_DARK, PLAIN_DARK[1])
LIGHT = Look(
    "#fafbfc", "#171a22", "#5c6474", "#a8aebc", "#cfd5e2", CATEGORY_LIGHT, RAMP_LIGHT, PLAIN_LIGHT[1]
)


def rgb(text: str) -> tuple[int, int, int]:
    """Convert `#rrggbb` to three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
