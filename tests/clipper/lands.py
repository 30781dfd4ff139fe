"""Images in towns, towns in lands: vectors with a map of them that no fit has to make."""

from functools import cache
from typing import NamedTuple

import numpy as np

from clipper.projection.graph import NeighborGraph, build_graph

LANDS, TOWNS, IN_TOWN, DIMENSIONS = 6, 4, 50, 16


class Land(NamedTuple):
    """Images, their neighbors and positions, and the land and town of each."""

    vectors: np.ndarray
    graph: NeighborGraph
    positions: np.ndarray
    land: np.ndarray
    town: np.ndarray

    def without(self, gone: np.ndarray) -> "Land":
        """The same where some images, (n,) bool, are not there."""
        left = ~gone
        vectors = self.vectors[left]
        return Land(vectors, build_graph(vectors), self.positions[left], self.land[left], self.town[left])


@cache
def made() -> Land:
    """Towns lie around the middle of their land, on the map as among the vectors. Not to be written to."""
    random = np.random.default_rng(3)
    count = LANDS * TOWNS
    town = np.repeat(np.arange(count), IN_TOWN)
    lands, towns = random.normal(size=(LANDS, DIMENSIONS)) * 4, random.normal(size=(count, DIMENSIONS))
    vectors = lands[town // TOWNS] + towns[town] * 1.2 + random.normal(size=(len(town), DIMENSIONS)) * 0.3
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    turn, around = np.arange(LANDS) * (2 * np.pi / LANDS), np.arange(TOWNS) * (2 * np.pi / TOWNS)
    middles = 10 * np.stack([np.cos(turn), np.sin(turn)], 1)
    offsets = 2 * np.stack([np.cos(around), np.sin(around)], 1)
    spread = random.normal(size=(len(town), 2)) * 0.4
    positions = (middles[town // TOWNS] + offsets[town % TOWNS] + spread).astype(np.float32)
    return Land(vectors, build_graph(vectors), positions, town // TOWNS, town)


def unit(points: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
