"""Axes with a meaning: a place for each image between two opposites, or by a value of its metadata.

An axis has the values, in their own unit, and the places, which are even enough to look at. Pure arrays.
The engine embeds texts and reads columns (`atlas/engine.py`), `axis_text.py` reads what a person types, and
the viewer draws: none of this belongs here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

AxisKind = Literal["text", "number", "time", "category", "none"]
Scale = Literal["linear", "log", "log1p"]

# An axis runs from 0 to 1. What lies beyond, because few images are so far out, is in a margin of this width.
TAIL = 0.05
# The images without a value: the middle of their lane, and how far the lane reaches from it.
NO_VALUE, NO_VALUE_REACH = -0.14, 0.03
# The places 0 and 1 are those of these percentiles, if the values beyond take much room.
OUTER_PERCENTILES = (0.5, 99.5)
ROOMY = 1.6
# A number is on a logarithmic scale if the middle half of the values has less than this share of the axis,
# and this many times as much on the logarithmic one.
CROWDED, WORTH = 0.08, 3.0
# An axis has no more lanes than this: the eye cannot tell more of them apart.
MOST_LANES = 24
LANE_REACH = 0.38  # from a lane's middle, of the distance between two
# Of so few different numbers, the images with the same one are spread, so far at most.
FEW_NUMBERS, NUMBER_REACH, MOST_REACH = 40, 0.3, 0.012
LEAST_SPREAD = 1e-6  # of similarities: less is rounding


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis and the place of each of n images on it.

    `at` (n,) float32: 0 to 1, in a margin of `TAIL` beyond these for outliers, and around `NO_VALUE` for
    images without a value. `values` (n,) float64, NaN for none: deviations for a text, numbers, seconds since
    1970, or the number of the lane. `span` are the values at 0 and 1, before the `scale` is applied. Integers
    too large for floats have `base` subtracted, in `values` and in `span`.
    `ends` are words for both ends, "" for none. `lanes` has the category of each lane, the commonest first.
    """

    kind: AxisKind
    title: str
    at: "np.ndarray"
    values: "np.ndarray"
    span: tuple[float, float] = (0.0, 1.0)
    scale: Scale = "linear"
    ends: tuple[str, str] = ("", "")
    lanes: tuple[str, ...] = ()
    base: int = 0

    @property
    def missing(self) -> int:
        """How many images have no value."""
        import numpy as np

        return int(np.count_nonzero(np.isnan(self.values))) if self.kind != "none" else 0

    def places_of(self, values: "np.ndarray") -> "np.ndarray":
        """Return the places (k,) float64 of some values (k,) float64 in the axis's own unit."""
        import numpy as np

        if self.kind == "category":
            return (np.asarray(values, np.float64) + 0.5) / max(len(self.lanes), 1)
        low, high = (float(end) for end in _scaled(np.array(self.span, np.float64), self.scale))
        return _squeezed(_scaled(np.asarray(values, np.float64), self.scale), low, high)

    def value_at(self, place: float) -> float:
        """Return the value at a place of 0..1."""
        import numpy as np

        low, high = _scaled(np.array(self.span, np.float64), self.scale).tolist()
        return _unscaled(float(low + (high - low) * place), self.scale)


def opposites_axis(low: str, high: str, similarities: "np.ndarray") -> Axis:
    """Place images between two texts; without the first text, by their similarity to the second alone.

    An image's cosine with a text says little by itself: some texts are near to all images and some to none
    (the gap between modalities, Liang et al. 2022, arXiv:2203.02053; hubs, Radovanovic et al. 2010, JMLR 11),
    and their similarities spread unevenly. So the similarities with each text are standardised over the
    dataset's images first: with z(s) = (s - mean(s)) / std(s), the value is z(s_high) - z(s_low). It is 0
    for an image as near to both as images usually are. Projecting on the difference of two embeddings is the
    semantic axis of An et al. 2018 (SemAxis, ACL, equation 2), here without the texts' own offsets.

    Args:
        low: the text at 0; "" for none.
        high: the text at 1.
        similarities: cosines of all images with the texts, (n, 2) float32; (n, 1) without the first text.
    """
    import numpy as np

    known = np.asarray(similarities, np.float64)
    if len(known):
        spread = known.std(axis=0)
        known = np.where(spread > LEAST_SPREAD, (known - known.mean(axis=0)) / np.maximum(spread, 1e-12), 0.0)
    values = known[:, 1] - known[:, 0] if low else known[:, 0]
    span = _span(values, symmetric=bool(low))
    title = f"{low} ↔ {high}" if low else f"Similarity to “{high}”"
    ends = (low, high) if low else (f"less {high}", f"more {high}")
    return Axis("text", title, _squeezed(values, *span).astype(np.float32), values, span, ends=ends)


