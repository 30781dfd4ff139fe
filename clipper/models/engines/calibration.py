"""Choose an engine by measuring: how fast each is here, and whether its neighbours are those of float32.

What does not belong here: the engines (`towers.py`), which images are measured with
(`indexing/contents/precision.py`), and where the result is kept (`record.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clipper.models.engines.towers import EXACT

if TYPE_CHECKING:
    import numpy as np

# The share of the ten nearest neighbours that a faster engine must find as float32 does.
MIN_OVERLAP = 0.98
NEIGHBOURS = 10
# How much faster than float32 an engine must be to be worth its rounding.
MIN_GAIN = 1.15
# Passes that are timed; the fastest counts, since others may use the machine at the same time.
_ROUNDS = 3
# Images of a timed pass.
TIMED = 16

Embed = Callable[["np.ndarray"], "np.ndarray"]


@dataclass(frozen=True)
class Calibration:
    """Which engine was chosen, and why.

    `overlap` is the mean share of the ten nearest neighbours in float32 that are among the ten nearest with
    the engine, over `sample` images of the dataset. `images_per_second` has each engine that was timed on
    `machine`, `overlaps` each that was compared.
    """

    engine: str = EXACT
    overlap: float = 1.0
    sample: int = 0
    machine: str = ""
    images_per_second: Mapping[str, float] = field(default_factory=dict)
    overlaps: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Write it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Calibration":
        """Read what `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it did not write this.
        """
        return cls(
            engine=str(value["engine"]),
            overlap=float(value["overlap"]),
            sample=int(value["sample"]),
            machine=str(value["machine"]),
            images_per_second={str(k): float(v) for k, v in dict(value["images_per_second"]).items()},
            overlaps={str(k): float(v) for k, v in dict(value["overlaps"]).items()},
        )


def time_engines(engines: Mapping[str, Embed], crops: "np.ndarray") -> dict[str, float]:
    """Measure images per second of each engine, in turns, so that a busy moment meets all of them.

    Args:
        engines: by name.
        crops: (n, s, s, 3) uint8, n > 0; `TIMED` of them are used.
    """
    crops = crops[:TIMED]
    seconds = dict.fromkeys(engines, float("inf"))
    for embed in engines.values():  # a first pass starts threads and chooses kernels
        embed(crops)
    for _ in range(_ROUNDS):
        for name, embed in engines.items():
            started = time.perf_counter()
            embed(crops)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return {name: round(len(crops) / max(spent, 1e-9), 1) for name, spent in seconds.items()}


def choose(
    engines: Mapping[str, Embed], crops: "np.ndarray", *, speeds: Mapping[str, float], machine: str = ""
) -> Calibration:
    """Choose the fastest engine whose neighbours are those of float32.

    Args:
        engines: by name, with `EXACT`.
        crops: (n, s, s, 3) uint8, a sample of the dataset.
        speeds: images per second of each engine.
        machine: on which they were measured.
    """
    exact, overlaps = None, {}
    for name in _worth_it(speeds):
        if len(crops) <= 2 * NEIGHBOURS:  # all images are neighbours of all
            break
        exact = engines[EXACT](crops) if exact is None else exact
        overlaps[name] = round(neighbour_overlap(exact, engines[name](crops)), 4)
        if overlaps[name] >= MIN_OVERLAP:
            return Calibration(name, overlaps[name], len(crops), machine, speeds, overlaps)
    return Calibration(EXACT, 1.0, len(crops), machine, speeds, overlaps)


def _worth_it(speeds: Mapping[str, float]) -> Sequence[str]:
    """Return the engines that are faster than float32 by more than chance, the fastest first."""
    faster = [name for name in speeds if name != EXACT and speeds[name] >= MIN_GAIN * speeds[EXACT]]
    return sorted(faster, key=lambda name: -speeds[name])


def neighbour_overlap(exact: "np.ndarray", other: "np.ndarray") -> float:
    """Return the mean share of each row's nearest rows in `exact` that are its nearest in `other` too.

    Args:
        exact: (n, d) float32, rows L2-normalised, n > 10.
        other: vectors of the same images; a NaN is nobody's neighbour.
    """
    import numpy as np

    nearest = [_nearest(vectors) for vectors in (exact, other)]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(shared) / NEIGHBOURS) if np.isfinite(other).all() else 0.0


def _nearest(vectors: "np.ndarray") -> "np.ndarray":
    """Return the ten nearest other rows of each row: (n, 10) integers."""
    import numpy as np

    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
