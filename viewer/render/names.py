"""Places the names of clusters on the map: the size of their text, and which fit without touching.

Pure numbers. Names are planned for a whole map, zoom by zoom, from far away to near. A name keeps its place
in map units, so names that do not touch at one zoom do not touch at any closer one; it stays until the names
of its cluster's parts take its place. What does not belong here: drawing the text, which the browser does
(`components/map/names.js`), and images (`render/overview.py`).
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clipper.store.parts.clusters import LEVELS
from viewer.dataset.clusters import ClusterMap

LARGEST, SMALLEST = 20.0, 12.0  # pixels of the text of the largest cluster, and of the smallest
GROWTH = 0.7  # the text grows with this power of the number of images
MOST_EMS = 13.0  # a longer name is cut
LINE = 1.3  # height of a line, as a part of the text's size
AROUND = 4.0  # pixels between a name and whatever is beside it
APART = 150.0  # pixels between the names of a cluster's parts from which on they take its name's place
ENOUGH = 0.6  # ... if so many of their images are in parts whose names fit, which is not asked from ...
FAR_APART = 4 * APART
NUDGES = (0.0, 0.8, -0.8, 1.5, -1.5)  # heights of a line by which a name lies above its cluster's centre
CLEARLY = 0.6  # of the distance to another cluster: a name is no farther from its own
LOOSE = 1.3  # multiple of the greatest distance from its cluster's centre at which a name is moved
NARROW_LETTERS = frozenset("iljftI.,:;'|!()[] -")
BROAD_LETTERS = frozenset("mwMW@%")
WIDE = ("W", "F", "A")  # Unicode's wide, full-width and ambiguous letters


@dataclass(frozen=True)
class Name:
    """A name on the map: its cluster, its middle in map units, the size of its text and its box in pixels."""

    cluster: int
    text: str
    x: float
    y: float
    size: float
    width: float
    height: float

    def box(self, unit: float, around: float = 0.0) -> tuple[float, float, float, float]:
        """Return x0, x1, y0, y1 in map units, with `around` pixels on each side, at `unit` units a pixel."""
        half_w, half_h = (self.width / 2 + around) * unit, (self.height / 2 + around) * unit
        return self.x - half_w, self.x + half_w, self.y - half_h, self.y + half_h


def ems(text: str) -> float:
    """Return how wide a text is at most, in sizes of its letters, for a bold font without serifs."""
    return sum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in WIDE:
        return 1.15
    if letter in NARROW_LETTERS:
        return 0.36
    if letter in BROAD_LETTERS:
        return 0.96
    return 0.72 if letter.isupper() or not letter.isascii() else 0.62


def text_sizes(sizes: np.ndarray, *, scale: float = 1.0) -> np.ndarray:
    """Return the text's size in pixels (c,) for clusters of so many images (c,): larger for larger ones."""
    share = (sizes / max(int(sizes.max(initial=1)), 1)) ** GROWTH
    return np.round(scale * (SMALLEST + (LARGEST - SMALLEST) * share) * 2) / 2


class Boxes:
    """Places that are taken, in map units."""

    def __init__(self, boxes: np.ndarray | Sequence[Sequence[float]] = ()) -> None:
        """Begin with boxes: x0, x1, y0, y1 of each."""
        found = np.array(boxes, np.float64).reshape(-1, 4)
        self._boxes = np.concatenate([found, np.empty((len(found) + 16, 4))])
        self._count = len(found)

    def free(self, box: Sequence[float]) -> bool:
        """Return whether a box touches none of them."""
        x0, x1, y0, y1 = box
        b = self._boxes[: self._count]
        return not ((b[:, 0] < x1) & (b[:, 1] > x0) & (b[:, 2] < y1) & (b[:, 3] > y0)).any()

    def add(self, box: Sequence[float]) -> None:
        """Take a place."""
        if self._count == len(self._boxes):
            self._boxes = np.concatenate([self._boxes, np.empty_like(self._boxes)])
        self._boxes[self._count] = box
        self._count += 1


