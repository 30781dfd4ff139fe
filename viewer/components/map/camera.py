"""Moves the map: says which part of it to show. `camera.js` in the browser decides how it gets there."""

from collections.abc import Callable, Sequence

import numpy as np
from bokeh.models import ColumnDataSource

from viewer.components.map.overlays import label_extent
from viewer.dataset.geometry.viewport import Box
from viewer.dataset.ranking import PAGE_SIZE
from viewer.session.answers import Answer
from viewer.session.state import ViewState

NOWHERE: Box = (0.0, 1.0, 0.0, 1.0)  # for movements that are not to a part of the map
MOST_CARDS = 8  # that lie over the map
MARGIN = 0.15  # around images when zooming to them, as a fraction of their extent ...
MIN_MARGIN = 0.03  # ... and at least this fraction of the map's


def box_columns(boxes: Sequence[Box]) -> dict[str, list[float]]:
    """Return boxes as the columns of a data source, one box a row."""
    return {name: [box[i] for box in boxes] for i, name in enumerate(("x0", "x1", "y0", "y1"))}


def read_boxes(said: object) -> tuple[Box, ...]:
    """Read boxes, in pixels, of a browser's message, which may say anything: left, right, top and bottom."""
    boxes = said if isinstance(said, list) else []
    return tuple(
        (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        for box in boxes[:MOST_CARDS]
        if isinstance(box, list)
        and len(box) == 4  # noqa: PLR2004 - the sides of a box
        and all(isinstance(side, (int, float)) and np.isfinite(side) for side in box)
    )


class Camera:
    """The camera of one session: each change of `target` is a movement in the browser."""

    def __init__(self, state: ViewState, *, schedule: Callable[[Callable[[], None]], None]) -> None:
        """`schedule` calls a function under the session's lock."""
        self._state, self._schedule = state, schedule
        self.target = ColumnDataSource({"stamp": [0]})

    def show_all(self) -> None:
        """Go back to the first view."""
        self._move("home")

    def zoom(self, factor: float) -> None:
        """Zoom about the middle: multiply the map units per pixel by `factor`."""
        self._move("zoom", factor=factor)

    def show(self, view: Box, *, reach: tuple[float, float] = (0.0, 0.0)) -> None:
        """Glide to a part of the map, clear of the cards above it.

        `reach` is how many pixels, across and down, marks at its edges extend beyond them.
        """
        self._move("part", view=view, reach=reach)

    def show_images(self, rows: Sequence[int] | np.ndarray) -> None:
        """Glide to these images, with a margin."""
        if len(rows):
            self.show(self._box_around(self._state.places.positions(np.asarray(rows, np.int64))))

    def show_results(self) -> None:
        """Glide to the query and the better half of its results, with a margin."""
        answer = self._state.answer
        if answer is not None and len(answer.rows):
            self.show(self._box_around(self._result_positions(answer)), reach=label_extent(answer.title))

    def _result_positions(self, answer: Answer) -> np.ndarray:
        """Return positions (k, 2) of most of the best results, without the few far off, and of the query."""
        rows = answer.highlighted(PAGE_SIZE)
        best = rows[: max(3, len(rows) // 4)]
        placed = self._state.placed(answer)
        query = np.array([[placed.x, placed.y]])
        xy = np.vstack([self._state.places.positions(best), query])
        centre = np.median(xy, axis=0)
        near = xy[np.argsort(np.abs(xy - centre).max(1))[: max(3, int(len(xy) * 0.8))]]
        return np.vstack([near, query])

    def _box_around(self, xy: np.ndarray) -> Box:
        """Return a box around positions (n, 2), with a margin."""
        low, high = xy.min(0), xy.max(0)
        x0, x1, y0, y1 = self._state.places.view
        margin = np.maximum((high - low) * MARGIN, MIN_MARGIN * max(x1 - x0, y1 - y0))
        low, high = low - margin, high + margin
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def _move(
        self, aim: str, *, view: Box = NOWHERE, factor: float = 1.0, reach: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        stamp = self.target.data["stamp"][0] + 1
        fields = {"aim": aim, "factor": factor, "stamp": stamp, "reach_x": reach[0], "reach_y": reach[1]}
        data = {**box_columns([view, view]), **{name: [value] * 2 for name, value in fields.items()}}
        self._schedule(lambda: self.target.update(data=data))
