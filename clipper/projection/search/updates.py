"""Search some images among all, and the lists that new ones belong into, in one reading of all vectors.

What does not belong here: the lists that the edges go into (`projection/graph.py`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from clipper.projection.search.blocks import (
    Blocks,
    Selection,
    Vectors,
    comparing_seconds,
    compute_blocks,
    distances_between,
    leave_out,
    select_nearest,
    starts_of,
)

if TYPE_CHECKING:
    import numpy as np

# So many images are compared with so many at once: 32 MB.
QUERIES, LISTS = 256, 32_768
# More than any cosine distance: a limit that all are within.
NO_LIMIT = 3.0


class Edges(NamedTuple):
    """Images, their neighbors and how far they are: (e,) int32, (e,) int32, (e,) float32, in any order."""

    heads: "np.ndarray"
    tails: "np.ndarray"
    far: "np.ndarray"


class _Pieces:
    """An output whose blocks have any number of rows."""

    def __init__(self) -> None:
        self._pieces: dict[int, np.ndarray] = {}

    def __setitem__(self, rows: slice, piece: "np.ndarray") -> None:
        self._pieces[rows.start] = piece

    def in_order(self) -> "list[np.ndarray]":
        return [self._pieces[start] for start in sorted(self._pieces)]


def find_edges(
    vectors: Vectors,
    searched: "np.ndarray",
    *,
    is_new: "np.ndarray",
    limit: "np.ndarray",
    reach: "np.ndarray",
    k: int,
) -> Iterator[Edges]:
    """Find the neighbors of some images, and the lists that new ones of them belong into.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of all images.
        searched: (m,) int, the images whose neighbors are found.
        is_new: (m,) bool, which of them may come into the lists of others.
        limit: (m,) float32, a distance within which an image has k neighbors.
        reach: (n,) float32, the distance within which a new image comes into a list; -1 for none.
        k: the length of a list.

    Yields:
        the edges of some lists at a time. Those of an image that is searched have its k nearest. Those of any
        other list have the new ones within its reach, or, where these are more, the k nearest of them.
    """
    inputs = {
        "vectors": vectors,
        "queries": Selection(vectors, searched),
        "searched": searched,
        "is_new": is_new,
        "limit": limit,
        "reach": reach,
        "k": k,
    }
    n = len(vectors)
    seconds = comparing_seconds(len(searched) * n, vectors.shape[1])
    heads, tails, far = _Pieces(), _Pieces(), _Pieces()
    compute_blocks(Blocks(_edges_of_block, inputs, starts_of(n, LISTS), seconds), heads, tails, far)
    for edges in zip(heads.in_order(), tails.in_order(), far.in_order(), strict=True):
        yield Edges(*edges)


def _edges_of_block(inputs: Mapping[str, Any], _: int, block: slice) -> Edges:
    """Compare all searched images with those of a block of lists."""
    import numpy as np

    lists, reach, k = inputs["vectors"][block], inputs["reach"][block], inputs["k"]
    room = np.empty((min(QUERIES, len(inputs["searched"])), len(lists)), np.float32)
    found: list[tuple[np.ndarray, ...]] = []
    for start in range(0, len(inputs["searched"]), QUERIES):
        some = slice(start, start + QUERIES)
        searched, is_new = inputs["searched"][some], inputs["is_new"][some]
        apart = distances_between(inputs["queries"][some], lists, room)
        leave_out(apart, searched - block.start)
        of, columns = _nearest_within(apart, inputs["limit"][some], k)
        found.append((searched[of], block.start + columns, apart[of, columns]))
        came = apart if is_new.all() else apart[is_new]
        columns, of = _nearest_to_columns(came, reach, k)
        found.append((block.start + columns, searched[is_new][of], came[of, columns]))
    heads, tails, far = (np.concatenate(each) for each in zip(*found, strict=True))
    return Edges(heads.astype(np.int32), tails.astype(np.int32), far.clip(0.0))


def _nearest_within(apart: "np.ndarray", limit: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return rows and columns of the distances, (b, c), within each row's limit, (b,); at most k of a row."""
    import numpy as np

    rows, columns = np.divmod(np.flatnonzero(apart <= limit[:, None]), apart.shape[1])
    many = np.flatnonzero(np.bincount(rows, minlength=len(apart)) > k)
    if not len(many):
        return rows, columns
    rest = ~np.isin(rows, many)
    near, _ = select_nearest(apart[many], k)
    return np.concatenate([rows[rest], np.repeat(many, k)]), np.concatenate([columns[rest], near.ravel()])


def _nearest_to_columns(apart: "np.ndarray", reach: "np.ndarray", k: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return columns and rows of the distances, (b, c), below each column's reach, (c,); k of a column."""
    import numpy as np

    rows, columns = np.divmod(np.flatnonzero(apart < reach), apart.shape[1])
    many = np.flatnonzero(np.bincount(columns, minlength=apart.shape[1]) > k)
    if not len(many):
        return columns, rows
    rest = ~np.isin(columns, many)
    near, _ = select_nearest(apart[:, many].T, k)
    return np.concatenate([columns[rest], np.repeat(many, k)]), np.concatenate([rows[rest], near.ravel()])
