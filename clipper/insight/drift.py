"""What has changed between two versions of a dataset, or differs between two parts of one.

What does not belong here: the tests (`insight/two_sample.py`), and how far a map has moved from its last fit
(`projection/quality.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from clipper.columns import rows_of
from clipper.insight.two_sample import (
    LEAST_IMAGES,
    SPARSE_QUANTILE,
    adjust,
    count_tests,
    energy_test,
    sparse_rows,
)
from clipper.projection.neighbors import Vectors
from clipper.projection.search.blocks import Selection
from clipper.store.parts.clusters import NOISE, Clusters

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Contents: TypeAlias = "Sequence[bytes] | pa.Array"

# The level of the clusters that are compared: neither a few continents nor hundreds of villages.
DRIFT_LEVEL = 1
# Without any drift, a report says that there is some in so many cases.
LEVEL = 0.05
APPEARED, GREW, SHRANK, VANISHED = "appeared", "grew", "shrank", "vanished"
_SAID = {APPEARED: "Only now", GREW: "More", SHRANK: "Fewer", VANISHED: "No longer"}
_SAID_OF_PARTS = {
    APPEARED: "They alone have",
    GREW: "They have more",
    SHRANK: "They have fewer",
    VANISHED: "They have none",
}
_TOLD = 3  # clusters that the sentences count out


@dataclass(frozen=True)
class ClusterChange:
    """A cluster whose share of the images has changed by more than chance."""

    id: int
    change: str  # appeared, grew, shrank or vanished
    before: int  # images
    after: int
    p_value: float  # adjusted for the number of clusters


@dataclass(frozen=True)
class Drift:
    """How one set of images differs from an earlier one."""

    before: int  # images
    after: int
    common: int
    new: "np.ndarray"  # rows of the later set: images that the earlier one lacks
    gone: "np.ndarray"  # rows of the earlier set: images that the later one lacks
    sparse: "np.ndarray"  # rows of the later set: new images where the earlier one has few or none
    sparse_share: float  # of the new images; 0.05 is usual
    new_distance: float  # energy distance of the new images from the earlier ones, 0 to 1
    gone_distance: float  # energy distance of the gone images from those that stayed
    clusters: tuple[ClusterChange, ...]  # the surest first
    # The p-value of each test that could be made, by name: new, sparse, gone, clusters.
    p_values: dict[str, float]
    level: float  # at which `drifted` is decided
    parts: bool  # two parts of one dataset, with no image in common; not two versions

    @property
    def tested(self) -> bool:
        """Whether there were enough images to tell anything."""
        return bool(self.p_values)

    @property
    def p_value(self) -> float:
        """The least p-value, adjusted for the number of tests; 1 without tests."""
        return (
            min(1.0, *(len(self.p_values) * value for value in self.p_values.values()))
            if self.tested
            else 1.0
        )

    @property
    def drifted(self) -> bool:
        """Whether the sets differ by more than chance."""
        return self.p_value <= self.level

    def to_json(self) -> dict[str, Any]:
        """Write it as a JSON object, with counts in place of rows."""
        rows = {"new": len(self.new), "gone": len(self.gone), "sparse": len(self.sparse)}
        clusters = [asdict(change) for change in self.clusters]
        verdict = {"p_value": self.p_value, "tested": self.tested, "drifted": self.drifted}
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return kept | rows | {"clusters": clusters, "summary": self.summary()} | verdict

    def summary(self, names: Mapping[int, str] | None = None) -> str:
        """Say in plain sentences what has changed.

        Args:
            names: of clusters, by id; a cluster without a name is told by its id.
        """
        counts = f"{len(self.new):,} images are new, {len(self.gone):,} are gone, {self.common:,} stayed."
        if self.parts:
            counts = f"{self.after:,} images against {self.before:,}."
        elif not len(self.new) and not len(self.gone):
            return f"The same {self.common:,} images: nothing has changed."
        if not self.tested:
            return f"{counts} That is too few to tell whether their kind differs."
        if not self.drifted:
            return f"{counts} They differ by no more than chance (p = {self.p_value:.2g})."
        return " ".join([counts, *self._findings(), *self._cluster_findings(names or {})])

    def _findings(self) -> list[str]:
        new, old = ("they", "others") if self.parts else ("the new images", "earlier ones")
        said = [f"Their kind differs (p = {self.p_value:.2g})."]
        them = "them" if self.parts else new
        passed = self.level / len(self.p_values)
        if self.p_values.get("new", 1.0) <= passed:
            said.append(f"As a whole {new} are unlike the {old} (distance {self.new_distance:.3f}).")
        if self.p_values.get("sparse", 1.0) <= passed:
            usual = f"{1.0 - SPARSE_QUANTILE:.0%} is usual"
            said.append(f"{self.sparse_share:.0%} of {them} are far from any of the {old}; {usual}.")
        if self.p_values.get("gone", 1.0) <= passed:
            said.append(f"The gone images are unlike those that stayed (distance {self.gone_distance:.3f}).")
        return said

    def _cluster_findings(self, names: Mapping[int, str]) -> list[str]:
        said = []
        for word in (APPEARED, GREW, SHRANK, VANISHED):
            told = [names.get(c.id) or f"cluster {c.id}" for c in self.clusters if c.change == word]
            if told:
                said.append(f"{(_SAID_OF_PARTS if self.parts else _SAID)[word]}: {_listed(told)}.")
        return said


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return f"{', '.join(names[:_TOLD])}{more}"


def cluster_ids(clusters: Clusters, level: int) -> "np.ndarray":
    """Return each image's lasting cluster id at a level: (n,) int64, NOISE for none."""
    import numpy as np

    rows = clusters.members[:, level]
    return np.where(rows == NOISE, NOISE, np.append(clusters.ids, NOISE)[rows]).astype(np.int64)


