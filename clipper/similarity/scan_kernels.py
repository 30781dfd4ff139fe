"""Compiled loops that multiply the int8 copy of the vectors with queries.

A query stays float32, so only the rows lose digits. One core reads the copy about as fast as the memory gives
it; with several queries the rows are read once for all of them. Signatures are explicit and the machine code
is cached, so that no search waits for the compiler. What does not belong here: what the numbers mean
(`similarity/codes.py`).
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201 - compiled: types stand in the signature, arguments have places

import numpy as np
from numba import njit, types  # noqa: TID253 - this file is itself loaded inside functions only

# The rows are mapped files, which nobody may write to.
CODES = types.Array(types.int8, 2, "C", readonly=True)
SCALES = types.Array(types.float32, 1, "C", readonly=True)
QUERIES, OFFSETS, OUT = types.float32[:, ::1], types.float32[::1], types.float32[:, :]
OPTIONS = {"cache": True, "nogil": True, "fastmath": True, "error_model": "numpy"}


@njit(types.void(CODES, SCALES, QUERIES, OFFSETS, OUT), **OPTIONS)
def scan(codes, scales, queries, offsets, out):
    """Write `offsets[b] + scales[i] * (codes[i] @ queries[b])` to `out[b, i]`.

    Args:
        codes: (n, d) int8.
        scales: (n,) float32.
        queries: (q, d) float32.
        offsets: (q,) float32.
        out: (q, n) float32.
    """
    n, d = codes.shape
    q = queries.shape[0]
    line = np.empty(d, np.float32)
    for i in range(n):
        scale = scales[i]
        if q == 1:
            one = np.float32(0)
            for j in range(d):
                one += np.float32(codes[i, j]) * queries[0, j]
            out[0, i] = offsets[0] + scale * one
            continue
        for j in range(d):
            line[j] = codes[i, j]
        b = 0
        while b + 4 <= q:  # four at once: each part of a row that is loaded serves four queries
            s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for j in range(d):
                x = line[j]
                s0 += x * queries[b, j]
                s1 += x * queries[b + 1, j]
                s2 += x * queries[b + 2, j]
                s3 += x * queries[b + 3, j]
            out[b, i] = offsets[b] + scale * s0
            out[b + 1, i] = offsets[b + 1] + scale * s1
            out[b + 2, i] = offsets[b + 2] + scale * s2
            out[b + 3, i] = offsets[b + 3] + scale * s3
            b += 4
        while b < q:
            one = np.float32(0)
            for j in range(d):
                one += line[j] * queries[b, j]
            out[b, i] = offsets[b] + scale * one
            b += 1
