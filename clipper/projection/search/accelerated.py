"""Nearest neighbors on a GPU: every pair is compared, by matrix products.

On a GPU that takes less time for some millions of vectors than a search in near cells on a CPU, and finds
exactly the nearest. What does not belong here: other searches (`projection/neighbors.py`, `cells.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from clipper.projection.search.blocks import Vectors

if TYPE_CHECKING:
    import numpy as np
    import torch

# For more pairs than this, some minutes of a data centre's GPU, near cells are searched instead.
MOST_PAIRS = 2e13
# The share of the GPU's free memory that the vectors may take, and the similarities of one block.
VECTORS_SHARE, BLOCK_SHARE = 0.5, 0.1
# Vectors that are compared with others at once, and of how many others.
QUERIES, COLUMNS = 4_096, 131_072
# Vectors that go to the GPU at once.
_SENT = 65_536

_device: ContextVar[str] = ContextVar("device", default="cpu")


@contextmanager
def neighbors_on(device: str) -> Iterator[None]:
    """Search the neighbors of many vectors on a GPU in this block.

    Args:
        device: as torch names it, `cuda` or `cuda:1`; or `auto`, a GPU if there is one. All others, and
            `cuda` where there is none, leave the search on the CPU.
    """
    before = _device.set(device)
    try:
        yield
    finally:
        _device.reset(before)


def device_for(vectors: Vectors, among: Vectors) -> "torch.device | None":
    """Return the GPU that searches `vectors`, (m, d), in `among`, (n, d); None if the CPU does."""
    wanted = _device.get()
    if not wanted.startswith(("auto", "cuda")) or len(vectors) * len(among) > MOST_PAIRS or not _has_driver():
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    device = torch.device("cuda" if wanted == "auto" else wanted)
    needed = 4 * len(among) * among.shape[1]
    return device if needed <= VECTORS_SHARE * torch.cuda.mem_get_info(device)[0] else None


def nearest_on(
    device: "torch.device", vectors: Vectors, among: Vectors, k: int, *, own: "np.ndarray | None" = None
) -> "tuple[np.ndarray, np.ndarray]":
    """Find each vector's k nearest of `among` on a device, nearest first, exactly.

    Args:
        device: it holds all of `among`, 4 * n * d bytes.
        vectors: (m, d) float32, rows L2-normalised.
        among: (n, d) float32, rows L2-normalised.
        k: at most n; at most n - 1 with `own`.
        own: (m,) int: the row of `among` that is the vector itself, which is no neighbor; -1 for none.

    Returns:
        rows of `among`, (m, k) int32, and cosine distances, (m, k) float32, not negative. Of vectors that are
        equally near the one with the lower row comes first.

    Raises:
        torch.OutOfMemoryError: something else fills the device's memory.
    """
    import numpy as np
    import torch

    m, (n, d) = len(vectors), among.shape
    rows, distances = np.empty((m, k), np.int32), np.empty((m, k), np.float32)
    held = torch.empty((n, d), dtype=torch.float32, device=device)
    for start in range(0, n, _SENT):
        some = slice(start, min(start + _SENT, n))
        held[some] = torch.from_numpy(np.ascontiguousarray(among[some]))
    width = max(_columns(device), k + 1)
    for start in range(0, m, QUERIES):
        some = slice(start, min(start + QUERIES, m))
        queries = torch.from_numpy(np.ascontiguousarray(vectors[some])).to(device)
        itself = None if own is None else torch.from_numpy(np.asarray(own[some], np.int64)).to(device)
        alike, found = _best(queries, held, k, width, itself)
        apart, found = (1.0 - alike).clip(0.0), found.to(torch.int32)
        far, near = apart.cpu().numpy(), found.cpu().numpy()
        order = np.lexsort((near, far), axis=1)
        rows[some], distances[some] = (np.take_along_axis(each, order, axis=1) for each in (near, far))
    return rows, distances


def _best(
    queries: "torch.Tensor", held: "torch.Tensor", k: int, width: int, itself: "torch.Tensor | None"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the k greatest similarities of each query, (b, k) float32, and their rows, (b, k) int64."""
    import torch

    best: torch.Tensor | None = None
    rows = torch.empty(0)
    for first in range(0, len(held), width):
        alike = queries @ held[first : first + width].T
        if itself is not None:
            here = torch.nonzero((itself >= first) & (itself < first + alike.shape[1]))[:, 0]
            alike[here, itself[here] - first] = -torch.inf
        values, found = alike.topk(min(k, alike.shape[1]), dim=1)
        found += first
        if best is None:
            best, rows = values, found
        else:
            best, chosen = torch.cat([best, values], dim=1).topk(k, dim=1)
            rows = torch.cat([rows, found], dim=1).gather(1, chosen)
    assert best is not None
    return best, rows


def _columns(device: "torch.device") -> int:
    """Return the number of vectors with which a block is compared at once."""
    import torch

    if device.type != "cuda":
        return COLUMNS
    free = torch.cuda.mem_get_info(device)[0]
    return max(1, min(COLUMNS, int(BLOCK_SHARE * free / (4 * QUERIES))))


def _has_driver() -> bool:
    """Whether CUDA's driver is installed: without it torch, which takes seconds to load, is not asked."""
    import ctypes
    import os

    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
