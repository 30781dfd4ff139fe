"""Maps that tests let grow, and how far they moved."""

from collections.abc import Callable

import numpy as np

from clipper.projection.layout import FIT, PLACE, Layout, Parameters
from clipper.projection.quality import MapDrift
from clipper.projection.update import EarlierMap, start_map

Vectors = Callable[..., np.ndarray]
PLAIN = Parameters()


def base_of(vectors: np.ndarray, old: np.ndarray) -> EarlierMap:
    """A map of the old ones, known to all."""
    begun = start_map(vectors[old], PLAIN)
    positions = np.zeros((len(vectors), 2), np.float32)
    positions[old] = begun.layout.positions
    return EarlierMap(Layout(positions, np.where(old, FIT, PLACE)), old, begun.drift)


def extended(vectors: np.ndarray, layout: Layout, frame: MapDrift, more: int) -> EarlierMap:
    """A map of the first of `vectors` and so many new ones."""
    positions = np.vstack([layout.positions, np.zeros((more, 2), np.float32)])
    old = np.arange(len(vectors)) < len(layout.positions)
    return EarlierMap(Layout(positions, np.concatenate([layout.by, [PLACE] * more])), old, frame)


def first(n: int, of: int) -> np.ndarray:
    return np.arange(of) < n


def moved(layout: Layout, base: EarlierMap) -> float:
    """How far the median old point moved, as a share of the map's width."""
    apart = np.linalg.norm(layout.positions[base.known] - base.layout.positions[base.known], axis=1)
    return float(np.median(apart) / np.ptp(base.layout.positions[base.known], axis=0).max())


def of_its_kind(layout: Layout, kind: np.ndarray) -> float:
    """The share of a kind's 10 nearest points on the map that are of the kind too."""
    apart = np.linalg.norm(layout.positions[kind][:, None] - layout.positions[None], axis=2)
    return float(kind[np.argsort(apart, axis=1)[:, 1:11]].mean())


def preserved(vectors: np.ndarray, layout: Layout, rows: np.ndarray) -> float:
    """The share of the rows' 15 nearest images that are among their 15 nearest on the map."""
    alike = vectors[rows] @ vectors.T
    apart = np.linalg.norm(layout.positions[rows][:, None] - layout.positions[None], axis=2)
    near, near_on_map = np.argsort(-alike, axis=1)[:, 1:16], np.argsort(apart, axis=1)[:, 1:16]
    return float(np.mean([len(set(a) & set(b)) / 15 for a, b in zip(near, near_on_map, strict=True)]))


def subset(base: EarlierMap, rows: np.ndarray) -> EarlierMap:
    return EarlierMap(Layout(base.layout.positions[rows], base.layout.by[rows]), base.known[rows], base.drift)
