"""What a distance on the map means."""

import numpy as np
import pytest

from viewer.dataset.geometry.map_scale import measure_scale
from viewer.dataset.geometry.spatial_index import PointIndex

VIEW = (-10.0, 10.0, -10.0, 10.0)


def around(n: int) -> tuple[PointIndex, np.ndarray]:
    """Points of a square, whose vectors turn by a right angle from its left to its right."""
    xy = np.random.default_rng(1).uniform(-10, 10, (n, 2)).astype(np.float32)
    turn = (xy[:, 0] + 10) / 20 * np.pi / 2
    return PointIndex.build(xy), np.column_stack([np.cos(turn), np.sin(turn)]).astype(np.float32)


@pytest.mark.parametrize("n", [3_000, 60_000])
def test_near_images_are_more_alike_than_far_ones_and_the_figures_are_true(n: int):
    index, vectors = around(n)
    distances, similarities = measure_scale(index, VIEW, vectors.__getitem__)
    assert distances == sorted(distances, reverse=True)
    assert distances[0] == 10.0
    assert similarities == pytest.approx(sorted(similarities), abs=0.02)
    assert similarities[-1] > 0.99
    at = distances.index(5.0)
    assert similarities[at] == pytest.approx(np.cos(5 / 20 * np.pi / 2 * 0.7), abs=0.05)
    assert measure_scale(index, VIEW, vectors.__getitem__) == (distances, similarities)


@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_a_few_images_say_nothing(n: int):
    index, vectors = around(n)
    assert measure_scale(index, VIEW, vectors.__getitem__) == ([], [])


def test_images_at_one_place_say_nothing():
    index = PointIndex.build(np.zeros((500, 2), np.float32))
    assert measure_scale(index, VIEW, np.ones((500, 2), np.float32).__getitem__) == ([], [])
