"""Compiled loops that draw single shapes on a canvas (h, w, 4) uint8, top row first.

Signatures are explicit and the machine code is cached, so that no visitor waits for the compiler. Only
`render/raster.py` uses this module, and loads it with the first picture. What does not belong here: density
(`render/density_kernels.py`).
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


@njit("float64(float64, float64, float64, float64, float64)", **OPTIONS)
def rounded_distance(dx, dy, half_w, half_h, corner):
    """Return the signed distance to a rounded rectangle (Quilez's `sdRoundedBox`), negative inside."""
    qx = abs(dx) - half_w + corner
    qy = abs(dy) - half_h + corner
    outside = math.sqrt(max(qx, 0.0) ** 2 + max(qy, 0.0) ** 2)
    return outside + min(max(qx, qy), 0.0) - corner


@njit(f"void({CANVAS}, float64, float64, float64, float64, float64, float64, float64)", **OPTIONS)
def draw_shadow(canvas, cx, cy, w, h, corner, blur, strength):
    """Draw the shadow of a rounded rectangle, with a soft border of `blur` pixels."""
    height, width = canvas.shape[0], canvas.shape[1]
    left, right = max(0, int(cx - w / 2 - blur)), min(width - 1, int(cx + w / 2 + blur))
    top, bottom = max(0, int(cy - h / 2 - blur)), min(height - 1, int(cy + h / 2 + blur))
    for v in range(top, bottom + 1):
        for u in range(left, right + 1):
            distance = rounded_distance(u + 0.5 - cx, v + 0.5 - cy, w / 2, h / 2, corner)
            fall = min(1.0, max(0.0, (blur - distance) / (2.0 * blur)))
            keep = 1.0 - strength * fall * fall
            for c in range(3):
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * keep)


@njit(
    f"void({CANVAS}, {CANVAS}, float64, float64, float64, float64, float64, uint8[::1], float64,"
    "uint8[::1], float64)",
    **OPTIONS,
)
def draw_thumbnail(canvas, image, cx, cy, w, h, corner, ring, ring_width, ground, fade):
    """Draw `image` (ih, iw, 4) in a rounded rectangle around (cx, cy), with a ring inside its border.

    A `fade` below 1 mixes it with the background.
    """
    height, width = canvas.shape[0], canvas.shape[1]
    ih, iw = image.shape[0], image.shape[1]
    left, right = max(0, int(cx - w / 2 - 1)), min(width - 1, int(cx + w / 2 + 1))
    top, bottom = max(0, int(cy - h / 2 - 1)), min(height - 1, int(cy + h / 2 + 1))
    for v in range(top, bottom + 1):
        sy = min(max((v + 0.5 - (cy - h / 2)) / h * ih - 0.5, 0.0), ih - 1.0)
        y0 = int(sy)
        y1 = min(y0 + 1, ih - 1)
        fy = sy - y0
        for u in range(left, right + 1):
            distance = rounded_distance(u + 0.5 - cx, v + 0.5 - cy, w / 2, h / 2, corner)
            cover = min(1.0, max(0.0, 0.5 - distance))
            if cover <= 0.0:
                continue
            sx = min(max((u + 0.5 - (cx - w / 2)) / w * iw - 0.5, 0.0), iw - 1.0)
            x0 = int(sx)
            x1 = min(x0 + 1, iw - 1)
            fx = sx - x0
            rim = min(1.0, max(0.0, distance + ring_width + 0.5))
            for c in range(3):
                above = image[y0, x0, c] * (1.0 - fx) + image[y0, x1, c] * fx
                below = image[y1, x0, c] * (1.0 - fx) + image[y1, x1, c] * fx
                ink = (above * (1.0 - fy) + below * fy) * (1.0 - rim) + ring[c] * rim
                ink = ink * fade + ground[c] * (1.0 - fade)
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - cover) + ink * cover + 0.5)


@njit("void(uint8[:, ::1], float32[::1], float32)", **OPTIONS)
def fade_canvas(canvas, line, keep):
    """Fade the whole canvas (h, w * 4) towards one colour, behind thumbnails or results.

    Each number is multiplied by `keep`, then `line` (w * 4,) is added, which includes 0.5 to round.
    """
    for v in range(canvas.shape[0]):
        row = canvas[v]
        for i in range(len(row)):
            row[i] = np.uint8(np.int32(row[i] * keep + line[i]))