def text_value(similarities: "np.ndarray", chance: "np.ndarray") -> float:
    """Return where a text itself lies between two texts, in the unit of `opposites_axis`.

    A text is nearer to texts than any image is. So its similarities are standardised as those of an image
    are, but over random texts instead of the dataset's images: what is usual for its kind is 0.

    Args:
        similarities: its cosines with both texts, (2,) float32; (1,) for an axis of one text.
        chance: those of random texts, (r, 2) or (r, 1) float32.
    """
    import numpy as np

    known = np.asarray(chance, np.float64)
    if not len(known):
        return 0.0
    spread = known.std(axis=0)
    apart = np.asarray(similarities, np.float64) - known.mean(axis=0)
    z = np.where(spread > LEAST_SPREAD, apart / np.maximum(spread, 1e-12), 0.0)
    return float(z[1] - z[0] if len(z) > 1 else z[0])


def number_axis(
    title: str,
    values: "np.ndarray",
    *,
    jitter: "np.ndarray | None" = None,
    time: bool = False,
    base: int = 0,
) -> Axis:
    """Place images by a number, on a logarithmic scale if most would lie in one spot otherwise.

    Args:
        title: of the axis.
        values: (n,) float64; one that is not finite is missing.
        jitter: (n,) float32 of 0..1, spreads images without a value, and those of a number that many have.
        time: whether they are seconds since 1970.
        base: what was subtracted from each number, because it is too large for a float.
    """
    import numpy as np

    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    known = values[~np.isnan(values)]
    scale = "linear" if time or base else _scale_of(known)
    span = _span(_scaled(known, scale), symmetric=False)
    at = _squeezed(_scaled(values, scale), *span)
    spread = np.full(len(values), 0.5) if jitter is None else np.asarray(jitter, np.float64)
    few = np.unique(at[~np.isnan(at)]) if len(known) else known
    if 1 < len(few) <= FEW_NUMBERS:
        reach = min(NUMBER_REACH * float(np.diff(few).min()), MOST_REACH)
        at = at + (2 * spread - 1) * reach
    ends = (_unscaled(span[0], scale), _unscaled(span[1], scale))
    places = np.where(np.isnan(at), _no_value(spread), at).astype(np.float32)
    return Axis("time" if time else "number", title, places, values, ends, scale, base=base)


def category_axis(
    title: str,
    lanes: Sequence[str],
    codes: "np.ndarray",
    *,
    jitter: "np.ndarray | None" = None,
    most: int = MOST_LANES,
) -> Axis:
    """Place images in a lane for each category, spread within it so that many look denser than few.

    Args:
        title: of the axis.
        lanes: the categories, the commonest first.
        codes: the category of each image, (n,) int; below 0 or beyond the last for none.
        jitter: (n,) float32 of 0..1, for the place within the lane.
        most: so many lanes; the last one then holds all other categories.
    """
    import numpy as np

    codes = np.asarray(codes, np.int64)
    known = (codes >= 0) & (codes < len(lanes))
    shown = tuple(lanes)
    if len(lanes) > most:
        shown = (*lanes[: most - 1], f"{len(lanes) - most + 1:,} others")
    lane = np.minimum(codes, len(shown) - 1)
    spread = np.full(len(codes), 0.5) if jitter is None else np.asarray(jitter, np.float64)
    at = (lane + 0.5 + (2 * spread - 1) * LANE_REACH) / max(len(shown), 1)
    places = np.where(known, at, _no_value(spread)).astype(np.float32)
    return Axis("category", title, places, np.where(known, lane, np.nan).astype(np.float64), lanes=shown)


