"""Where the map is to go. `camera.js` in the browser decides how it gets there."""

from collections.abc import Callable, Sequence

import numpy as np
from bokeh.models import ColumnDataSource

from viewer.components.map.overlays import label_extent
from viewer.dataset.geometry.viewport import Box
from viewer.dataset.ranking import PAGE_SIZE
from viewer.session.answers import Answer
from viewer.session.state import ViewState

NOWHERE: Box = (0.0, 1.0, 0.0, 1.0)  # where no part of the map is meant
MARGIN = 0.15  # air round images when zooming to them, as a part of their extent ...
LEAST_MARGIN = 0.03  # ... and at least, as a part of the map's


def box_columns(boxes: Sequence[Box]) -> dict[str, list[float]]:
    """Boxes as a source holds them, one a row."""
    return {name: [box[i] for box in boxes] for i, name in enumerate(("x0", "x1", "y0", "y1"))}


class Camera:
    """One session's: tells the browser by `target`, of which each change is a movement."""

    def __init__(self, state: ViewState, *, turn: Callable[[Callable[[], None]], None]) -> None:
        """`turn` calls a function in the session's turn."""
        self._state, self._turn = state, turn
        self.target = ColumnDataSource({"stamp": [0]})

    def home(self) -> None:
        """Back to the first view."""
        self._aim("home")

    def zoom(self, factor: float) -> None:
        """Zoom about the middle by a factor of the unit."""
        self._aim("zoom", factor=factor)

    def to(self, view: Box, *, reach: tuple[float, float] = (0.0, 0.0)) -> None:
        """Glide to a part of the map, clear of the cards.

        `reach` is how many pixels, across and down, what lies at its edges is drawn beyond them.
        """
        self._aim("part", view=view, reach=reach)

    def to_images(self, rows: Sequence[int] | np.ndarray) -> None:
        """Glide to where these images are, with some air."""
        if len(rows):
            self.to(self._round(self._state.dataset.atlas.xy[np.asarray(rows, np.int64)]))

    def to_results(self) -> None:
        """Glide to the query and the better half of its results, with some air."""
        answer = self._state.answer
        if answer is not None and len(answer.rows):
            self.to(self._round(self._found(answer)), reach=label_extent(answer.called))

    def _found(self, answer: Answer) -> np.ndarray:
        """The query's place (1, 2), below the places of most of its best results: few are far off."""
        rows = answer.lit(PAGE_SIZE)
        best = rows[: max(3, len(rows) // 4)]
        query = np.array([[answer.x, answer.y]])
        xy = np.vstack([self._state.dataset.atlas.xy[best], query])
        centre = np.median(xy, axis=0)
        near = xy[np.argsort(np.abs(xy - centre).max(1))[: max(3, int(len(xy) * 0.8))]]
        return np.vstack([near, query])

    def _round(self, xy: np.ndarray) -> Box:
        """A part of the map that holds positions (n, 2) and some air."""
        low, high = xy.min(0), xy.max(0)
        x0, x1, y0, y1 = self._state.dataset.view
        air = np.maximum((high - low) * MARGIN, LEAST_MARGIN * max(x1 - x0, y1 - y0))
        low, high = low - air, high + air
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def _aim(
        self, at: str, *, view: Box = NOWHERE, factor: float = 1.0, reach: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        stamp = self.target.data["stamp"][0] + 1
        told = {"aim": at, "factor": factor, "stamp": stamp, "reach_x": reach[0], "reach_y": reach[1]}
        data = {**box_columns([view, view]), **{name: [value] * 2 for name, value in told.items()}}
        self._turn(lambda: self.target.update(data=data))
