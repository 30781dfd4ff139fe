"""What an explorer of a notebook reads and does in its page: the selection, the results, a search.

A page of an explorer has its key in the address (`?explorer=`). What does not belong here: how Python asks
(`server/explorer_route.py`).
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import panel as pn
from bokeh.document import Document

from clipper.query_syntax import format_terms
from viewer.compat import Arrived
from viewer.dataset.dataset import Dataset
from viewer.pools import SELECT_POOL
from viewer.session.background import when_loaded
from viewer.session.search import Searcher
from viewer.session.state import ViewState

KEY = r"[A-Za-z0-9_-]{1,40}"
USED = ("selection", "answer", "searching", "filters", "selected", "panel")  # what a visitor changes

SEARCH_SECONDS = 100.0  # the first search loads the model
NO_PAGE = {
    "open": False,
    "version": "",
    "model": "",
    "query": "",
    "selection": [],
    "results": [],
    "similarity": [],
}

_pages: "dict[str, list[OpenPage]]" = {}  # the one used last comes last; only the event loop changes them


class OpenPage:
    """A page of an explorer: its state and its searches, in its document."""

    def __init__(self, key: str, state: ViewState, searcher: Searcher, document: Document) -> None:
        self.key, self.state, self.searcher, self.document = key, state, searcher, document
        # A request for a page is none yet: a browser may refuse to show it.
        document.on_event(Arrived, lambda _event: self._arrived())
        state.param.watch(lambda *_events: self._used(), list(USED))

    def end(self) -> None:
        """Forget the page."""
        pages = [page for page in _pages.pop(self.key, []) if page is not self]
        if pages:
            _pages[self.key] = pages

    def _arrived(self) -> None:
        """Count the page, whose browser has come, as the one used last."""
        if self.state.dataset is not None:
            self.end()
            _pages.setdefault(self.key, []).append(self)

    def _used(self) -> None:
        pages = _pages.get(self.key, [])
        if self in pages and pages[-1] is not self:
            pages.remove(self)
            pages.append(self)


def register_page(state: ViewState, searcher: Searcher) -> OpenPage | None:
    """Register the page that is being made, if it belongs to an explorer."""
    key = explorer_key(pn.state.session_args or {})
    document = pn.state.curdoc
    return OpenPage(key, state, searcher, document) if key and document is not None else None


def explorer_key(arguments: Mapping[str, Sequence[Any]]) -> str:
    """Return the key in the arguments of a page's address; "" if there is none, or no valid one."""
    given = [*arguments.get("explorer", ())]
    text = given[0].decode("ascii", "replace") if given and isinstance(given[0], bytes) else ""
    return text if re.fullmatch(KEY, text) else ""


def latest_page(key: str) -> OpenPage | None:
    """Return the page of an explorer that was opened or used last; None if none is open."""
    pages = _pages.get(key)
    return pages[-1] if pages else None


async def shown(page: OpenPage) -> dict[str, Any]:
    """Return what a page shows: ids of the selected images in the dataset's order, and of the results."""
    state = page.state
    dataset, answer, selection = state.dataset, state.answer, state.selection
    if dataset is None:
        return NO_PAGE
    loop = asyncio.get_running_loop()
    selected = await loop.run_in_executor(SELECT_POOL, partial(ids_of, dataset, selection))
    return {
        "open": True,
        "version": dataset.version,
        "model": dataset.atlas.model,
        "query": format_terms(state.terms),
        "selection": selected,
        "results": ids_of(dataset, None if answer is None else answer.rows),
        "similarity": [] if answer is None else np.asarray(answer.similarity, float).tolist(),
    }


def ids_of(dataset: Dataset, rows: np.ndarray | None) -> list[str]:
    """Return the ids of rows (k,)."""
    ids = dataset.atlas.ids
    return [] if rows is None else [ids[row] for row in rows.tolist()]


async def search(page: OpenPage, text: str) -> str:
    """Search for a text as the page's visitor would; return why there is no answer, or "".

    A page that has not loaded yet opens first what its address says.
    """
    state, ended = page.state, asyncio.Event()

    def look(*_events: Any) -> None:
        if not state.searching:
            ended.set()

    def ask() -> None:
        if given_up:
            return
        page.searcher.ask(text)
        watchers.append(state.param.watch(look, "searching"))
        look()

    watchers: list[Any] = []
    given_up = False
    page.document.add_next_tick_callback(partial(when_loaded, ask))
    try:
        await asyncio.wait_for(ended.wait(), SEARCH_SECONDS)
    except TimeoutError:
        return "the page has no answer yet"
    finally:
        given_up = True
        for watcher in watchers:
            state.param.unwatch(watcher)
    return str(state.message)
