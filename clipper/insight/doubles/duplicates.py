"""Exact and near duplicates: groups of files that show one picture, and which of them to keep.

What does not belong here: which contents are copies (`duplicate_candidates.py`, `copies.py`),
and groups that span the parts of a split (`leaks.py`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clipper.insight.doubles.copies import SAME_LIGHT, WHOLE_SIDE, Copies, find_copies, plain_copies, stars
from clipper.insight.doubles.duplicate_candidates import find_candidates
from clipper.insight.doubles.picture_match import SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

    from clipper.projection.graph import NeighborGraph

KEPT, EXACT, MIRRORED, CROPPED = "kept", "exact", "mirrored", "cropped"
BRIGHTER, DARKER, RESIZED, RECOMPRESSED = "brighter", "darker", "resized", "recompressed"


@dataclass(frozen=True)
class Files:
    """What is known of m files, sorted by id."""

    ids: "Sequence[str] | pa.LargeStringArray"
    contents: "np.ndarray"  # (m,) int: row of the content's vector and signature
    widths: "np.ndarray"  # (m,) int, pixels
    heights: "np.ndarray"  # (m,) int, pixels
    bytes: "np.ndarray"  # (m,) int
    times: "np.ndarray"  # (m,) float, seconds: when it was taken, or else last changed; NaN if unknown


@dataclass(frozen=True)
class Duplicates:
    """Files that have a duplicate, by group, and within it the one to keep first: k rows of a table.

    Group 0 is the largest; groups of one size stand by the id of the file to keep.
    """

    files: "np.ndarray"  # (k,) int64: row of the file
    groups: "np.ndarray"  # (k,) int32: 0, 1, 2, ...
    keep: "np.ndarray"  # (k,) bool: the one to keep
    kinds: list[str]  # KEPT, or how it differs from the one to keep
    similarities: "np.ndarray"  # (k,) float32, 0 to 1, with the one to keep
    why: list[str]  # in words

    def __len__(self) -> int:
        return len(self.files)


def find_duplicates(
    graph: "NeighborGraph", signatures: "np.ndarray", files: Files, *, threshold: float = SAME
) -> Duplicates:
    """Find files of one content, and files whose pictures are copies but for size, light, crop or mirror.

    Each file of a group was compared with the one to keep: copies of copies do not chain.

    Args:
        graph: of the n contents.
        signatures: (n, SIGNATURE_BYTES) uint8, of the n contents.
        files: of these contents.
        threshold: the least similarity of two pictures that count as copies, 0 to 1. `picture_match.SAME` is
            where hard true copies and most similar other pictures part; more finds fewer.
    """
    import numpy as np

    n = len(signatures)
    if not len(files.ids):
        none = np.empty(0, np.int64)
        return Duplicates(none, none.astype(np.int32), none > 0, [], none.astype(np.float32), [])
    best = _best_files(files, n)
    pairs = find_candidates(graph, signatures)
    pairs = pairs.only((best[pairs.ones] >= 0) & (best[pairs.others] >= 0))
    copies = find_copies(signatures, pairs, threshold=threshold)
    preference = _preference(files, best, plain_copies(copies, n))
    star = stars(signatures, copies, preference, threshold=threshold)
    star = star.only(np.argsort(star.others, kind="stable"))
    return _tabulate(files, best, star)


def _order(files: Files) -> "np.ndarray":
    """Return the files, (m,) int64, the oldest first and then by id; those of unknown age are last."""
    import numpy as np

    return np.argsort(np.nan_to_num(files.times, nan=np.inf), kind="stable")


def _best_files(files: Files, n: int) -> "np.ndarray":
    """Return the file of each content to keep: (n,) int64, -1 for a content without a file."""
    import numpy as np

    best = np.full(n, -1)
    backward = _order(files)[::-1]
    best[files.contents[backward]] = backward  # the last one written is the oldest
    return best


def _preference(files: Files, best: "np.ndarray", plain: "np.ndarray") -> "np.ndarray":
    """Rank the contents by which to keep: (n,) int64, 0 is the first.

    The largest, then the one that has most plain copies (a mirrored or cropped picture has fewer than what it
    was made from), the least compressed, the oldest, the first by id.
    """
    import numpy as np

    age = np.empty(len(files.ids), np.int64)
    age[_order(files)] = np.arange(len(files.ids))
    pixels = files.widths[best].astype(np.int64) * files.heights[best]
    order = np.lexsort((age[best], -(files.bytes[best] / np.maximum(pixels, 1)), -plain, -pixels))
    rank = np.empty(len(best), np.int64)
    rank[order] = np.arange(len(best))
    return rank


def _tabulate(files: Files, best: "np.ndarray", star: Copies) -> Duplicates:
    """Make the table: groups by size, and in each the file to keep, then the most alike."""
    import numpy as np

    n = len(best)
    keeper, how = np.arange(n), np.full(n, -1)
    keeper[star.others], how[star.others] = star.ones, np.arange(len(star))
    group = keeper[files.contents]
    sizes = np.bincount(group, minlength=n)
    rows = np.flatnonzero(sizes[group] > 1)
    is_kept = rows == best[group[rows]]
    step = how[files.contents[rows]]
    alike = np.ones(len(rows), np.float32)
    alike[step >= 0] = star.matches.similarities[step[step >= 0]]
    order = np.lexsort((rows, -alike, ~is_kept, best[group[rows]], -sizes[group[rows]]))
    rows, is_kept, step, alike = rows[order], is_kept[order], step[order], alike[order]
    numbers = (np.cumsum(is_kept) - 1).astype(np.int32)
    starts = np.append(np.flatnonzero(is_kept), len(rows))
    kinds, why = [], []
    for i, row in enumerate(rows.tolist()):
        if is_kept[i]:
            members = rows[i + 1 : starts[numbers[i] + 1]]
            kinds.append(KEPT)
            why.append(_why_kept(files, row, members))
        elif step[i] < 0:
            kinds.append(EXACT)
            why.append("the same bytes")
        else:
            kind, words = _difference(files, star, int(step[i]), best)
            kinds.append(kind)
            why.append(words)
    return Duplicates(rows, numbers, is_kept, kinds, alike, why)


def _why_kept(files: Files, kept: int, others: "np.ndarray") -> str:
    """Say what makes a file the one to keep: the first property in which it is ahead of all others.

    It need not be ahead of them all in any: then it is the picture that most of the others are copies of.
    """
    import numpy as np

    def ahead(values: "np.ndarray") -> int:
        rest = values[1:].max()
        return int(values[0] > rest) - int(values[0] < rest)

    rows = np.append(kept, others)
    pixels = files.widths[rows].astype(np.int64) * files.heights[rows]
    if ahead(pixels) > 0:
        return f"largest: {files.widths[kept]} x {files.heights[kept]}"
    density = files.bytes[rows] / np.maximum(pixels, 1)
    if ahead(density) > 0:
        return f"least compressed: {density[0]:.2f} bytes a pixel"
    if ahead(density) < 0:
        return "most others are plain copies of it"
    if ahead(-np.nan_to_num(files.times[rows], nan=np.inf)) > 0:
        return f"oldest: {datetime.fromtimestamp(float(files.times[kept]), tz=UTC):%Y-%m-%d}"
    return "first by name"


def _difference(files: Files, star: Copies, step: int, best: "np.ndarray") -> tuple[str, str]:
    """Say how a copy differs from the one to keep: its kind, and all that differs in words."""
    kept, copy = best[star.ones[step]], best[star.others[step]]
    gain, shown = float(star.matches.gains[step]), star.matches.scales[step]
    found: list[tuple[str, str]] = []
    if star.flips[step]:
        found.append((MIRRORED, "mirrored"))
    if shown.min() < WHOLE_SIDE:
        found.append((CROPPED, f"shows {shown[0] * shown[1]:.0%} of it"))
    elif shown.max() > 1 / WHOLE_SIDE:
        found.append((CROPPED, f"shows more: the one to keep is {1 / (shown[0] * shown[1]):.0%} of it"))
    if abs(gain - 1) > SAME_LIGHT:
        kind = BRIGHTER if gain > 1 else DARKER
        found.append((kind, f"{abs(gain - 1):.0%} {kind}"))
    was, now = ((files.widths[row], files.heights[row]) for row in (kept, copy))
    if was != now:
        found.append((RESIZED, f"{now[0]} x {now[1]} instead of {was[0]} x {was[1]}"))
    if not found:
        found.append((RECOMPRESSED, "other bytes of the same picture"))
    return found[0][0], ", ".join(words for _, words in found)
