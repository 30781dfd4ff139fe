"""Lists images in an order that the visitor chose: all that pass, the results, or the selected ones.

Sorting a million images takes longer than the event loop may wait. What does not belong here: the order
itself (`dataset/columns/ordering.py`), and the results of a query by similarity (`session/search.py`).
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clipper.query import Scores
from viewer.dataset.columns.facets import ValueFacet
from viewer.dataset.columns.ordering import SortKey, first_codes, order_listed
from viewer.dataset.dataset import Dataset
from viewer.dataset.ranking import Listing, listed_rows
from viewer.dataset.suggestions import mixture
from viewer.pools import FILTER_POOL, ORDER_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import LAYOUT, ImageList, OrderedSelection, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

DEPENDS_ON = [
    "answer", "dataset", "kept", "selection", "only_selection", "min_similarity", "max_similarity",
    "sort", "ascending", "group", "tags", "clusters", *LAYOUT,
]  # fmt: skip
AT_ONCE = 20_000  # values that are sorted in a few milliseconds, without a moment's wait
_IDENTICAL = ("dataset", "similarities", "sort", "group")  # of a request


class _Request(NamedTuple):
    """A list to make: of which images, in what order."""

    dataset: Dataset
    listing: Listing
    similarities: Scores | None
    sort: SortKey | None
    ascending: bool
    group: ValueFacet | None

    def asks_the_same(self, other: "_Request") -> bool:
        """Whether another request has the same outcome, as where only the selection has changed."""
        mine, others = self.listing, other.listing
        same = all(getattr(self, name) is getattr(other, name) for name in _IDENTICAL)
        same = same and mine.passes is others.passes and self.ascending == other.ascending
        return same and replace(mine, passes=None) == replace(others, passes=None)


class ListWorker:
    """Keeps `state.images` in step with one session's state; only the latest list is shown."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._latest: _Request | None = None  # of the list that is shown, or on its way
        state.param.watch(self._update, DEPENDS_ON)

    def begin(self) -> None:
        """Make the first list."""
        self._update()

    def end(self) -> None:
        """End the session: release what is large."""
        self._latest = None

    def _update(self, *_events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        if not state.is_browsing and not state.shows("table"):
            state.images = self._latest = None
            return
        group = state.facet(state.group) if state.group else None
        request = _Request(
            state.dataset,
            state.listing(),
            state.answer.similarities if state.answer else None,
            state.sort_key,
            state.ascending,
            group if isinstance(group, ValueFacet) else None,
        )
        if self._latest is not None and request.asks_the_same(self._latest):
            return
        self._latest = request
        in_background(partial(_make, request), partial(self._made, request), pool=FILTER_POOL)

    def _made(self, request: _Request, done: "Future[ImageList]") -> None:
        if request is not self._latest or self._state.dataset is None:
            return
        if failed(done, "listing images"):
            self._state.images = self._latest = None
        else:
            self._state.images = done.result()


class SelectionOrderWorker:
    """Keeps `state.ordered` in step with one session's selection, while its panel is in view."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._latest: _SelectionRequest | None = None  # of the order that is known, or on its way
        names = ["selection", "dataset", "answer", "sort", "ascending", *LAYOUT]
        state.param.watch(self._update, names)
        self._update()

    def end(self) -> None:
        """End the session: release what is large."""
        self._latest = None

    def _update(self, *events: Any) -> None:
        state = self._state
        if state.dataset is None:
            return
        in_view = state.panel == "selection" or state.shows("selection")
        another_version = any(event.name == "dataset" for event in events)
        if state.selection is None or (another_version and not in_view):
            state.ordered = self._latest = None
        if state.selection is None or not in_view:
            return
        request = _SelectionRequest(
            state.selection,
            state.sort_key,
            state.ascending,
            state.answer.similarities if state.answer else None,
        )
        if self._latest is not None and request.asks_the_same(self._latest):
            return
        self._latest = request
        if request.is_quick():
            state.ordered = request.order()
        else:
            state.ordered = None
            in_background(partial(self._order, request), partial(self._made, request), pool=ORDER_POOL)

    def _order(self, request: "_SelectionRequest") -> OrderedSelection:
        """Sort in a thread. If something else was asked for meanwhile, nobody waits for this: skip it."""
        return request.order() if request is self._latest else request.as_it_is()

    def _made(self, request: "_SelectionRequest", done: "Future[OrderedSelection]") -> None:
        if request is not self._latest or self._state.dataset is None:
            return
        sorts = not failed(done, "sorting the selection")
        self._state.ordered = done.result() if sorts else request.as_it_is()


class _SelectionRequest(NamedTuple):
    """A selection to put in order."""

    selection: np.ndarray
    sort: SortKey | None
    ascending: bool
    similarities: Scores | None

    def asks_the_same(self, other: "_SelectionRequest") -> bool:
        """Whether another request has the same outcome."""
        return all(mine is theirs for mine, theirs in zip(self, other, strict=True))

    def is_quick(self) -> bool:
        """Whether it takes no more than a few milliseconds: a column may have to be sorted as a whole."""
        count, sort = len(self.selection), self.sort
        values = count if sort is None or sort.is_apart(count) else len(sort.values)
        return values <= AT_ONCE

    def as_it_is(self) -> OrderedSelection:
        """Leave the rows in their order."""
        return OrderedSelection(self.selection, self.selection)

    def order(self) -> OrderedSelection:
        """Sort by the column, else by similarity to the query; without a query the rows stay as they are."""
        rows = order_listed(
            self.selection, sort=self.sort, ascending=self.ascending, similarities=self.similarities
        )
        return OrderedSelection(self.selection, rows)


def sort_by(state: ViewState, column: object, *, ascending: bool) -> None:
    """Sort images by a column, "" for none; ignore what is no column. The order is made ready first."""
    dataset = state.dataset
    if column == "":
        state.param.update(sort="", ascending=False)
    elif isinstance(column, str) and column in dataset.sort_choices:

        def prepare() -> None:
            if (key := dataset.sort_key(column)) is not None:
                key.order(ascending=ascending)

        def ready(done: "Future[None]") -> None:
            if not failed(done, "sorting") and state.dataset is dataset:
                state.param.update(sort=column, ascending=ascending)

        in_background(prepare, ready, pool=FILTER_POOL)


def _make(request: _Request) -> ImageList:
    group = request.group
    codes = None if group is None else first_codes(group)
    rows = order_listed(
        listed_rows(request.dataset.n, request.listing, request.similarities),
        sort=request.sort, ascending=request.ascending, similarities=request.similarities,
        mixture=mixture(request.dataset), groups=codes,
    )  # fmt: skip
    counts = np.empty(0, np.int64) if group is None or codes is None else count_codes(codes[rows], group)
    return ImageList(rows, request.sort, group, counts)


def count_codes(codes: np.ndarray, group: ValueFacet) -> np.ndarray:
    """Count the listed images of each group, (labels + 1,) int64; the last has no value."""
    return np.bincount(codes, minlength=len(group.labels) + 1)