def spread_axis(jitter: "np.ndarray", *, title: str = "") -> Axis:
    """Spread images evenly, for an axis that means nothing: `jitter` (n,) float32 of 0..1."""
    import numpy as np

    at = np.asarray(jitter, np.float32)
    return Axis("none", title, at, np.full(len(at), np.nan))


def rank_codes(values: "np.ndarray") -> tuple[list[str], "np.ndarray"]:
    """Return the different texts, the commonest first, and the number of each cell's: (n,) int64, -1: none.

    Args:
        values: (n,) object: texts, None without a value.
    """
    import numpy as np

    known = np.array([value is not None for value in values], bool)
    names, same, counts = np.unique(
        np.array([str(value) for value in values[known]], object), return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    number = np.empty(len(names), np.int64)
    number[order] = np.arange(len(names))
    codes = np.full(len(values), -1, np.int64)
    codes[known] = number[same.reshape(-1)] if len(names) else -1
    return [str(names[i]) for i in order.tolist()], codes


def jitters(hashes: Sequence[bytes]) -> tuple["np.ndarray", "np.ndarray"]:
    """Return two numbers of 0..1 for each image, (n,) float32 each, the same in every version.

    Args:
        hashes: the images' content hashes, of at least 16 bytes.
    """
    import numpy as np

    words = np.frombuffer(b"".join(key[:16] for key in hashes), ">u4").reshape(-1, 4)
    return (words[:, 1] / 2.0**32).astype(np.float32), (words[:, 3] / 2.0**32).astype(np.float32)


def _span(known: "np.ndarray", *, symmetric: bool) -> tuple[float, float]:
    """Return the values at both ends: the least and the largest, or percentiles if few images lie beyond."""
    import numpy as np

    if not len(known):
        return 0.0, 1.0
    least, most = float(known.min()), float(known.max())
    low, high = map(float, np.percentile(known, OUTER_PERCENTILES))
    if most - least <= ROOMY * (high - low) or high <= low:
        low, high = least, most
    if symmetric:
        high = max(-low, high)
        low = -high
    return low, high


def _squeezed(values: "np.ndarray", low: float, high: float) -> "np.ndarray":
    """Return places: 0..1 from `low` to `high`, and beyond these in order, within `TAIL`."""
    import numpy as np

    if not high > low:
        return np.where(np.isnan(values), np.nan, 0.5)
    at = (values - low) / (high - low)
    beyond = np.maximum(-at, at - 1.0)
    out = TAIL * -np.expm1(-np.maximum(beyond, 0.0) / TAIL)
    return np.where(beyond > 0, np.where(at > 1, 1.0 + out, -out), at)


def _scale_of(known: "np.ndarray") -> Scale:
    import numpy as np

    if not len(known) or known.min() < 0:
        return "linear"
    other: Scale = "log" if known.min() > 0 else "log1p"
    shares = []
    for scale in ("linear", other):
        scaled = _scaled(known, scale)
        low, high = _span(scaled, symmetric=False)
        quarter, three = np.percentile(scaled, [25, 75])
        shares.append(float(three - quarter) / max(high - low, 1e-300))
    linear, logarithmic = shares
    return other if linear < CROWDED and logarithmic > WORTH * linear else "linear"


def _scaled(values: "np.ndarray", scale: Scale) -> "np.ndarray":
    import numpy as np

    if scale == "linear":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(values) if scale == "log" else np.log1p(values))


def _unscaled(value: float, scale: Scale) -> float:
    import numpy as np

    return value if scale == "linear" else float(np.exp(value) if scale == "log" else np.expm1(value))


def _no_value(jitter: "np.ndarray") -> "np.ndarray":
    return NO_VALUE + (2 * jitter - 1) * NO_VALUE_REACH
