"""Labels that look wrong: what an image's vector says against what a column calls it.

The model of a class is learned from the other images, so that no image vouches for its own label. The idea of
thresholds for each class is that of confident learning (Northcutt et al. 2021, JAIR 70).

What does not belong here: the embedding of a class's name, and the table that shows what was found.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.projection.neighbors import Vectors, one_blas_thread
from clipper.projection.search.blocks import Selection, mean_of
from clipper.threads import in_threads

if TYPE_CHECKING:
    import numpy as np

    from clipper.projection.graph import NeighborGraph

MISSING = -1
MAX_CLASSES = 200
# A class of fewer images is never doubted nor suggested: its few images say little about what it is.
MIN_CLASS = 3
# So much of a column's images must be in classes of that size.
MIN_COVERED = 0.8
# A column that vectors explain has so much agreement of neighbors above chance (Cohen's kappa).
MIN_AGREEMENT, NEIGHBORS = 0.15, 15
# A label is called wrong if another is so much more probable than all else, and the given one so improbable.
SURE, UNLIKELY = 0.8, 0.05
FOLDS = 5
# A share of the mean variance that is added to each direction's: the small directions are noise for a class.
SHRINKAGE = 3.0
# The vector's and the text's say are weighed as makes the given labels most probable, over so many images.
_WEIGHED_OVER = 5_000
# A few labels are wrong: one that seems less probable than this, by its logarithm, weighs no more.
_LEAST_LOG = -5.0
_VECTOR_WEIGHTS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
_TEXT_WEIGHTS = (0.0, 3.0, 6.0, 12.0, 20.0, 30.0)
_BLOCK = 8_192


@dataclass(frozen=True)
class LabelDoubts:
    """What is said against the label of each of n images."""

    given: "np.ndarray"  # (n,) int32: the class, `MISSING` without one
    suggested: "np.ndarray"  # (n,) int32: the most probable other class; `MISSING` where nothing is said
    confidence: (
        "np.ndarray"  # (n,) float32 from 0 to 1: of the suggested and the given, the suggested's share
    )
    wrong: "np.ndarray"  # (n,) bool: the labels to look at

    def ranked(self) -> "np.ndarray":
        """Return the rows of the wrong labels, the surest first: (k,) int64."""
        import numpy as np

        rows = np.flatnonzero(self.wrong)
        return rows[np.argsort(-self.confidence[rows], kind="stable")]


def reason_to_skip(codes: "np.ndarray", graph: "NeighborGraph") -> str | None:
    """Say why a column's labels are not to be checked against vectors; None if they are.

    Args:
        codes: (n,) int, each image's class; `MISSING` without one.
        graph: of the same images.
    """
    import numpy as np

    known = codes[codes >= 0]
    sizes = np.bincount(known) if len(known) else np.zeros(0, np.int64)
    classes = int((sizes > 0).sum())
    if classes < 2:  # noqa: PLR2004 - one class has no other that could be meant
        return "it has fewer than two classes"
    if classes > MAX_CLASSES:
        return f"it has {classes:,} classes, more than {MAX_CLASSES}"
    if sizes[sizes >= MIN_CLASS].sum() < MIN_COVERED * len(known):
        return f"many of its classes have fewer than {MIN_CLASS} images"
    agreement = measure_agreement(codes, graph)
    if agreement < MIN_AGREEMENT:
        return f"vectors hardly tell its classes apart (agreement of neighbors above chance: {agreement:.2f})"
    return None


def is_label_column(codes: "np.ndarray", graph: "NeighborGraph") -> bool:
    """Whether a column's labels can be checked against vectors; `reason_to_skip` says why not."""
    return reason_to_skip(codes, graph) is None


def measure_agreement(codes: "np.ndarray", graph: "NeighborGraph") -> float:
    """Measure how far neighbors have the same class (Cohen's kappa): 0 is chance, 1 is always."""
    import numpy as np

    near = graph.rows[:, :NEIGHBORS]
    theirs = np.where(near >= 0, codes[near], MISSING) if len(codes) else near
    pairs = (theirs >= 0) & (codes[:, None] >= 0)
    if not pairs.any():
        return 0.0
    observed = float((theirs == codes[:, None])[pairs].mean())
    shares = np.bincount(codes[codes >= 0]) / (codes >= 0).sum()
    chance = float((shares**2).sum())
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else 0.0


def doubt_labels(
    vectors: Vectors, codes: "np.ndarray", *, texts: "np.ndarray | None" = None, seed: int = 0
) -> LabelDoubts:
    """Find the labels that the vectors of all other images speak against.

    Linear discriminant analysis, each image by what four fifths of the others teach, and its similarity with
    the classes' names are weighed so that the given labels are most probable.

    Args:
        vectors: (n, d) float32, rows L2-normalised; they are read in blocks.
        codes: (n,) int, each image's class; `MISSING` without one.
        texts: (c, d) float32, rows L2-normalised: a vector of each class's name, in the order of the codes.
        seed: of the parting into fifths.
    """
    import numpy as np

    n = len(codes)
    codes = np.asarray(codes, np.int32)
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    rows = np.flatnonzero((codes >= 0) & (sizes[codes] >= MIN_CLASS))
    classes = np.flatnonzero(sizes >= MIN_CLASS)
    suggested, confidence, wrong = np.full(n, MISSING, np.int32), np.zeros(n, np.float32), np.zeros(n, bool)
    if len(classes) > 1:
        own = np.searchsorted(classes, codes[rows])
        labelled = vectors if len(rows) == n else Selection(vectors, rows)
        with one_blas_thread():
            say = None if texts is None else _text_says(labelled, texts[classes])
            found = _weigh(_vectors_say(labelled, own, len(classes), seed), say, own)
        other, confidence[rows], wrong[rows] = _judge(found, own)
        suggested[rows] = classes[other]
    return LabelDoubts(codes, suggested, confidence, wrong)


