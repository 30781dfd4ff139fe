"""Compiled loops of the raster: they draw onto a (h, w, 4) uint8 canvas, top row first.

Signatures are explicit and the machine code is cached, so that no visitor waits for the compiler.
Only `raster.py` uses this file, and loads it when the first picture is drawn.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types stand in the signature, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

FAINTEST = 0.004  # of one point: less is not seen
CANVAS = "uint8[:, :, ::1]"
OPTIONS = {"cache": True, "nogil": True, "fastmath": True}


@njit(
    f"void({CANVAS}, float32[::1], float32[::1], uint8[::1], uint8[:, ::1], float64, uint8[::1],"
    "float64, float64)",
    **OPTIONS,
)
def discs(canvas, px, py, codes, palette, radius, edge, edge_width, alpha):
    """Anti-aliased discs with a rim of `edge` colour, one a point, later points above earlier ones."""
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
def rounded(dx, dy, half_w, half_h, corner):
    """Signed distance to a rounded rectangle (Quilez's `sdRoundedBox`): negative inside."""
    qx = abs(dx) - half_w + corner
    qy = abs(dy) - half_h + corner
    outside = math.sqrt(max(qx, 0.0) ** 2 + max(qy, 0.0) ** 2)
    return outside + min(max(qx, qy), 0.0) - corner


@njit(f"void({CANVAS}, float64, float64, float64, float64, float64, float64, float64)", **OPTIONS)
def shadow(canvas, cx, cy, w, h, corner, blur, strength):
    """A soft dark rounded rectangle, `blur` pixels wide at its border."""
    height, width = canvas.shape[0], canvas.shape[1]
    left, right = max(0, int(cx - w / 2 - blur)), min(width - 1, int(cx + w / 2 + blur))
    top, bottom = max(0, int(cy - h / 2 - blur)), min(height - 1, int(cy + h / 2 + blur))
    for v in range(top, bottom + 1):
        for u in range(left, right + 1):
            distance = rounded(u + 0.5 - cx, v + 0.5 - cy, w / 2, h / 2, corner)
            fall = min(1.0, max(0.0, (blur - distance) / (2.0 * blur)))
            keep = 1.0 - strength * fall * fall
            for c in range(3):
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * keep)


