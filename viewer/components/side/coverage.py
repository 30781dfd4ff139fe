"""What is missing: a list of concepts to look for, and how many images of the dataset show each.

What does not belong here: looking for them (`dataset/findings/concepts.py`).
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from clipper.errors import ClipperError
from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.concepts import (
    MAX_TEXT,
    PARTS,
    VOCABULARY,
    Concepts,
    clean_concepts,
    find_concepts,
    known_concepts,
)
from viewer.pools import BASELINE_POOL
from viewer.session.background import failed, in_background
from viewer.session.state import LAYOUT, ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

PAGE_SIZE = 60  # concepts sent at a time
FAILED = "The concepts could not be looked for. The server's log says why."


class CoveragePanel(Component):
    """A field for concepts, and the answer below it; part of the tab of insights."""

    text = param.String(doc="The list in the field.")
    asked = param.Boolean(doc="Whether concepts are looked for.")
    vocabulary = param.Integer(doc="How many words ship with Clipper.")
    looking = param.Boolean(doc="Whether the answer is being worked out.")
    trouble = param.String(doc="Why there is no answer.")
    counts = param.Dict(default={}, doc="How many concepts each part of the answer has; {}: no answer.")
    part = param.Selector(default="missing", objects=list(PARTS), doc="The part that is listed.")
    start = param.Integer(doc="The position of the first of `items` in the part.")
    total = param.Integer(doc="How many concepts the part has.")
    items = param.List(doc="One page of the part.")
    turn = param.Integer(doc="Changes with each page that is sent.")

    script = "side/coverage.js"
    _css = ("components.css", "side/gallery.css", "side/parts.css", "side/coverage.css")

    def follow(self, state: ViewState, view: MapView) -> None:
        """Show the answer about the state's concepts, now and whenever they change."""
        self._state, self._view = state, view
        self._answer: Concepts | None = None
        self._listed = np.empty(0, np.int64)
        self._actions |= {
            "ask": lambda m: self._ask(str(m.get("text", ""))[:MAX_TEXT]),
            "vocabulary": lambda _: self._set(VOCABULARY),
            "again": lambda _: self._update(),
            "clear": lambda _: self._set(""),
            "part": self._choose_part,
            "more": self._more,
            "show": self._show,
        }
        state.param.watch(self._update, ["concepts", "dataset"])
        state.param.watch(self._appear, [*LAYOUT, "finding"])
        self._appear()
        self._update()

    def end(self) -> None:
        """End the session: release the answer."""
        self._answer, self._listed = None, np.empty(0, np.int64)

    def _appear(self, *_events: Any) -> None:
        """Show the section below the cards; look for a link's concepts when it is first seen."""
        self.visible = self._state.shows("insights") and not self._state.finding
        if self.visible:
            self._update()

    def _ask(self, text: str) -> None:
        self._set(VOCABULARY if text.strip() == VOCABULARY else clean_concepts(text))

    def _set(self, text: str) -> None:
        if text == self._state.concepts:
            self._update()
        else:
            self._state.concepts = text

    def _update(self, *_events: Any) -> None:
        state = self._state
        dataset, text = state.dataset, state.concepts
        self.param.update(
            text="" if text == VOCABULARY else text,
            asked=bool(text),
            vocabulary=len(dataset.atlas.vocabulary),
        )
        known = known_concepts(dataset, text) if text else None
        if not text or known is not None:
            self._set_answer(known)
        elif self.visible:
            self.param.update(looking=True, trouble="", counts={})
            work, then = partial(find_concepts, dataset, text), partial(self._found, dataset, text)
            in_background(work, then, pool=BASELINE_POOL)

    def _found(self, dataset: Dataset, text: str, done: "Future[Concepts]") -> None:
        if dataset is not self._state.dataset or text != self._state.concepts:
            return  # another list is looked for by now
        error = done.exception()
        if error is None:
            self._set_answer(done.result())
            return
        known = isinstance(error, ClipperError)
        if not known:
            failed(done, "looking for concepts")
        self._set_answer(None)
        self.trouble = str(error) if known else FAILED

    def _set_answer(self, answer: Concepts | None) -> None:
        if answer is self._answer and answer is not None and not self.looking:
            return
        self._answer = answer
        self.param.update(looking=False, trouble="")
        if answer is None:
            self.counts = {}
            self._list()
            return
        counts = answer.sizes()
        self.param.update(counts=counts, part="missing" if counts["missing"] else "all")
        self._list()

    def _choose_part(self, message: Mapping[str, Any]) -> None:
        if message.get("part") in PARTS:
            self.part = message["part"]
            self._list()

    def _list(self) -> None:
        """List the part from its first concept on."""
        answer = self._answer
        self._listed = np.empty(0, np.int64) if answer is None else answer.part(self.part)
        self._send(0)

    def _send(self, start: int) -> None:
        page = self._listed[start : start + PAGE_SIZE]
        items = [self._item(at) for at in page.tolist()]
        self.param.update(start=start, total=len(self._listed), items=items, turn=self.turn + 1)

    def _item(self, at: int) -> dict[str, Any]:
        answer, dataset = self._answer, self._state.dataset
        assert answer is not None  # else nothing is listed
        row = int(answer.best[at])
        image = dataset.image_ref(row) if row >= 0 else None
        return {
            "at": at,
            "name": answer.names[at],
            "count": int(answer.counts[at]),
            "unsure": bool(answer.unsure[at]),
            "image": image,
        }

    def _more(self, message: Mapping[str, Any]) -> None:
        """Send the concepts that follow those the page has."""
        start = message.get("start")
        if type(start) is int and 0 <= start < len(self._listed):
            self._send(start)

    def _show(self, message: Mapping[str, Any]) -> None:
        """Glide to the nearest image of a concept, and open it."""
        at, answer = message.get("at"), self._answer
        if type(at) is not int or answer is None or not 0 <= at < len(answer.names) or answer.best[at] < 0:
            return
        row = int(answer.best[at])
        self._view.camera.show_images([row])
        self._state.param.update(selected=row, hovered=None, pointed=None)
