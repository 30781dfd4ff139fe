"""Compiled loops that draw discs on a canvas (h, w, 4) uint8, top row first, and that fade it.

Signatures are explicit and the machine code is cached, so that no visitor waits for the compiler. Only
`render/raster.py` uses this module, and loads it with the first picture. What does not belong here: density
(`render/density_kernels.py`) and thumbnails (`render/tile_kernels.py`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types stand in the signature, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

CANVAS = "uint8[:, :, ::1]"
OPTIONS = {"cache": True, "nogil": True, "fastmath": True}


@njit(
    f"void({CANVAS}, float32[::1], float32[::1], uint8[::1], uint8[:, ::1], float64, uint8[::1],"
    "float64, float64)",
    **OPTIONS,
)
def draw_discs(canvas, px, py, codes, palette, radius, edge, edge_width, alpha):
    """Draw an anti-aliased disc with a rim of the colour `edge` for each point, later ones on top."""
    height, width = canvas.shape[0], canvas.shape[1]
    for i in range(len(px)):
        cx, cy = px[i], py[i]
        left, right = max(0, int(cx - radius - 1)), min(width - 1, int(cx + radius + 2))
        top, bottom = max(0, int(cy - radius - 1)), min(height - 1, int(cy + radius + 2))
        colour = palette[codes[i]]
        for v in range(top, bottom + 1):
            dy = v + 0.5 - cy
            for u in range(left, right + 1):
                dx = u + 0.5 - cx
                distance = math.sqrt(dx * dx + dy * dy)
                cover = min(1.0, radius + 0.5 - distance)
                if cover <= 0.0:
                    continue
                rim = 0.0
                if edge_width > 0.0:
                    rim = min(1.0, max(0.0, distance - (radius - edge_width) + 0.5))
                opacity = cover * (alpha + (1.0 - alpha) * rim)
                for c in range(3):
                    ink = colour[c] * (1.0 - rim) + edge[c] * rim
                    canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - opacity) + ink * opacity + 0.5)


@njit("void(uint8[:, ::1], float32[::1], float32)", **OPTIONS)
def fade_canvas(canvas, line, keep):
    """Fade the whole canvas (h, w * 4) towards one colour, behind thumbnails or results.

    Each number is multiplied by `keep`, then `line` (w * 4,) is added, which includes 0.5 to round.
    """
    for v in range(canvas.shape[0]):
        row = canvas[v]
        for i in range(len(row)):
            row[i] = np.uint8(np.int32(row[i] * keep + line[i]))
