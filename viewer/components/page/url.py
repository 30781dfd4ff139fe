"""The page's URL: it is written when the state changes, and followed, so that a link opens the same page.

What does not belong here: reading and writing its fields (`links.py`), and the browser's history and the map
(`components/page/url.js`).
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn
import param

from viewer.components.base import Component
from viewer.components.page.links import (
    MAX_CONCEPTS,
    UrlState,
    default_panel,
    parse_query_string,
    query_string_of,
    to_query_string,
)
from viewer.dataset.columns.filters import filter_rows, validate_filters
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.dataset import Dataset
from viewer.dataset.tag_rows import read_tag_rows
from viewer.pools import SELECT_POOL
from viewer.session.background import in_background, when_loaded
from viewer.session.history import Scene
from viewer.session.search import Searcher
from viewer.session.selection import SelectionSource, combine, rows_of_target, with_context
from viewer.session.state import ViewState
from viewer.session.steps import SelectionStep, Tagged, Target
from viewer.session.workers.axes import AxesWorker
from viewer.session.workers.words import WordWorker

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np

# Fields of a scene that a URL has under the same name.
_OF_SCENES = ["colour", "words", "sort", "ascending", "group", "finding", "fold", "only_selection"]
_OF_SCENES += ["excess", "faces", "names", "concepts", "axes"]

log = logging.getLogger(__name__)


class PageUrl(Component):
    """Writes the URL when the state changes, and follows it: at the start, and on Back and Forward."""

    search = param.String(doc="The state as a query string, without the part of the map in view.")
    pushes = param.Integer(doc="Changes with each step that Back can undo.")
    arrivals = param.Integer(doc="Changes whenever the state that a URL asked for is shown.")

    script = "page/url.js"
    _css = ()

    def follow(
        self,
        state: ViewState,
        searcher: Searcher,
        words: WordWorker | None = None,
        axes: AxesWorker | None = None,
        *,
        resolve: Callable[[str], str] = str,
    ) -> None:
        """Keep the URL and the state in step from now on; `resolve` finds the query of a named view."""
        self._resolve = resolve
        self._state, self._searcher, self._words = state, searcher, words or WordWorker(state)
        self._axes = axes or AxesWorker(state)
        self._actions = {"went": lambda message: self.open(str(message.get("search", "")))}
        self._before: tuple[Any, ...] | None = None
        self._target: UrlState | None = None  # what a URL asks for, until it is shown
        self._scene: Scene | None = None  # what undo asks for, until it is shown
        self._waits_for_model = False
        self._waits_for_answer = self._waits_for_words = self._waits_for_axes = False
        names = ["answer", "colour", "steps", "selected", "dataset", "filters", "searching", "fold"]
        names += ["min_similarity", "max_similarity", "only_selection", "panel", "arrangement", "faces"]
        names += ["names", "finding", "findings", "concepts", "sort", "ascending", "group", "words"]
        names += ["asked_words", "axes", "asked_axes", "excess", "model", "beside"]
        state.param.watch(self._update, names)
        self._update()
        # Changes before the page has loaded would reach it one by one.
        when_loaded(partial(self.open, query_string_of(pn.state.session_args)))

    def open(self, search: str) -> None:
        """Show the state of a query string: some of it at once, the rest with the query's answer."""
        self._scene = None
        self._show(parse_query_string(self._resolve(search)))

    def restore(self, scene: Scene) -> None:
        """Show a scene again, beside the open image and the panels; Back leads to what was before."""
        state = self._state
        self._scene = scene
        low, high = scene.rest["min_similarity"], scene.rest["max_similarity"]
        others = {name: scene.rest[name] for name in _OF_SCENES}
        finds = scene.rest["finding"] not in {"", state.finding}
        self._show(
            UrlState(
                terms=scene.terms,
                filters=scene.filters,
                steps=scene.steps,
                opened=state.dataset.id_of(state.selected),
                similarity=(low, high),
                panel="insights" if finds else state.panel,
                model=state.dataset.further_model,
                beside=state.beside,
                **others,
            )
        )

    @property
    def is_arriving(self) -> bool:
        """Whether what a URL asks for is not shown yet."""
        return self._target is not None

    def _show(self, target: UrlState) -> None:
        state = self._state
        dataset = state.dataset
        first, *further = dataset.atlas.models
        if target.model == first:
            target = replace(target, model="")
        wanted = target.model if target.model in further else ""
        self._target = target = _shown_by(target, wanted)
        self._waits_for_model = wanted != dataset.further_model
        if self._waits_for_model:  # all else that the URL asks for follows in the other model's map
            state.model = wanted
            return
        state.beside = target.beside if target.beside in dataset.atlas.models else ""
        known = target.colour in {*state.colour_choices, ""}
        state.colour = (target.colour if known else dataset.default_colour) or ""
        if target.words != state.words or state.asked_words:
            self._words.classify(target.words)
        self._waits_for_words = bool(state.asked_words)
        if target.axes != state.axes or state.asked_axes is not None:
            self._axes.ask(target.axes)
        self._waits_for_axes = state.asked_axes is not None
        state.filters = validate_filters(state.facets, target.filters) if target.filters else {}
        state.param.update(fold=target.fold, only_selection=False, faces=target.faces, names=target.names)
        state.param.update(
            sort=target.sort, ascending=target.ascending, group=target.group, excess=target.excess
        )
        if target.layout is not None:
            state.arrangement = target.layout
        if target.terms and state.shown_terms != target.terms:
            self._waits_for_answer = True
            self._searcher.search(target.terms)
            return
        self._waits_for_answer = False
        if not target.terms and (state.shown_terms or state.searching):
            self._searcher.search(())
        elif state.searching:
            self._searcher.give_up()
        if not (self._waits_for_words or self._waits_for_axes):
            self._select()

    def _update(self, *events: Any) -> None:
        state = self._state
        if state.dataset is None or state.searching or state.asked_words or state.asked_axes is not None:
            return
        if self._target is not None and self._waits_for_model:
            if state.model == state.dataset.further_model:  # its map has come, or could not be opened
                self._show(_shown_by(self._target, state.model))
            return
        if self._target is not None:
            self._arrive(self._target)
            return
        now = self._history_entry()
        # Findings that become known may close the one that a link asked for: no step of the visitor.
        visitor_did = all(event.name != "findings" for event in events)
        pushed = visitor_did and self._before is not None and now != self._before
        self._before = now
        search = to_query_string(state)
        if search != self.search:
            self.param.update(search=search, pushes=self.pushes + pushed)

    def _arrive(self, target: UrlState) -> None:
        """Show the rest of a URL, once its query has an answer and the images are classified by its words."""
        state = self._state
        if not (self._waits_for_answer or self._waits_for_words or self._waits_for_axes):
            return
        if self._waits_for_words and WORDS in target.filters:
            state.filters = validate_filters(state.facets, target.filters)
        self._waits_for_answer = self._waits_for_words = self._waits_for_axes = False
        self._select()

    def _history_entry(self) -> tuple[Any, ...]:
        """Return the values whose change Back undoes; opening the next image is no such change."""
        state = self._state
        text = state.answer.text if state.answer else None
        shown = state.selected is not None, state.fold, state.only_selection
        return text, state.words, state.axes, state.steps, *shown, state.finding

    def _select(self) -> None:
        """Repeat the steps of the selection, now that the query, if any, has its answer."""
        target, state, scene = self._target, self._state, self._scene
        if target is None:
            return
        if scene is not None:
            state.param.update(selection=scene.selection, steps=list(scene.steps))
            self._finish(target)
            return
        if not target.steps or list(target.steps) == [step.without_context() for step in state.steps]:
            if not target.steps:
                state.param.update(selection=None, steps=[])
            self._finish(target)
            return
        source = SelectionSource.of(state)
        kept = partial(filter_rows, state.facets, state.filters, masks={}) if state.filters else lambda: None
        work = partial(_repeat_steps, target.steps, source, kept, lambda: target is self._target)
        in_background(work, partial(self._selected, target, source.dataset), pool=SELECT_POOL)

    def _selected(self, target: UrlState, dataset: Dataset, done: "Future[np.ndarray | None]") -> None:
        state = self._state
        if target is not self._target or state.dataset is None:
            return
        if state.dataset is not dataset:  # rows mean other images there
            self._select()
            return
        if (error := done.exception()) is not None:
            log.error("the selection of a link failed", exc_info=error)
        rows = None if error is not None else done.result()
        steps = [with_context(step, state) for step in target.steps] if rows is not None else []
        state.param.update(selection=rows, steps=steps)
        self._finish(target)

    def _finish(self, target: UrlState) -> None:
        state = self._state
        row = state.dataset.row_of(target.opened) if target.opened else None
        target = _shown_by(target, state.dataset.further_model)  # another may have been chosen meanwhile
        low, high = target.similarity if state.answer else (None, None)
        state.param.update(
            selected=row,
            only_selection=target.only_selection and state.selection is not None,
            min_similarity=low,
            max_similarity=high,
            finding=target.finding,
            concepts=target.concepts if len(state.concepts) <= MAX_CONCEPTS else state.concepts,
            panel=target.panel or default_panel(selected=state.selection is not None),
        )
        self._target, self._before = None, self._history_entry()
        search = to_query_string(state)
        pushed = self._scene is not None and search != self.search
        self._scene = None
        self.param.update(search=search, arrivals=self.arrivals + 1, pushes=self.pushes + pushed)


def _shown_by(target: UrlState, model: str) -> UrlState:
    """Return what a URL asks for as a model shows it: limits of similarity are on the scale of one model."""
    return target if target.model == model else replace(target, model=model, similarity=(None, None))


def _repeat_steps(
    steps: tuple[SelectionStep, ...],
    source: SelectionSource,
    passing: "Callable[[], np.ndarray | None]",
    still_wanted: Callable[[], bool],
) -> "np.ndarray | None":
    """Return the rows that steps select, one after the other; None also when they are no longer wanted.

    Args:
        steps: the steps; equal targets are worked out once.
        source: the dataset and answer to select from.
        passing: returns which rows pass the link's filters, as the state may not know them yet.
        still_wanted: whether the visitor still waits for the result.
    """
    kept = passing()
    tags = read_tag_rows(source.dataset) if any(isinstance(step.target, Tagged) for step in steps) else {}
    known: dict[Target, np.ndarray] = {}
    selected = None
    for step in steps:
        if not still_wanted():
            return None
        if step.target not in known:
            known[step.target] = rows_of_target(step.target, source, tags, kept=kept)
        selected = combine(selected, known[step.target], mode=step.mode, n=source.dataset.n)
    return selected
