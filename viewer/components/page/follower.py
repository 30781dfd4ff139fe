"""Updates an open page when another version of the dataset is published, by itself.

Every second the server checks which version is published. It opens another one and prepares it in the
background: the changes, and the answers to the queries. Then it waits until the browser reports a pause in
the visitor's movements, and changes the session's state in one step. A version that cannot be opened is not
shown, and the page says why.
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
from viewer.components.base import Component
from viewer.dataset.axes.lay_out import MAP, Around, Asked, lay_out
from viewer.dataset.changes import DatasetChanges, compare_atlases
from viewer.dataset.columns.local_times import UTC_ZONE
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.columns.word_column import WordColumn
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import findings_of
from viewer.dataset.geometry.places import Places
from viewer.dataset.suggestions import suggest_queries
from viewer.dataset.tag_rows import read_tag_rows
from viewer.dataset.versions import load
from viewer.pools import AXES_POOL, SEARCH_POOL, VERSION_POOL, WORD_POOL
from viewer.session.answers import Answer, Terms, Upload
from viewer.session.background import in_background
from viewer.session.migration import migrate_terms
from viewer.session.search import error_message, run_query
from viewer.session.state import ViewState
from viewer.session.version_change import change_version
from viewer.session.workers.words import make_column

if TYPE_CHECKING:
    from concurrent.futures import Future

CHECK_INTERVAL = 1000  # milliseconds

log = logging.getLogger(__name__)
_comparing = threading.Lock()


@dataclass(frozen=True)
class VersionUpdate:
    """All that a session needs to change from the version `before` to another.

    `answers` has the answer to each query in the other version; None: it could not be answered there. For a
    query that had an answer before, `error` says why.
    """

    before: str
    dataset: Dataset
    changes: DatasetChanges
    answers: Mapping[Terms, Answer | None]
    error: str = ""
    tags: TagRows = field(default_factory=dict)
    words: WordColumn | None = None
    axes: Asked = MAP
    laid: Places | None = None

    def applies_to(self, shown: Dataset, queries: Iterable[Terms]) -> bool:
        """Whether it starts at the version shown and has an answer to all these queries."""
        return self.before == shown.version and all(terms in self.answers for terms in queries)


def prepare_update(
    shown: Dataset,
    *,
    colour: str,
    queries: Sequence[Terms],
    unanswered: Sequence[Terms] = (),
    waiting: VersionUpdate | None = None,
    uploads: Mapping[str, Upload] | None = None,
    words: tuple[str, ...] = (),
    axes: Asked = MAP,
    zone: str = UTC_ZONE,
    model: str = "",
) -> VersionUpdate | None:
    """Prepare the update from the version shown to the published one; return None if they are the same.

    A version as another model sees it counts as another, in which no image has changed.

    Args:
        shown: the version shown.
        colour: the column that colours it.
        queries: the queries of the history.
        unanswered: the queries that the model shown has no answer to: another model is asked them.
        waiting: an update prepared before; it is returned if it still applies.
        uploads: the images of queries that are not in the dataset, by name.
        words: what the visitor's images are classified by.
        axes: what they are laid out by.
        zone: on whose clock the times of files are shown.
        model: the model that the visitor chose, "" for the first.

    Raises:
        ClipperError: the published version cannot be opened.
    """
    dataset = load(shown.atlas.settings.home, model=model, colour=colour)
    if (dataset.version, dataset.further_model) == (shown.version, shown.further_model):
        return None
    if dataset.model == shown.model:
        unanswered = ()
    if waiting and waiting.dataset is dataset and waiting.applies_to(shown, (*queries, *unanswered)):
        return waiting
    changes = _changes_between(shown, dataset)
    dataset.colouring(colour)
    suggest_queries(dataset)
    answers: dict[Terms, Answer | None] = {}
    message = ""
    for terms in (*queries, *unanswered):
        renamed = migrate_terms(terms, changes.moved)
        try:
            answers[terms] = SEARCH_POOL.submit(run_query, dataset, renamed, uploads=uploads).result()
        except Exception as error:  # noqa: BLE001 - a query whose image was removed must not block the update
            answers[terms] = None
            said = error_message(error)
            message = said if terms in queries else message
    tags: TagRows = {}
    with suppress(ClipperError):  # the tag worker reports why they cannot be read
        tags = read_tag_rows(dataset)
    with suppress(ClipperError):  # the panel of insights says so
        findings_of(dataset)
    column = None
    with suppress(ClipperError):  # the word worker tries again, and says so
        column = WORD_POOL.submit(make_column, dataset, words).result() if words else None
    laid = None
    with suppress(ClipperError):  # the axes' worker tries again, and says so
        around = Around(tags, column, zone=zone)
        laid = AXES_POOL.submit(lay_out, dataset, axes, around).result() if axes != MAP else None
    return VersionUpdate(shown.version, dataset, changes, answers, message, tags, column, axes, laid)


def _changes_between(shown: Dataset, dataset: Dataset) -> DatasetChanges:
    """Compare two versions, once for all sessions that change between them."""
    if shown.version == dataset.version:
        return DatasetChanges(unchanged=dataset.n)
    key = f"changes since {shown.version}"
    with _comparing:
        if key not in dataset.cache:
            dataset.cache[key] = compare_atlases(shown.atlas, dataset.atlas)
    changes: DatasetChanges = dataset.cache[key]
    _ = changes.notable  # computed here, not while the page waits
    return changes


class Follower(Component):
    """Updates one session to each new version of the dataset; shows nothing."""

    ready = param.String(doc="The version that waits for a pause.")

    script = "page/follower.js"
    _css = ()

    def __init__(self, *, state: ViewState, **params: Any) -> None:
        super().__init__(actions={"take": self._update}, **params)
        self._state = state
        self._checking = False
        self._waiting: VersionUpdate | None = None
        self._document = pn.state.curdoc
        state.param.watch(self._follow_choice, "model")
        if self._document is not None:
            self._document.add_periodic_callback(self.check, CHECK_INTERVAL)

    def _follow_choice(self, _event: object) -> None:
        """Prepare the map of the model that the visitor chose, unless it is the one in view."""
        dataset = self._state.dataset
        if dataset is not None and self._state.model != dataset.further_model:
            self.check()

    def check(self) -> None:
        """Prepare an update if another version is published; do nothing while a check is under way.

        It waits for the page: Panel drops a change that comes after the browser asked for the page's state
        and before the page says that it has loaded. We know of no upstream issue.
        """
        state = self._state
        if self._checking or state.dataset is None or not pn.state.loaded:
            return
        self._checking = True
        queries = [answer.terms for answer in state.history]
        work = partial(
            prepare_update, state.dataset, colour=state.colour, queries=queries,
            unanswered=[query.terms for query in state.unanswered], waiting=self._waiting,
            uploads=state.uploads, words=state.words, axes=state.axes, zone=state.zone, model=state.model,
        )  # fmt: skip
        in_background(work, partial(self._checked, state.model), pool=VERSION_POOL)

    def _checked(self, model: str, done: "Future[VersionUpdate | None]") -> None:
        self._checking = False
        if self._state.dataset is None:
            return
        if self._state.model != model:  # the visitor chose another meanwhile
            self.check()
            return
        if (error := done.exception()) is not None:
            self._report(error)
            return
        self._waiting = found = done.result()
        self.ready = found.dataset.version if found else ""
        self._state.load_error = ""
        asked = found is not None and found.dataset.further_model != self._state.dataset.further_model
        if found and (asked or not self._has_browser()):  # a visitor waits for the other model
            self._update({})

    def _report(self, error: BaseException) -> None:
        """Show why no other version is shown; log an error that no person can fix, once."""
        known = isinstance(error, ClipperError)
        if not known and not self._state.load_error:
            log.error("the published version could not be prepared", exc_info=error)
        said = str(error) if known else "an unexpected error; the server's log has it"
        shown = self._state.dataset.further_model
        if self._state.model != shown:  # the next check, of the model in view, must not take the reason away
            self._state.param.update(message=said, model=shown)
        else:
            self._state.load_error = said

    def _has_browser(self) -> bool:
        """Whether a browser can report a pause; a closed page need not keep an old version in memory."""
        context = self._document.session_context if self._document else None
        session = getattr(context, "session", None)
        return session is None or session.connection_count > 0

    def _update(self, _message: object) -> None:
        """Apply the update in a pause; if a query was asked since, the next check prepares its answer."""
        update, self._waiting = self._waiting, None
        self.ready = ""
        state = self._state
        if update is None or state.dataset is None:
            return
        is_other_model = update.dataset.model != state.dataset.model
        queries = state.queries if is_other_model else state.history
        if update.applies_to(state.dataset, [query.terms for query in queries]):
            change_version(
                state,
                update.dataset,
                changes=update.changes,
                answers=update.answers,
                tags=update.tags,
                words=update.words,
                laid=update.laid if update.axes == state.axes else None,
            )
            state.message = update.error or state.message
            if state.model not in update.dataset.atlas.models[1:]:  # the first now, or the atlas has lost it
                state.model = ""