def _vectors_say(vectors: Vectors, own: "np.ndarray", classes: int, seed: int) -> "np.ndarray":
    """Return each image's discriminant of each class, (n, c) float32, as the other folds teach it."""
    import numpy as np
    from scipy.sparse import csr_array

    n, d = vectors.shape
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    parts = [np.flatnonzero(fold == i) for i in range(FOLDS)]
    moments = np.zeros((FOLDS, d, d))
    sums, counts = np.zeros((FOLDS, classes, d)), np.zeros((FOLDS, classes))
    center = mean_of(vectors)
    says = np.empty((n, classes), np.float32)

    def add(i: int) -> None:
        for start in range(0, len(parts[i]), _BLOCK):
            part = parts[i][start : start + _BLOCK]
            rows = vectors[part] - center
            moments[i] += rows.T @ rows
            of = csr_array(
                (np.ones(len(part), np.float32), (own[part], np.arange(len(part)))), (classes, len(part))
            )
            sums[i] += of @ rows
            counts[i] += np.bincount(own[part], minlength=classes)

    def tell(i: int) -> None:
        left = np.arange(FOLDS) != i
        axes, offsets = _discriminants(moments[left].sum(0), sums[left].sum(0), counts[left].sum(0))
        for start in range(0, len(parts[i]), _BLOCK):
            block = parts[i][start : start + _BLOCK]
            says[block] = (vectors[block] - center) @ axes + offsets

    for step in (add, tell):
        in_threads(step, range(FOLDS))
    return says


def _discriminants(
    moments: "np.ndarray", sums: "np.ndarray", counts: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Return the linear discriminants of classes: (d, c) float32 axes and (c,) float32 offsets.

    Args:
        moments: (d, d), sums of products of all rows.
        sums: (c, d), of each class's rows.
        counts: (c,), of each class; one image at the middle of all is added to each.
    """
    import numpy as np

    d, total = len(moments), max(counts.sum(), 1.0)
    means = sums / (counts[:, None] + 1.0)
    cross = means.T @ sums
    within = (moments - cross - cross.T + (means.T * counts) @ means) / total
    within[np.diag_indices(d)] += SHRINKAGE * np.trace(within) / d + 1e-9
    axes = np.linalg.solve(within, means.T)
    offsets = np.log((counts + 0.5) / total) - 0.5 * (means.T * axes).sum(axis=0)
    return axes.astype(np.float32), offsets.astype(np.float32)


def _text_says(vectors: Vectors, texts: "np.ndarray") -> "np.ndarray":
    """Return each image's cosine with each class's name, both seen from the middle of their own kind."""
    import numpy as np

    middle = texts.mean(axis=0)
    names = texts - middle
    names /= np.maximum(np.linalg.norm(names, axis=1, keepdims=True), 1e-6)
    center = mean_of(vectors)
    says = np.empty((len(vectors), len(texts)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        rows = vectors[start : start + _BLOCK] - center
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
        says[start : start + _BLOCK] = rows @ names.T
    return says


def _weigh(says: "np.ndarray", texts: "np.ndarray | None", own: "np.ndarray") -> "np.ndarray":
    """Return log-probabilities of classes, (n, c) float32, by the weights that suit the given labels best."""
    import numpy as np

    n = len(own)
    some = np.sort(np.random.default_rng(0).choice(n, min(n, _WEIGHED_OVER), replace=False))
    weights = [(a, b) for a in _VECTOR_WEIGHTS for b in (_TEXT_WEIGHTS if texts is not None else (0.0,))]
    fits = []
    for one, other in weights:
        logs = _log_shares(says[some], None if texts is None else texts[some], one, other)
        fits.append(float(np.maximum(logs[np.arange(len(some)), own[some]], _LEAST_LOG).mean()))
    one, other = weights[int(np.argmax(fits))]
    return _log_shares(says, texts, one, other)


def _log_shares(says: "np.ndarray", texts: "np.ndarray | None", one: float, other: float) -> "np.ndarray":
    import numpy as np

    logs = says * np.float32(one)
    if texts is not None and other:
        logs += texts * np.float32(other)
    logs -= logs.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return logs


def _judge(logs: "np.ndarray", own: "np.ndarray") -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Return the best other class, the confidence in it and whether the given is wrong, (n,) each.

    A class's threshold is the mean probability of it among the images that have it: a class that is often
    taken for another needs less to be suggested, one that never is needs more. Where a column is hard to tell
    from pictures, the given label must be more improbable yet, by the square of its class's threshold.
    """
    import numpy as np

    at = np.arange(len(own))
    mine = np.exp(logs[at, own])
    others = logs.copy()
    others[at, own] = -np.inf
    other = others.argmax(axis=1)
    theirs = np.exp(others[at, other])
    usual = np.bincount(own, mine) / np.maximum(np.bincount(own), 1)
    confidence = 1.0 / (1.0 + np.exp((logs[at, own] - others[at, other]).clip(-50.0, 50.0)))
    wrong = (
        (theirs >= np.minimum(usual[other], SURE)) & (theirs > mine) & (mine <= UNLIKELY * usual[own] ** 2)
    )
    return other, confidence.astype(np.float32), wrong