class NamePlanner:
    """Decides which names a map has at a zoom, after those of the zoom before it."""

    def __init__(self, clusters: ClusterMap, counts: np.ndarray, *, scale: float = 1.0) -> None:
        """Plan for clusters with so many images each, (c,): without any, no name. `scale` is the text's."""
        table = clusters.table
        self._texts, self._counts = clusters.names, np.asarray(counts, np.int64)
        self._centers = np.asarray(table.centers, np.float64)
        self._extents, self._levels = clusters.extents, table.levels
        self._of_level = {
            level: np.flatnonzero((table.levels == level) & (self._counts > 0)) for level in range(LEVELS)
        }
        self._size = text_sizes(table.sizes, scale=scale)
        self._children: dict[int, list[int]] = {row: [] for row in range(len(clusters))}
        self._roots: list[int] = []
        for row in np.argsort(-self._counts, kind="stable").tolist():
            parent = int(table.parents[row])
            if self._counts[row] > 0:
                (self._roots if parent < 0 else self._children[parent]).append(row)
        self._apart = {row: self._spread(parts) for row, parts in self._children.items()}

    def next(
        self, before: Sequence[Name], unit: float, *, images: np.ndarray, side: float
    ) -> tuple[Name, ...]:
        """Return the names of a zoom, those with the largest text first.

        Args:
            before: the names of the zoom before it.
            unit: map units a pixel.
            images: map positions (k, 2) of images that are on the map already.
            side: the longest side of an image in pixels.
        """
        self._unit, self._side, self._images = unit, side, squares(images, side * unit)
        kept = self._followed({name.cluster: name for name in before})
        for row in sorted(kept, key=lambda row: -self._counts[row]):
            if parts := self._parts(row, kept):
                del kept[row]
                kept |= {name.cluster: name for name in parts}
        taken = self._taken(kept.values())
        texts = {name.text for name in kept.values()}
        for row in self._waiting(kept, texts):
            if name := self._placed(row, taken, texts):
                kept[row] = name
        return tuple(sorted(kept.values(), key=lambda name: (-name.size, name.cluster)))

    def _followed(self, names: dict[int, Name]) -> dict[int, Name]:
        """Return names of the zoom before: one that is far from its cluster by now moves closer, or goes."""
        kept = dict(names)
        for row, name in names.items():
            aside = abs(name.y - float(self._centers[row, 1])) / self._unit
            if aside <= LOOSE * self._past(name.height):
                continue
            del kept[row]
            taken, texts = self._taken(kept.values()), {other.text for other in kept.values()}
            if moved := self._placed(row, taken, texts):
                kept[row] = moved
        return kept

    def _past(self, height: float) -> float:
        """Return how many pixels a name lies above or below its cluster's centre at most: beside an image."""
        return max((self._side + height) / 2 + 2 * AROUND, max(NUDGES) * height)

    def _parts(self, row: int, kept: dict[int, Name]) -> list[Name]:
        """Return the names that take the place of a cluster's name; none if it stays."""
        children, apart = self._children[row], self._apart[row] / self._unit
        if apart < APART:
            return []
        others = [name for name in kept.values() if name.cluster != row]
        taken, texts = self._taken(others), {name.text for name in others}
        found = [name for part in children if (name := self._placed(part, taken, texts))]
        named = sum(int(self._counts[name.cluster]) for name in found)
        total = sum(int(self._counts[part]) for part in children)
        return found if apart > FAR_APART or named >= ENOUGH * total else []

    def _is_own(self, name: Name) -> bool:
        """Whether a name is clearly nearer to its own cluster than to any other of the same level."""
        rows = self._of_level[int(self._levels[name.cluster])]
        apart = np.linalg.norm(self._centers[rows] - (name.x, name.y), axis=1)
        own = abs(name.y - float(self._centers[name.cluster, 1]))
        return bool(own <= CLEARLY * apart[rows != name.cluster].min(initial=np.inf))

    def _taken(self, names: Iterable[Name]) -> Boxes:
        """Return the places of the images and of these names."""
        taken = Boxes(self._images)
        for name in names:
            taken.add(name.box(self._unit, AROUND))
        return taken

    def _spread(self, rows: Sequence[int]) -> float:
        """Return how far clusters are apart, in map units."""
        if not rows:
            return 0.0
        xy, weight = self._centers[rows], self._counts[rows]
        middle = np.average(xy, axis=0, weights=weight)
        return float(np.average(np.abs(xy - middle).max(axis=1), weights=weight)) * 2

    def _waiting(self, kept: dict[int, Name], texts: set[str]) -> list[int]:
        """Return the clusters without a name on the map whose parents have none, the largest first.

        The parts of a cluster without a name wait in its place; those of one whose name is on the map already
        for another cluster do so once they are far enough apart.
        """
        waiting, todo = [], list(self._roots)
        while todo:
            row = todo.pop()
            if row in kept:
                continue
            text, parted = self._texts[row], self._any_below(row, kept)
            if text and text not in texts and not parted:
                waiting.append(row)
            elif not text or parted or self._apart[row] >= APART * self._unit:
                todo += self._children[row]
        return sorted(waiting, key=lambda row: (-self._counts[row], row))

    def _any_below(self, row: int, kept: dict[int, Name]) -> bool:
        return any(part in kept or self._any_below(part, kept) for part in self._children[row])

    def _placed(self, row: int, taken: Boxes, texts: set[str]) -> Name | None:
        """Take a place for a name at its cluster's centre, above or below; None if there is no room."""
        text, size = self._texts[row], float(self._size[row])
        if not text or text in texts:
            return None
        width, height = round(min(ems(text), MOST_EMS) * size) + 2.0, float(round(size * LINE))
        x, y = self._centers[row].tolist()
        past, within = self._past(height), [nudge * height for nudge in NUDGES]
        # A name would hide a small cluster: it lies below, and an image has room.
        small = self._extents[row] < self._side * self._unit
        for up in (-past, past, *within) if small else (*within, -past, past):
            name = Name(row, text, x, y + up * self._unit, size, width, height)
            box = name.box(self._unit, AROUND)
            if taken.free(box) and self._is_own(name):
                taken.add(box)
                texts.add(text)
                return name
        return None


def fitting(
    names: Sequence[Name], before: Sequence[Name], unit: float, *, images: np.ndarray, side: float
) -> tuple[Name, ...]:
    """Return those of some names that touch neither each other nor images, and all of those `before`.

    Args:
        names: the names.
        before: those of them that a farther zoom has.
        unit: map units a pixel.
        images: map positions (k, 2) of images that are on the map already.
        side: the longest side of an image in pixels.
    """
    kept, taken = set(before), Boxes(squares(images, side * unit))
    for name in before:
        taken.add(name.box(unit, AROUND))
    for name in names:
        box = name.box(unit, AROUND)
        if name not in kept and taken.free(box):
            taken.add(box)
            kept.add(name)
    return tuple(name for name in names if name in kept)


def squares(xy: np.ndarray, side: float) -> np.ndarray:
    """Return squares (k, 4) around positions (k, 2): x0, x1, y0, y1."""
    x, y = xy[:, 0], xy[:, 1]
    return np.stack([x - side / 2, x + side / 2, y - side / 2, y + side / 2], axis=1)
