"""The map of another model beside the page's own: another place for the same images, one selection for both.

All models of a version have the same images in the same rows, so what a visitor does on one map is shown on
the other at once. What does not belong here: drawing a map (`components/beside/`).
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from viewer.dataset.columns.colouring import SIMILARITY
from viewer.dataset.dataset import Dataset
from viewer.dataset.versions import load
from viewer.pools import VERSION_POOL
from viewer.session.answers import Answer, SimilarityColours
from viewer.session.background import failed, in_background
from viewer.session.state import PLACED_BY, ViewState

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

# What the map beside shows of the page's state, and what a visitor may change on it.
FOLLOWED = [
    "dark", "colour", "faces", "names", "answer", "history", "selected", "hovered", "pointed", "filters",
    "counts", "part", "kept", "selection", "steps", "tags", "words", "word_column", "marked", "zone",
]  # fmt: skip
CHANGED = ["selected", "hovered", "pointed", "selection", "steps"]


class BesideState(ViewState):
    """The state of the map beside: another model's dataset, and all else as on the page."""

    def __init__(self, page: ViewState, **params: Any) -> None:
        super().__init__(**params)
        self._page = page

    def remove_query(self, text: str) -> None:
        """Remove a query from both maps."""
        self._page.remove_query(text)

    def placed(self, answer: Answer) -> Answer:
        """Return an answer amid its best results: its own place is that on the map of the page's model."""
        rows = answer.rows[:PLACED_BY]
        places = self.places
        x, y = np.median(places.positions(rows), axis=0).tolist() if len(rows) else places.middle
        return replace(answer, x=x, y=y)


class _Opened(NamedTuple):
    """The dataset of the map beside, and its colours if it is coloured by similarity."""

    dataset: Dataset
    colours: SimilarityColours | None


def _open(page: Dataset, model: str, *, colour: str, similar: Answer | None) -> _Opened:
    """Open a dataset as another of its models sees it; make its colours by the similarities of an answer.

    Raises:
        ClipperError: it cannot be opened.
    """
    dataset = load(page.atlas.settings.home, model=model, colour=colour)
    known = similar is not None and similar.similarities is not None and dataset.version == page.version
    return _Opened(dataset, SimilarityColours.of(similar, dataset) if similar and known else None)


class BesideWorker:
    """Keeps `beside`, the state of the map beside, in step with one session's state; None: there is none."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._model = state.dataset.atlas.model
        self.beside: BesideState | None = None
        self.on_change: list[Callable[[], None]] = []  # called when there is another state, or none
        state.param.watch(self._update, ["beside", "dataset"])
        state.param.watch(self._follow, FOLLOWED)
        self._update()

    def end(self) -> None:
        """End the session: release what is large."""
        if self.beside is not None:
            self.beside.end()
            self.beside = self._state.map_beside = None

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        atlas, before = state.dataset.atlas, self._model
        self._model = atlas.model
        if state.beside == atlas.model:  # the two maps change places
            other = before if before in atlas.models and before != atlas.model else ""
            state.beside = other
            return
        wanted = state.beside
        if wanted and wanted not in atlas.models:  # of a link, or of an earlier version
            state.beside = ""
            return
        if self._shows(wanted):
            return
        if not wanted:
            self._show(None)
            return
        model = "" if wanted == atlas.models[0] else wanted
        similar = state.answer if state.colour == SIMILARITY else None
        work = partial(_open, state.dataset, model, colour=state.colour, similar=similar)
        in_background(work, partial(self._loaded, wanted), pool=VERSION_POOL)

    def _shows(self, wanted: str) -> bool:
        if self.beside is None:
            return not wanted
        shown, dataset = self.beside.dataset, self._state.dataset
        return bool(wanted) and shown.atlas.model == wanted and shown.version == dataset.version

    def _loaded(self, wanted: str, done: "Future[_Opened]") -> None:
        state = self._state
        if state.dataset is None or state.beside != wanted:
            return
        if failed(done, "opening the other model's map"):
            state.beside = ""
            return
        dataset, colours = done.result()
        if dataset.version == state.dataset.version and dataset.atlas.model == wanted:
            self._show(dataset, colours)
        else:
            self._show(None)  # another version is on its way to the page, and then to the map beside

    def _show(self, dataset: Dataset | None, colours: SimilarityColours | None = None) -> None:
        if self.beside is not None:
            self.beside.end()
        self.beside = None
        if dataset is not None:
            state = self._state
            self.beside = BesideState(
                state, dataset=dataset, **{name: getattr(state, name) for name in FOLLOWED}
            )
            self.beside.set_clusters(dataset.clusters)
            self.beside.keep_colours({dataset: colours} if colours else {})
            self.beside.param.watch(self._changed, CHANGED)
        self._state.map_beside = self.beside
        for call in self.on_change:
            call()

    def _follow(self, *events: Any) -> None:
        """Show on the map beside what has changed on the page; an event may come after the next change."""
        beside, state = self.beside, self._state
        if beside is None or state.dataset is None or beside.dataset.version != state.dataset.version:
            return
        news = {event.name: getattr(state, event.name) for event in events}
        beside.param.update(
            **{name: value for name, value in news.items() if getattr(beside, name) is not value}
        )

    def _changed(self, *events: Any) -> None:
        """Show on the page what a visitor has changed on the map beside."""
        beside, state = self.beside, self._state
        if beside is None or state.dataset is None or beside.dataset.version != state.dataset.version:
            return
        news = {event.name: event.new for event in events if getattr(state, event.name) is not event.new}
        state.param.update(**news)
        if news.get("selection") is not None:
            state.show_panel("selection")
