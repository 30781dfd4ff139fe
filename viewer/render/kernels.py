"""Compiled loops that draw single shapes on a canvas (h, w, 4) uint8, top row first.

A picture has up to two hundred thumbnails. So only their few pixels near a border are worked out one by one;
those within are interpolated in lines, which the compiler vectorises.

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
SOFT = 0.5  # pixels on each side of a border over which it is smoothed


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


@njit(
    f"void({CANVAS}, float64, float64, float64, float64, float64, uint8[::1], float64)",
    **OPTIONS,
)
def draw_line(canvas, x0, y0, x1, y1, line_width, ink, alpha):
    """Draw an anti-aliased line between two places."""
    height, width = canvas.shape[0], canvas.shape[1]
    reach, along_x, along_y = line_width / 2 + SOFT, x1 - x0, y1 - y0
    square = max(along_x * along_x + along_y * along_y, 1e-9)
    left, right = max(0, int(min(x0, x1) - reach)), min(width - 1, int(max(x0, x1) + reach))
    top, bottom = max(0, int(min(y0, y1) - reach)), min(height - 1, int(max(y0, y1) + reach))
    for v in range(top, bottom + 1):
        dy = v + 0.5 - y0
        for u in range(left, right + 1):
            dx = u + 0.5 - x0
            share = min(1.0, max(0.0, (dx * along_x + dy * along_y) / square))
            ox, oy = dx - share * along_x, dy - share * along_y
            cover = min(1.0, reach - math.sqrt(ox * ox + oy * oy)) * alpha
            if cover > 0.0:
                for c in range(3):
                    canvas[v, u, c] = np.uint8(canvas[v, u, c] * (1.0 - cover) + ink[c] * cover + 0.5)


@njit("float64(float64, float64, float64, float64, float64)", **OPTIONS)
def rounded_distance(dx, dy, half_w, half_h, corner):
    """Return the signed distance to a rounded rectangle (Quilez's `sdRoundedBox`), negative inside."""
    qx, qy = abs(dx) - half_w + corner, abs(dy) - half_h + corner
    if qx > 0.0 and qy > 0.0:
        return math.sqrt(qx * qx + qy * qy) - corner
    return max(qx, qy) - corner


@njit("UniTuple(int64, 2)(int64, int64, float64, float64, float64, float64, float64, float64)", **OPTIONS)
def span_within(left, right, cx, dy, half_w, half_h, corner, distance):
    """Return which pixels of a line have a `rounded_distance` up to `distance`: the first, and past the last.

    The line is `dy` below the middle of the rectangle. All is between `left` and `right`; without any, both
    are `right`.
    """
    radius, qy = corner + distance, abs(dy) - half_h + corner
    if qy > radius:
        return right, right
    reach = half_w + distance
    if qy > 0.0:
        reach = half_w - corner + math.sqrt(radius * radius - qy * qy)
    first = min(max(left, math.ceil(cx - reach - 0.5)), right)
    past = min(max(first, math.floor(cx + reach - 0.5) + 1), right)
    return (right, right) if first == past else (first, past)


@njit(f"void({CANVAS}, float64, float64, float64, float64, float64, float64, float64, float64)", **OPTIONS)
def draw_shadow(canvas, cx, cy, w, h, corner, drop, blur, strength):
    """Draw the shadow of a thumbnail, `drop` pixels below it, with a soft border of `blur` pixels.

    What the thumbnail itself will cover is left out.
    """
    height, width = canvas.shape[0], canvas.shape[1]
    half_w, half_h = w / 2, h / 2
    top, bottom = max(0, int(cy + drop - half_h - blur)), min(height - 1, int(cy + drop + half_h + blur))
    for v in range(top, bottom + 1):
        dy, line = v + 0.5 - cy, canvas[v]
        left, right = span_within(0, width, cx, dy - drop, half_w, half_h, corner, blur)
        first, past = span_within(left, right, cx, dy, half_w, half_h, corner, -SOFT)
        for start, end in ((left, first), (past, right)):
            for u in range(np.uintp(start), np.uintp(end)):
                distance = rounded_distance(u + 0.5 - cx, dy - drop, half_w, half_h, corner)
                fall = min(1.0, max(0.0, (blur - distance) / (2.0 * blur)))
                keep = np.float32(1.0 - strength * fall * fall)
                line[u, 0] = np.uint8(line[u, 0] * keep)
                line[u, 1] = np.uint8(line[u, 1] * keep)
                line[u, 2] = np.uint8(line[u, 2] * keep)


@njit("void(uintp[:, ::1], float32[::1], int64, float64, float64)", **OPTIONS)
def find_sources(beside, part, pixels, start, size):
    """Tell from which two of so many `pixels` each of an image's places comes, and how much of the second.

    Place i of `part` (k,) is at i + `start` of an image that is `size` pixels wide on the canvas.
    """
    for i in range(len(part)):
        at = min(max((i + start) / size * pixels - 0.5, 0.0), pixels - 1.0)
        beside[0, i] = np.uintp(at)
        beside[1, i] = np.uintp(min(int(at) + 1, pixels - 1))
        part[i] = at - int(at)


@njit("void(float32[::1], uint8[::1])", **OPTIONS)
def copy_numbers(out, line):
    """Copy a line as other numbers. The loop is by itself, so that the compiler can vectorise it."""
    for i in range(len(line)):
        out[i] = line[i]


@njit("void(float32[:, ::1], float32[:, ::1], uintp[:, ::1], float32[::1], float32[::1], float32)", **OPTIONS)
def stretch_line(out, line, beside, part, ground, fade):
    """Interpolate a line (iw, 4) of an image to pixels (k, 4), as `find_sources` tells, and fade it.

    All of a pixel is read before any is written: so the compiler handles the four channels at once.
    """
    red, green, blue, full = ground[0], ground[1], ground[2], ground[3]
    for u in range(len(part)):
        one, other, share = line[beside[0, u]], line[beside[1, u]], part[u] * fade
        rest, pixel = fade - share, out[u]
        one_red, one_green, one_blue, one_full = one[0], one[1], one[2], one[3]
        other_red, other_green, other_blue, other_full = other[0], other[1], other[2], other[3]
        pixel[0] = one_red * rest + other_red * share + red
        pixel[1] = one_green * rest + other_green * share + green
        pixel[2] = one_blue * rest + other_blue * share + blue
        pixel[3] = one_full * rest + other_full * share + full


@njit("void(uint8[::1], float32[::1], float32[::1], float32)", **OPTIONS)
def mix_lines(out, above, below, part):
    """Write the numbers between those of two lines; `part` is the share of the second."""
    half = np.float32(0.5)
    for i in range(len(out)):
        out[i] = np.uint8(np.int32(above[i] + (below[i] - above[i]) * part + half))


@njit(
    f"void({CANVAS}, {CANVAS}, float64, float64, float64, float64, float64, uint8[::1], float64,"
    "uint8[::1], float64)",
    **OPTIONS,
)
def draw_thumbnail(canvas, image, cx, cy, w, h, corner, ring, ring_width, ground, fade):
    """Draw an opaque `image` (ih, iw, 4) in a rounded rectangle around (cx, cy), a ring inside its border.

    A `fade` below 1 mixes it with the background.
    """
    half_w, half_h = w / 2, h / 2
    left, end = max(0, int(cx - half_w - 1)), min(canvas.shape[1], int(cx + half_w + 2))
    top, bottom = max(0, int(cy - half_h - 1)), min(canvas.shape[0], int(cy + half_h + 2))
    if left >= end or top >= bottom:
        return
    across, share_x = np.empty((2, end - left), np.uintp), np.empty(end - left, np.float32)
    down, share_y = np.empty((2, bottom - top), np.uintp), np.empty(bottom - top, np.float32)
    find_sources(across, share_x, image.shape[1], left + 0.5 - cx + half_w, w)
    find_sources(down, share_y, image.shape[0], top + 0.5 - cy + half_h, h)
    faded, rim_ink = np.empty(4, np.float32), np.empty(3, np.float32)
    faded[3] = 255.0 * (1.0 - fade)
    for c in range(3):
        faded[c] = ground[c] * (1.0 - fade)
        rim_ink[c] = ring[c] * fade + faded[c]
    source, lines = np.empty((image.shape[1], 4), np.float32), np.empty((2, end - left, 4), np.float32)
    known = np.full(2, -1, np.int64)  # which lines of the image these are: one is used for many lines
    for v in range(top, bottom):
        dy, part, line = v + 0.5 - cy, share_y[v - top], canvas[v]
        for i in range(2):
            at = down[i, v - top]
            if known[at % 2] != at:
                copy_numbers(source.reshape(-1), image[at].reshape(-1))
                stretch_line(lines[at % 2], source, across, share_x, faded, fade)
                known[at % 2] = at
        above, below = lines[down[0, v - top] % 2], lines[down[1, v - top] % 2]
        first, past = span_within(left, end, cx, dy, half_w, half_h, corner, -ring_width - SOFT)
        mix_lines(
            line.reshape(-1)[4 * first : 4 * past], above.reshape(-1)[4 * (first - left) :],
            below.reshape(-1)[4 * (first - left) :], part,
        )  # fmt: skip
        outer, outer_past = span_within(left, end, cx, dy, half_w, half_h, corner, SOFT)
        for begin, stop in ((outer, min(first, outer_past)), (max(past, outer), outer_past)):
            for u in range(begin, stop):
                distance = rounded_distance(u + 0.5 - cx, dy, half_w, half_h, corner)
                rim = np.float32(min(1.0, max(0.0, distance + ring_width + SOFT)))
                cover = np.float32(min(1.0, max(0.0, SOFT - distance)))
                for c in range(3):
                    ink = above[u - left, c] + (below[u - left, c] - above[u - left, c]) * part
                    ink += (rim_ink[c] - ink) * rim
                    line[u, c] = np.uint8(line[u, c] + (ink - line[u, c]) * cover + np.float32(0.5))


@njit("void(uint8[:, ::1], float32[::1], float32)", **OPTIONS)
def fade_canvas(canvas, line, keep):
    """Fade the whole canvas (h, w * 4) towards one colour, behind thumbnails or results.

    Each number is multiplied by `keep`, then `line` (w * 4,) is added, which includes 0.5 to round.
    """
    for v in range(canvas.shape[0]):
        row = canvas[v]
        for i in range(len(row)):
            row[i] = np.uint8(np.int32(row[i] * keep + line[i]))
