"""An atlas made ready to be looked at, loaded once a process and shared by all sessions.

What belongs here: positions in drawing order, columns as colours, thumbnails, what is said about one image.
Nothing of a single visitor, and nothing of Panel.
"""

import os
import threading
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import clipper
from clipper.home import Home
from viewer.colours import Colouring, Kind, colouring, first_choice, kind_of, plain
from viewer.points import PointIndex
from viewer.tiles import Thumbnails
from viewer.viewport import Box

SHOWN_VALUES = 3  # metadata values on a hover card
LONGEST_VALUE = 60
SEED = 0  # the thumbnails' priorities: fixed, so that every visitor sees the same images
SIMILAR_LIMIT = 400_000  # above this many images, neighbours are not scanned for

Stamp = tuple[int, int, int]

_lock = threading.Lock()
_loaded: dict[tuple[Path, str], "Dataset"] = {}
_published: dict[Path, tuple[Stamp | None, str]] = {}


def load(home: str | Path | None = None) -> "Dataset":
    """The published atlas of `home` (or of the home found from here), made ready once for each version.

    Cheap while nothing new is published: every image asks.

    Raises:
        ClipperError: no home, no index yet, or a damaged store; the message says what to do.
    """
    folder = _folder(home)
    stamp = _stamp(folder)
    known, version = _published.get(folder, (None, ""))
    dataset = _loaded.get((folder, version))
    if dataset is not None and stamp is not None and stamp == known:
        return dataset
    with _lock:
        version = clipper.published_version(folder) or ""
        dataset = _loaded.get((folder, version))
        if dataset is None:
            dataset = Dataset(clipper.open(folder))
            for old in list(_loaded)[:-1]:  # a session may still show the one before
                del _loaded[old]
            _loaded[(folder, dataset.version)] = dataset
        _published[folder] = stamp, dataset.version
        return dataset


def loaded(version: str, home: str | Path | None = None) -> "Dataset | None":
    """A version that is still in memory, be it published or not: it never waits for another to be opened."""
    return _loaded.get((_folder(home), version))


def _folder(home: str | Path | None) -> Path:
    """The home's folder, found once for each way of naming it."""
    return _found(str(home) if home else "", os.environ.get("CLIPPER_HOME", ""), os.getcwd())  # noqa: PTH109 - a key, not a path


@lru_cache(maxsize=64)
def _found(home: str, _named: str, _here: str) -> Path:
    return clipper.Settings.load(home or None).home


def _stamp(folder: Path) -> Stamp | None:
    """What tells one current.json from the next without reading it, None when there is none."""
    try:
        seen = Home(folder).current.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


class Dataset:
    """One version of an atlas, as the viewer needs it. Rows are the atlas's rows."""

    def __init__(self, atlas: Any) -> None:
        self.atlas = atlas
        self.index = PointIndex.build(np.asarray(atlas.xy, np.float32))
        self.priority = np.random.default_rng(SEED).random(len(atlas.ids), np.float32)[self.index.order]
        self.thumbnails = Thumbnails(atlas.thumbnail)
        self.remembered: dict[str, Any] = {}  # what views derive once from this dataset
        self._colourings: dict[str, Colouring] = {}
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """The published version this was made from."""
        return str(self.atlas.version)

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.atlas.ids)

    @property
    def title(self) -> str:
        """The dataset's name."""
        return str(self.atlas.title or "Clipper")

    @property
    def view(self) -> Box:
        """The first view."""
        x0, x1, y0, y1 = map(float, self.atlas.view)
        return x0, max(x1, x0 + 1e-6), y0, max(y1, y0 + 1e-6)

    @cached_property
    def outline(self) -> list[Box]:
        """Boxes that hold all the points of the first view, and little else."""
        return self.index.bands(self.view)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The columns that can be coloured by, and how."""
        found = {
            name: kind_of(self.atlas.points[name], column.type)
            for name, column in self.atlas.columns.items()
            if name in self.atlas.points
        }
        return {name: kind for name, kind in found.items() if kind}

    @cached_property
    def first_colour(self) -> str:
        """The column to colour by at the start, "" for none."""
        return first_choice(self.kinds, {name: self.atlas.points[name] for name in self.kinds})

    def colouring(self, name: str) -> Colouring:
        """Colours by the column `name` ("" or unknown: density alone), arrays in drawing order."""
        with self._lock:
            if name not in self._colourings:
                self._colourings[name] = self._coloured(name)
            return self._colourings[name]

    def _coloured(self, name: str) -> Colouring:
        if name not in self.kinds:
            return plain(self.n)
        column = self.atlas.points[name].iloc[self.index.order]
        return colouring(name, column, kind=self.kinds[name])

    def label(self, row: int) -> str:
        """What a person calls an image: its metadata's name, else its file's."""
        return str(self.atlas.name(row))

    def card(self, row: int, *, colour: str = "") -> dict[str, Any]:
        """An image in a few words: id, label and the first values, the one that colours the map in front."""
        values = self.atlas.metadata(row)
        names = [name for name in [colour, *values] if name in values and name != "name"]
        unique = list(dict.fromkeys(names))
        plain_first = sorted(unique, key=lambda name: isinstance(values[name], list) and name != colour)
        return {
            "id": self.atlas.ids[row],
            "row": row,
            "label": self.label(row),
            "values": [[name, short(values[name])] for name in plain_first[:SHOWN_VALUES]],
        }

    def detail(self, row: int) -> dict[str, Any]:
        """All that is known of one image, as text."""
        values = self.atlas.metadata(row)
        return {
            "id": self.atlas.ids[row],
            "row": row,
            "label": self.label(row),
            "version": self.version,
            "values": [[name, long(value)] for name, value in values.items()],
        }

    def similar(self, row: int, *, k: int) -> list[tuple[int, float]]:
        """The `k` nearest other images by cosine similarity, best first."""
        if self.n > SIMILAR_LIMIT or self.n < 2:  # noqa: PLR2004 - an image alone has no neighbours
            return []
        scores = np.asarray(self.atlas.similarities(self.atlas.vectors[row]))
        scores[row] = -np.inf
        k = min(k, self.n - 1)
        best = np.argpartition(-scores, k - 1)[:k]
        best = best[np.argsort(-scores[best])]
        return [(int(other), float(scores[other])) for other in best]


def long(value: object) -> object:
    """A metadata value for the detail table: a text, or a list of texts."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def short(value: object) -> str:
    """A metadata value for a card: one short line."""
    known = long(value)
    text = ", ".join(known) if isinstance(known, list) else str(known)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
