"""Compiled loops for density: they sum points' colours by pixel, blur and shade them.

Images are (h, w, ...) with the top row first; colour sums are red, green, blue and the number of points.
As in `render/kernels.py`, signatures are explicit and the machine code is cached. Only `render/density.py`
uses this module.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: types stand in the signature, arguments have places

import math

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

from viewer.render.kernels import CANVAS, OPTIONS

MIN_WEIGHT = 0.004  # of one point, and of an opacity: less is not seen


@njit(
    "void(float32[:, :, ::1], float32[::1], float32[::1], uint8[::1], float32[:, ::1],"
    "float64, float64, float64, float64)",
    **OPTIONS,
)
def mix_colours(out, x, y, codes, inks, x0, y1, scale_x, scale_y):
    """Add each point's ink to its pixel of `out` (h, w, 4); `inks` (256, 4) by code.

    datashader's `by` would make an image for each category first: ten times the memory, four times the time.
    """
    height, width = out.shape[0], out.shape[1]
    for i in range(len(x)):
        u, v = (x[i] - x0) * scale_x, (y1 - y[i]) * scale_y
        if u >= 0.0 and v >= 0.0 and u < width and v < height:
            pixel, ink = out[np.uintp(v), np.uintp(u)], inks[codes[i]]
            red, green, blue, one = ink[0], ink[1], ink[2], ink[3]
            pixel[0] += red
            pixel[1] += green
            pixel[2] += blue
            pixel[3] += one


@njit(
    "float32[:, :, ::1](uint32[:, ::1], uint32[:, ::1], float64[:, ::1], uint8[:, ::1])",
    **OPTIONS,
)
def average_colours(counts, known, total, palette):
    """Colour sums (h, w, 4) by the mean of each pixel's known values of 0..1.

    The counts of points and of known values, and the sums of values, are (h, w) with the bottom row first. A
    pixel without values gets the neutral colour, the palette's last.
    """
    height, width = counts.shape
    out = np.zeros((height, width, 4), np.float32)
    for v in range(height):
        for u in range(width):
            n = np.float32(counts[height - 1 - v, u])
            if n > 0.0:
                values = known[height - 1 - v, u]
                code = int(total[height - 1 - v, u] / values * 254.0 + 0.5) if values else 255
                for c in range(3):
                    out[v, u, c] = palette[code, c] * n
                out[v, u, 3] = n
    return out


@njit("void(float32[::1], float32[::1], float32)", **OPTIONS)
def add_weighted(out, line, weight):
    """Add a weighted line to `out`. The loop starts at 0, so that the compiler can vectorise it."""
    for i in range(len(line)):
        out[i] += line[i] * weight


@njit("float32[:, :, ::1](float32[:, ::1], int64)", **OPTIONS)
def sum_cells(layer, cell):
    """Sum (h, w * 4) over whole squares of `cell` pixels: (h // cell, w // cell, 4)."""
    rows, columns = layer.shape[0] // cell, layer.shape[1] // (4 * cell)
    out = np.zeros((rows, columns, 4), np.float32)
    line = np.empty(columns * cell * 4, np.float32)
    for v in range(rows):
        line[:] = 0.0
        for w in range(cell):
            add_weighted(line, layer[v * cell + w, : len(line)], 1.0)
        for u in range(columns):
            whole = line[u * cell * 4 : (u + 1) * cell * 4]
            for i in range(0, len(whole), 4):
                for c in range(4):
                    out[v, u, c] += whole[i + c]
    return out


@njit("int64[:, ::1](float32[:, ::1])", **OPTIONS)
def occupied_spans(layer):
    """Return the span of each row of (h, w * 4) that has points: (h, 2); (w * 4, 0) for an empty row."""
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


@njit("boolean(float32[::1], float32[::1], float32[:, ::1], int64, float32[::1], int64[:, ::1])", **OPTIONS)
def blur_row(out, row, layer, v, taps, spans):
    """Write row `v` of a separable blur of (h, w * 4) with symmetric `taps`, centre first.

    `out` and the scratch `row` are (w * 4,), whole rows of pixels, so that the compiler vectorises. The
    `spans` (h, 2) are those of `occupied_spans`. Return whether the row has any points.
    """
    height, width = layer.shape
    reach = len(taps) - 1
    above, below = max(0, v - reach), min(height, v + reach + 1)
    left, right = spans[above:below, 0].min(), spans[above:below, 1].max()
    if left >= right:
        return False
    out[:] = 0.0
    within = row[left:right]
    within[:] = 0.0
    for w in range(above, below):
        add_weighted(within, layer[w, left:right], taps[abs(w - v)])
    add_weighted(out[left:right], within, taps[0])
    for t in range(1, reach + 1):
        away = 4 * t
        right_end, left_end = min(right, width - away), max(left, away)
        add_weighted(out[left + away : right_end + away], row[left:right_end], taps[t])
        add_weighted(out[left_end - away : right - away], row[left_end:right], taps[t])
    return True


@njit("void(float32[:, ::1], float32[:, ::1], float32[::1], int64[:, ::1])", **OPTIONS)
def blur(out, layer, taps, spans):
    """A separable blur of (h, w * 4), as `blur_row` does each row."""
    row = np.empty(layer.shape[1], np.float32)
    for v in range(layer.shape[0]):
        if not blur_row(out[v], row, layer, v, taps, spans):
            out[v, :] = 0.0


@njit(
    "void(float32[:, ::1], uint8[:, :, ::1], float32[:, ::1], float32[::1], int64[:, ::1], int64)", **OPTIONS
)
def blur_dots(weights, colours, layer, taps, spans, margin):
    """Blur pixels into round dots: the weight (h, w) and mean colour (h, w, 3) inside a margin.

    Where the weight is invisible, the colour keeps its old value.
    """
    height, width = weights.shape
    row, line = np.empty(layer.shape[1], np.float32), np.empty(layer.shape[1], np.float32)
    half = np.float32(0.5)
    for v in range(height):
        weighed, coloured = weights[v], colours[v]
        if not blur_row(line, row, layer, v + margin, taps, spans):
            weighed[:] = 0.0
            continue
        within = line[4 * margin : 4 * (margin + width)]
        for u in range(np.uintp(width)):
            weight = within[4 * u + 3]
            weighed[u] = weight
            if weight > MIN_WEIGHT:
                share = np.float32(1.0) / weight
                coloured[u, 0] = np.uint8(within[4 * u] * share + half)
                coloured[u, 1] = np.uint8(within[4 * u + 1] * share + half)
                coloured[u, 2] = np.uint8(within[4 * u + 2] * share + half)


@njit(f"void({CANVAS}, float32[:, ::1], uint8[:, :, ::1], float32[::1], float64)", **OPTIONS)
def shade(canvas, weights, colours, opacities, full):
    """Blend weights (h, w) and their mean colours (h, w, 3) over the canvas.

    `opacities` belong to weights from 0 to `full`, at even steps of the weight's square root. A table,
    because a logarithm for each pixel would take longer than everything else.
    """
    last, half = np.float32(len(opacities) - 1), np.float32(0.5)
    scale = np.float32(1.0 / max(full, 1e-6))
    for v in range(canvas.shape[0]):
        weighed, coloured, line = weights[v], colours[v], canvas[v]
        for u in range(len(weighed)):
            weight = weighed[u]
            if weight <= MIN_WEIGHT:
                continue
            opacity = opacities[np.uintp(math.sqrt(min(weight * scale, np.float32(1.0))) * last)]
            keep = np.float32(1.0) - opacity
            line[u, 0] = np.uint8(line[u, 0] * keep + coloured[u, 0] * opacity + half)
            line[u, 1] = np.uint8(line[u, 1] * keep + coloured[u, 1] * opacity + half)
            line[u, 2] = np.uint8(line[u, 2] * keep + coloured[u, 2] * opacity + half)


@njit("void(float32[::1], float32[:, ::1], uintp[::1], float32[::1])", **OPTIONS)
def stretch_row(out, row, first, part):
    """Interpolate a coarse row (k, 4) to the pixels (w * 4,) of `out`, each at `first` + `part`."""
    for u in range(len(first)):
        left, right, pixel = row[first[u]], row[first[u] + np.uintp(1)], out[4 * u : 4 * u + 4]
        for c in range(4):
            pixel[c] = left[c] + (right[c] - left[c]) * part[u]


@njit("void(uint8[::1], float32[:, ::1], float32[:, ::1], float32)", **OPTIONS)
def lay_light(line, lights, shadows, part):
    """Blend one line of the canvas with the light interpolated between two lines (2, w * 4)."""
    first, second, keep, keep_second = lights[0], lights[1], shadows[0], shadows[1]
    half = np.float32(0.5)
    for i in range(len(line)):
        left = keep[i] + (keep_second[i] - keep[i]) * part
        line[i] = np.uint8(np.int32(line[i] * left + first[i] + (second[i] - first[i]) * part + half))


@njit("void(uint8[:, ::1], float32[:, :, ::1], float32[:, :, ::1], int64, int64)", **OPTIONS)
def glow(canvas, light, shadow, cell, margin):
    """Blend `light` (k, l, 4), `cell` pixels a value, over the canvas (h, w * 4) times `shadow`.

    Both have all four channels, so that one loop handles a line.
    """
    height, width = canvas.shape
    lights, shadows = np.empty((2, width), np.float32), np.empty((2, width), np.float32)
    first, part = np.empty(width // 4, np.uintp), np.empty(width // 4, np.float32)
    for u in range(len(first)):
        sx = min(max((u + 0.5 + margin) / cell - 0.5, 0.0), light.shape[1] - 1.001)
        first[u], part[u] = np.uintp(sx), sx - int(sx)
    known = -1
    for v in range(height):
        sy = min(max((v + 0.5 + margin) / cell - 0.5, 0.0), light.shape[0] - 1.001)
        y0 = int(sy)
        if y0 != known:
            for i in range(2):
                stretch_row(lights[i], light[y0 + i], first, part)
                stretch_row(shadows[i], shadow[y0 + i], first, part)
            known = y0
        lay_light(canvas[v], lights, shadows, np.float32(sy - y0))