def measure_drift(
    before: Vectors,
    after: Vectors,
    *,
    keys: tuple[Contents, Contents] | None = None,
    clusters: "tuple[np.ndarray, np.ndarray] | None" = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Drift:
    """Compare two sets of images.

    The new images are compared with all earlier ones, and the gone ones with those that stayed: images that
    are in both sets would only hide what changed. `level` holds for all tests together (Bonferroni). The
    tests take images for independent: a series of one moment in one set only is told as a difference.

    Args:
        before: (m, d) float32, rows L2-normalised; a sample of them is read.
        after: (n, d) float32, rows L2-normalised; they are read some at a time.
        keys: content hashes of both, a distinct one for each image. An image is in both sets if its content
            is. None for two parts of one dataset, which then have no image in common.
        clusters: cluster ids of both, (m,) and (n,) int64, NOISE for none: see `cluster_ids`. An image that
            is in both sets counts with its later one: clusters that are found anew have not changed for that.
        level: how often drift is found where there is none.
        seed: of samples and permutations.
    """
    import numpy as np

    new, gone, stayed = _parted(len(before), len(after), keys)
    later = after if len(new) == len(after) else Selection(after, new)
    left = Selection(before, gone) if len(gone) and len(stayed) else None
    p_values, sparse, share = {}, np.empty(0, np.int64), 0.0
    new_distance = gone_distance = 0.0
    if _enough(len(before), len(new)):
        new_distance, p_values["new"] = energy_test(before, later, seed=seed)
        sparse, share, p_values["sparse"] = sparse_rows(before, later, seed=seed)
    if left is not None and _enough(len(left), len(stayed)):
        gone_distance, p_values["gone"] = energy_test(Selection(before, stayed), left, seed=seed)
    changes: tuple[ClusterChange, ...] = ()
    if clusters is not None and _enough(len(before), len(after)) and len(new) + len(gone):
        then, now = clusters
        changes, least = compare_clusters(_as_now(then, now, keys) if keys else then, now, level=level)
        p_values["clusters"] = least
    return Drift(
        before=len(before),
        after=len(after),
        common=len(stayed),
        new=new,
        gone=gone,
        sparse=new[sparse],
        sparse_share=share,
        new_distance=new_distance,
        gone_distance=gone_distance,
        clusters=changes,
        p_values=p_values,
        level=level,
        parts=keys is None,
    )


def compare_clusters(
    before: "np.ndarray", after: "np.ndarray", *, level: float = LEVEL
) -> tuple[tuple[ClusterChange, ...], float]:
    """Find the clusters whose shares differ by more than chance between two sets of images.

    Images in both sets make the test careful: it takes the sets for independent.

    Args:
        before: (m,) int64, the cluster id of each image, or NOISE.
        after: (n,) int64.
        level: how often any cluster is named where nothing has changed.

    Returns:
        the changes, the surest first; and the least p-value of all clusters, adjusted for their number.
    """
    import numpy as np

    ids = np.union1d(before[before != NOISE], after[after != NOISE])
    counts = [
        np.bincount(np.searchsorted(ids, side[side != NOISE]), minlength=len(ids)) for side in (before, after)
    ]
    p_values = adjust(count_tests(*counts, of=(len(before), len(after))))
    changes = []
    for row in np.argsort(p_values, kind="stable"):
        if p_values[row] > level:
            break
        then, now = int(counts[0][row]), int(counts[1][row])
        grew = now / len(after) > then / len(before)
        change = APPEARED if not then else VANISHED if not now else GREW if grew else SHRANK
        changes.append(ClusterChange(int(ids[row]), change, then, now, float(p_values[row])))
    return tuple(changes), float(p_values.min()) if len(ids) else 1.0


def _as_now(then: "np.ndarray", now: "np.ndarray", keys: tuple[Contents, Contents]) -> "np.ndarray":
    """Return the cluster ids of the earlier images, (m,) int64: the later ones of images that stayed."""
    import numpy as np

    at = rows_of(*map(_column, keys))
    return np.where(at < 0, then, np.append(now, NOISE)[at])


def _enough(first: int, second: int) -> bool:
    return min(first, second) >= LEAST_IMAGES


def _parted(
    m: int, n: int, keys: tuple[Contents, Contents] | None
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Return the rows after that are new, and the rows before that are gone and that stayed: int64."""
    import numpy as np

    if keys is None:
        return np.arange(n), np.arange(m), np.empty(0, np.int64)
    earlier, later = map(_column, keys)
    kept, known = rows_of(earlier, later) >= 0, rows_of(later, earlier) >= 0
    return np.flatnonzero(~known), np.flatnonzero(~kept), np.flatnonzero(kept)


def _column(keys: Contents) -> "pa.Array":
    import pyarrow as pa

    return (keys if isinstance(keys, pa.Array) else pa.array(keys)).cast(pa.binary())