@njit(
    f"void({CANVAS}, {CANVAS}, float64, float64, float64, float64, float64, uint8[::1], float64,"
    "uint8[::1], float64)",
    **OPTIONS,
)
def picture(canvas, image, cx, cy, w, h, corner, ring, ring_width, ground, fade):
    """`image` (ih, iw, 4) in a rounded rectangle round (cx, cy), a ring just inside its border.

    A `fade` below 1 moves it towards the ground, as if it were further away.
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
            distance = rounded(u + 0.5 - cx, v + 0.5 - cy, w / 2, h / 2, corner)
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


@njit(
    "void(float32[:, :, ::1], float32[::1], float32[::1], uint8[::1], float32[:, ::1],"
    "float64, float64, float64, float64)",
    **OPTIONS,
)
def mixed(out, x, y, codes, inks, x0, y1, scale_x, scale_y):
    """Add each point's ink to its pixel of `out` (h, w, 4), top row first; `inks` (256, 4) by code.

    datashader's `by` would make an image for each category first: ten times the memory, four times the time.
    """
    height, width = out.shape[0], out.shape[1]
    for i in range(len(x)):
        u, v = (x[i] - x0) * scale_x, (y1 - y[i]) * scale_y
        if u >= 0.0 and v >= 0.0 and u < width and v < height:
            row, column, code = int(v), int(u), codes[i]
            out[row, column, 0] += inks[code, 0]
            out[row, column, 1] += inks[code, 1]
            out[row, column, 2] += inks[code, 2]
            out[row, column, 3] += inks[code, 3]


@njit(
    "float32[:, :, ::1](uint32[:, ::1], uint32[:, ::1], float64[:, ::1], uint8[:, ::1])",
    **OPTIONS,
)
def averaged(counts, known, total, palette):
    """Colour sums (h, w, 4), top row first, by the mean of each pixel's known values of 0..1.

    Counts of points and of known values and the values' sums (h, w) come bottom row first. What has no value
    is neutral, the palette's last colour.
    """
    height, width = counts.shape
    out = np.zeros((height, width, 4), np.float32)
    for v in range(height):
        for u in range(width):
            n = np.float32(counts[height - 1 - v, u])
            if n > 0.0:
                told = known[height - 1 - v, u]
                code = int(total[height - 1 - v, u] / told * 254.0 + 0.5) if told else 255
                for c in range(3):
                    out[v, u, c] = palette[code, c] * n
                out[v, u, 3] = n
    return out


@njit("void(float32[:, ::1], float32[:, ::1], float32[::1], int64[:, ::1])", **OPTIONS)
def spread(out, layer, taps, spans):
    """A separable blur with symmetric `taps` (centre first): single pixels become round dots.

    `out` and `layer` are (h, w * 4): whole rows of pixels, which the processor works through several numbers
    at once. `spans` (h, 2) are where rows have anything, as `occupied` finds them.
    """
    height, width = layer.shape
    reach = len(taps) - 1
    row = np.empty(width, np.float32)
    for v in range(height):
        out[v, :] = 0.0
        above, below = max(0, v - reach), min(height, v + reach + 1)
        left, right = spans[above:below, 0].min(), spans[above:below, 1].max()
        if left >= right:
            continue
        row[left:right] = 0.0
        for w in range(above, below):
            source, weight = layer[w], taps[abs(w - v)]
            for i in range(left, right):
                row[i] += source[i] * weight
        target = out[v]
        for i in range(left, right):
            target[i] = row[i] * taps[0]
        for t in range(1, reach + 1):
            weight, away = taps[t], 4 * t
            for i in range(left, min(right, width - away)):
                target[i + away] += row[i] * weight
            for i in range(max(left, away), right):
                target[i - away] += row[i] * weight


@njit("int64[:, ::1](float32[:, ::1])", **OPTIONS)
def occupied(layer):
    """From where to where each row of (h, w * 4) has a point: (h, 2), (w * 4, 0) where there is none."""
    height, width = layer.shape
    spans = np.empty((height, 2), np.int64)
    for v in range(height):
        left, right = 0, width
        while left < width and layer[v, left + 3] <= 0.0:
            left += 4
        while right > left and layer[v, right - 1] <= 0.0:
            right -= 4
        spans[v, 0], spans[v, 1] = left, right if right > left else 0
    return spans


@njit(f"void({CANVAS}, float32[:, :, ::1], float64, float64, float64)", **OPTIONS)
def shade(canvas, layer, full, floor, strength):
    """Lay (h, w, 4) colour sums over the canvas: opaque at `full`, logarithmic below."""
    height, width = canvas.shape[0], canvas.shape[1]
    scale = 1.0 / math.log1p(max(full, 1e-6))
    for v in range(height):
        for u in range(width):
            weight = layer[v, u, 3]
            if weight <= FAINTEST:
                continue
            dense = min(1.0, math.log1p(weight) * scale)
            opacity = (floor + (1.0 - floor) * dense) * min(1.0, weight * 4.0) * strength
            for c in range(3):
                ink = layer[v, u, c] / weight
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - opacity) + ink * opacity + 0.5)


@njit("float32[:, :, ::1](float32[:, :, ::1], int64)", **OPTIONS)
def summed(layer, cell):
    """(h, w, 4) summed over squares of `cell` pixels, of which it holds whole ones only."""
    rows, columns = layer.shape[0] // cell, layer.shape[1] // cell
    out = np.zeros((rows, columns, 4), np.float32)
    for v in range(rows * cell):
        for u in range(columns * cell):
            if layer[v, u, 3] > 0.0:
                for c in range(4):
                    out[v // cell, u // cell, c] += layer[v, u, c]
    return out


@njit("void(float32[:, ::1], float32[:, ::1], float64, float64)", **OPTIONS)
def stretched(out, row, cell, margin):
    """One coarse row (k, 4), `cell` pixels a value, smoothly over the pixels (w, 4) of `out`."""
    last = row.shape[0] - 1.001
    for u in range(out.shape[0]):
        sx = min(max((u + 0.5 + margin) / cell - 0.5, 0.0), last)
        x0 = int(sx)
        fx = np.float32(sx - x0)
        for c in range(4):
            out[u, c] = row[x0, c] * (1 - fx) + row[x0 + 1, c] * fx


@njit(f"void({CANVAS}, float32[:, :, ::1], float64, float64, float64, float64)", **OPTIONS)
def glow(canvas, layer, cell, margin, full, strength):
    """Lay coarse (h, w, 4) colour sums, `cell` pixels a value, smoothly over the canvas as a soft light."""
    height, width = canvas.shape[0], canvas.shape[1]
    above, below = np.empty((width, 4), np.float32), np.empty((width, 4), np.float32)
    known = -1
    for v in range(height):
        sy = min(max((v + 0.5 + margin) / cell - 0.5, 0.0), layer.shape[0] - 1.001)
        y0 = int(sy)
        fy = np.float32(sy - y0)
        if y0 != known:
            stretched(above, layer[y0], cell, margin)
            stretched(below, layer[y0 + 1], cell, margin)
            known = y0
        for u in range(width):
            weight = above[u, 3] * (1 - fy) + below[u, 3] * fy
            if weight <= FAINTEST / 2:
                continue
            opacity = strength * math.sqrt(min(1.0, weight / full))
            for c in range(3):
                ink = (above[u, c] * (1 - fy) + below[u, c] * fy) / weight
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - opacity) + ink * opacity + 0.5)


@njit(f"void({CANVAS}, uint8[::1], float64)", **OPTIONS)
def veil(canvas, colour, amount):
    """Move the whole canvas towards one colour: what lies behind thumbnails or results steps back."""
    height, width = canvas.shape[0], canvas.shape[1]
    for v in range(height):
        for u in range(width):
            for c in range(3):
                canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - amount) + colour[c] * amount + 0.5)
