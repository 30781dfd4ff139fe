"""Kernels of int8 layers: rows of float32 to int8, and products in int32 to float32.

Each goes over a row once or twice while it is in the nearest cache; torch's own operations would go over the
whole batch seven times, and take longer than the product itself. What does not belong here: the product
(`linear_layers.py`).
"""

import numpy as np
from numba import njit  # noqa: TID253 - this file is itself loaded inside functions only

# int8 has 127 steps on each side of 0; -128 is left out, so that both sides are the same.
STEPS = 127.0
LEAST = 1e-12  # a row of zeros would have the scale 0

_WITHOUT_SIGN = np.int32(0x7FFFFFFF)
# Not `parallel`: the threads of a tower call these, each for its own images.
_OPTIONS = {"nogil": True, "cache": True, "fastmath": True}


@njit("void(f4[:,::1], i1[:,::1], f4[::1])", **_OPTIONS)  # type: ignore[untyped-decorator]
def quantise(rows: "np.ndarray", out: "np.ndarray", scales: "np.ndarray") -> None:
    """Divide each row by its own scale, largest value / 127, and round.

    Args:
        rows: (n, k) float32.
        out: (n, k) int8, to be filled.
        scales: (n,) float32, to be filled.
    """
    # The bits of floats that are not negative are in the order of the floats, and those of a NaN are above
    # all. Integers have a maximum that is vectorised: with floats this loop takes ten times as long.
    bits, most_bits = rows.view(np.int32), scales.view(np.int32)
    steps, least = np.float32(STEPS), np.float32(LEAST)
    for i in range(rows.shape[0]):
        largest = np.int32(0)
        for j in range(rows.shape[1]):
            largest = max(largest, bits[i, j] & _WITHOUT_SIGN)
        most_bits[i] = largest
        most = max(scales[i], least)
        scales[i], factor = most / steps, steps / most
        for j in range(rows.shape[1]):
            out[i, j] = np.int8(np.int32(np.rint(rows[i, j] * factor)))


@njit("void(i4[:,::1], f4[::1], f4[::1], f4[::1], f4[:,::1])", **_OPTIONS)  # type: ignore[untyped-decorator]
def scale_back(
    product: "np.ndarray", scales: "np.ndarray", weights: "np.ndarray", bias: "np.ndarray", out: "np.ndarray"
) -> None:
    """Turn a product of int8 matrices back into float32, and add the bias.

    Args:
        product: (n, m) int32.
        scales: of the rows, (n,) float32.
        weights: scales of the columns, (m,) float32.
        bias: (m,) float32.
        out: (n, m) float32, to be filled.
    """
    for i in range(product.shape[0]):
        scale = scales[i]
        for j in range(product.shape[1]):
            out[i, j] = np.float32(product[i, j]) * (scale * weights[j]) + bias[j]
