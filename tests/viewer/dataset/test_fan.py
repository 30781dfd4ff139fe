"""Squares that fan out around a middle: none touches another, and hardly any lines cross."""

import itertools

import numpy as np
import pytest

from viewer.dataset.geometry.fan import fan_out, square
from viewer.dataset.geometry.viewport import Box

SIDE = 50.0


def everywhere(_box: Box) -> bool:
    return True


def points(n: int, seed: int = 0, spread: float = 30.0) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.random.default_rng(seed).normal(100, spread, (n, 2))]


def crosses(a, b, c, d) -> bool:
    def side(p, q, r) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


@pytest.mark.parametrize("n", [1, 2, 7, 10, 20])
@pytest.mark.parametrize("seed", range(4))
def test_squares_stay_apart_near_the_middle_and_lines_do_not_cross(n: int, seed: int):
    ends = points(n, seed)
    places = fan_out(ends, (100.0, 100.0), side=SIDE, free=everywhere)
    assert len(places) == n
    for one, other in itertools.combinations(places, 2):
        assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) >= SIDE - 1e-6
    assert all(1.5 * SIDE < np.hypot(x - 100, y - 100) < 4 * SIDE for x, y in places)
    lines = [*zip(ends, places, strict=True)]
    assert not any(crosses(*one, *other) for one, other in itertools.combinations(lines, 2))


def test_nothing_goes_where_something_else_is():
    def right(box: Box) -> bool:
        return box[0] >= 100

    places = fan_out(points(8), (100.0, 100.0), side=SIDE, free=right)
    assert len(places) == 8
    assert all(square(place, SIDE)[0] >= 100 for place in places)


def test_without_room_for_all_the_first_ones_have_places():
    assert fan_out(points(3), (100.0, 100.0), side=SIDE, free=lambda _box: False) == []
    few = fan_out(points(400), (100.0, 100.0), side=SIDE, free=everywhere)
    assert 20 < len(few) < 400
    assert fan_out([], (0.0, 0.0), side=SIDE, free=everywhere) == []


def test_points_at_one_place_are_told_apart():
    places = fan_out([(100.0, 100.0)] * 10, (100.0, 100.0), side=SIDE, free=everywhere)
    assert len(set(places)) == 10
