"""How an open page comes from one published version to the next, by itself.

Every second the server looks at what is published. Another version is opened and made ready in the
background: what changed, what the queries find in it. Then the browser says when nobody is in the middle of a
movement, and the session's state changes in one step. What cannot be opened is left alone, and told.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn
import param

from clipper.errors import ClipperError
from clipper.query_syntax import format_terms, parse
from viewer.components.base import Component
from viewer.dataset.changes import DatasetChanges, compare_atlases
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset
from viewer.dataset.suggestions import suggest_queries
from viewer.dataset.tag_rows import read_tag_rows
from viewer.dataset.versions import load
from viewer.pools import SEARCH_POOL, VERSION_POOL
from viewer.session.answers import Answer, Upload
from viewer.session.background import in_background
from viewer.session.migration import migrate_terms
from viewer.session.search import error_message, run_query
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

CHECK_INTERVAL = 1000  # milliseconds between two looks

log = logging.getLogger(__name__)
_comparing = threading.Lock()


@dataclass(frozen=True)
class VersionUpdate:
    """All that a session needs to go from the version `before` to another."""

    before: str
    dataset: Dataset
    changes: DatasetChanges
    answers: Mapping[str, Answer | None]
    excuse: str = ""  # why a query could not be answered again
    tags: TagRows = field(default_factory=dict)

    def serves(self, shown: Dataset, texts: Iterable[str]) -> bool:
        """Whether it starts at the version shown, and knows all that was asked."""
        return self.before == shown.version and all(text in self.answers for text in texts)


def prepare_update(
    shown: Dataset,
    *,
    colour: str,
    texts: Sequence[str],
    waiting: VersionUpdate | None = None,
    uploads: Mapping[str, Upload] | None = None,
) -> VersionUpdate | None:
    """The step from the version that is shown to the published one; None where that is the one shown.

    Args:
        shown: the version.
        colour: the column it is coloured by.
        texts: the queries asked so far.
        waiting: a step that was made ready before; it is given back where it still serves.
        uploads: the images that queries have beside those of the dataset, by name.

    Raises:
        ClipperError: what is published cannot be opened.
    """
    dataset = load(shown.atlas.settings.home, colour=colour)
    if dataset.version == shown.version:
        return None
    if waiting and waiting.dataset is dataset and waiting.serves(shown, texts):
        return waiting
    changes = _changes(shown, dataset)
    dataset.colouring(colour)
    suggest_queries(dataset)
    answers: dict[str, Answer | None] = {}
    why = ""
    for text in texts:
        query = format_terms(migrate_terms(parse(text), changes.moved))
        try:
            answers[text] = SEARCH_POOL.submit(run_query, dataset, query, uploads=uploads).result()
        except Exception as error:  # noqa: BLE001 - no query is worth a version: the images of the old one may be gone
            answers[text], why = None, error_message(error)
    tags: TagRows = {}
    with suppress(ClipperError):  # why they cannot be read is said where they are shown
        tags = read_tag_rows(dataset)
    return VersionUpdate(shown.version, dataset, changes, answers, why, tags)


def _changes(shown: Dataset, dataset: Dataset) -> DatasetChanges:
    """What differs; found once for all sessions that come the same way."""
    key = f"changes since {shown.version}"
    with _comparing:
        if key not in dataset.cache:
            dataset.cache[key] = compare_atlases(shown.atlas, dataset.atlas)
    changes: DatasetChanges = dataset.cache[key]
    _ = changes.notable  # counted here rather than while the page waits
    return changes


class Follower(Component):
    """Takes each new version of the dataset for one session; shows nothing."""

    ready = param.String(doc="The version that waits for a quiet moment.")

    script = "page/follower.js"
    _css = ()

    def __init__(self, *, state: ViewState, **params: Any) -> None:
        super().__init__(actions={"take": self._take}, **params)
        self._state = state
        self._looking = False
        self._next: VersionUpdate | None = None
        self._document = pn.state.curdoc
        if self._document is not None:
            self._document.add_periodic_callback(self.look, CHECK_INTERVAL)

    def look(self) -> None:
        """Is there another version? If so, get it ready; while that takes, no second look is begun."""
        state = self._state
        if self._looking or state.dataset is None:
            return
        self._looking = True
        texts = [asked.text for asked in state.history]
        work = partial(
            prepare_update,
            state.dataset,
            colour=state.colour,
            texts=texts,
            waiting=self._next,
            uploads=state.uploads,
        )
        in_background(work, self._looked, pool=VERSION_POOL)

    def _looked(self, done: "Future[VersionUpdate | None]") -> None:
        self._looking = False
        if self._state.dataset is None:
            return
        if (error := done.exception()) is not None:
            self._tell(error)
            return
        self._next = found = done.result()
        self.ready = found.dataset.version if found else ""
        self._state.trouble = ""
        if found and not self._watched():
            self._take({})

    def _tell(self, error: BaseException) -> None:
        """Why no other version is shown; what no person can mend is logged, once."""
        known = isinstance(error, ClipperError)
        if not known and not self._state.trouble:
            log.error("the published version could not be made ready", exc_info=error)
        self._state.trouble = str(error) if known else "something unforeseen; the server's log says what"

    def _watched(self) -> bool:
        """Whether a browser may say that it is quiet; a page that was closed pins no version meanwhile."""
        context = self._document.session_context if self._document else None
        session = getattr(context, "session", None)
        return session is None or session.connection_count > 0

    def _take(self, _message: object) -> None:
        """The moment is quiet. Where a query was asked since, the next look gets ready what is missing."""
        found, self._next = self._next, None
        self.ready = ""
        state = self._state
        if found is None or state.dataset is None:
            return
        if found.serves(state.dataset, [asked.text for asked in state.history]):
            state.adopt(found.dataset, changes=found.changes, answers=found.answers, tags=found.tags)
            state.message = found.excuse or state.message
