"""Places squares around a middle, each joined to its point by a line: the best results around their query.

Pure numbers, in any unit. What does not belong here: which images fan out, and when (`render/placing.py`).
"""

import math
from collections.abc import Callable, Sequence

from viewer.dataset.geometry.viewport import Box

Place = tuple[float, float]
RINGS = (1.9, 2.5, 3.1, 3.7)  # radii of the rings of places, in sides of a square
TURNS = 48  # directions that are tried on each ring
ROUNDS = 8  # of improving which square goes where


def fan_out(
    points: Sequence[Place], middle: Place, *, side: float, free: Callable[[Box], bool]
) -> list[Place]:
    """Return the middle of a square for each point, so that no two touch and few lines cross.

    The places lie on rings around the middle, the inner ones first. Without room for all, only
    the first points have a place.

    Args:
        points: of the squares.
        middle: what they fan out around.
        side: of a square.
        free: whether nothing else is in a box.
    """
    places = _places(middle, side, len(points), free)
    points = points[: len(places)]
    chosen: list[int] = []
    for point in points:
        chosen.append(
            min(
                (at for at in range(len(places)) if at not in chosen), key=lambda at: _away(point, places[at])
            )
        )
    _uncross(points, places, chosen)
    return [places[at] for at in chosen]


def square(middle: Place, side: float) -> Box:
    """Return the box of a square."""
    x, y = middle
    return x - side / 2, x + side / 2, y - side / 2, y + side / 2


def _places(middle: Place, side: float, wanted: int, free: Callable[[Box], bool]) -> list[Place]:
    """Return free places apart from each other, of whole rings: as many as are wanted and more, or all."""
    found: list[Place] = []
    for radius in RINGS:
        for turn in range(TURNS):
            angle = 2 * math.pi * turn / TURNS
            x, y = middle[0] + radius * side * math.sin(angle), middle[1] + radius * side * math.cos(angle)
            apart = all(max(abs(x - ox), abs(y - oy)) >= side for ox, oy in found)
            if apart and free(square((x, y), side)):
                found.append((x, y))
        if len(found) >= wanted:
            break
    return found


def _uncross(points: Sequence[Place], places: list[Place], chosen: list[int]) -> None:
    """Exchange places as long as that makes the lines shorter: the shortest ones do not cross."""
    for _ in range(ROUNDS):
        better = False
        for i, point in enumerate(points):
            for at, place in enumerate(places):
                now = _away(point, places[chosen[i]])
                if at not in chosen:
                    gain = now - _away(point, place)
                elif at != chosen[i]:
                    other = points[chosen.index(at)]
                    gain = now + _away(other, place) - _away(point, place) - _away(other, places[chosen[i]])
                else:
                    continue
                if gain > 1e-9 * now:
                    if at in chosen:
                        chosen[chosen.index(at)] = chosen[i]
                    chosen[i] = at
                    better = True
        if not better:
            return


def _away(one: Place, other: Place) -> float:
    return math.hypot(one[0] - other[0], one[1] - other[1])
