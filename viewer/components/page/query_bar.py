"""The query bar: words with their signs, images as chips. A visitor adds an image by file, clipboard or drop.

What does not belong here: receiving the image (`session/uploads.py`), and the search (`session/search.py`).
"""

import base64
from typing import Any

import param

from clipper.query_syntax import Term, format_terms
from viewer.components.base import Component
from viewer.session.search import image_name
from viewer.session.state import ViewState
from viewer.session.uploads import MAX_BYTES


class QueryBar(Component):
    """One line: the query's images as chips, then its words as text."""

    words = param.String(doc="The words of the query, in written form.")
    images = param.List(doc="The images of the query, see `term_view`.")
    asked = param.Integer(doc="Counts the queries: the words of a new one replace what was typed.")
    note = param.String(doc="In how many parts a text was searched that is longer than the model reads.")
    reading = param.String(doc="The name of the image that is being uploaded or read.")
    most_bytes = param.Integer(default=MAX_BYTES)

    script = "page/query_bar.js"
    _css = ("components.css", "page/query_bar.css")

    def follow(self, state: ViewState) -> None:
        """Show the query of the state, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["terms", "answer", "searching", "unknown"])
        state.param.watch(lambda event: setattr(self, "reading", event.new), "uploading")
        self._update()

    def _update(self, *events: Any) -> None:
        state = self._state
        words = format_terms(term for term in state.terms if not term.like)
        images = [term_view(term, state) for term in state.terms if term.like]
        begun = any(event.name == "searching" and event.new for event in events)
        again = begun or (words, images) != (self.words, self.images)
        self.param.update(words=words, images=images, note=parts_note(state), asked=self.asked + again)


def parts_note(state: ViewState) -> str:
    """Say in how many parts a long text of the query was searched; "" if all are short."""
    in_parts = {} if state.answer is None or state.searching else state.answer.in_parts
    if not in_parts:
        return ""
    parts = next(iter(in_parts.values()))
    return f"A long text: searched in {parts:,} parts, which count by their length."


def term_view(term: Term, state: ViewState) -> dict[str, Any]:
    """Return a term as the page shows it; the page's messages refer to it by `key`."""
    view: dict[str, Any] = {"key": format_terms([term]), "minus": term.minus, "weight": abs(term.weight)}
    if not term.like:
        return {**view, "label": term.text}
    if term.like in state.unknown:
        return {**view, "label": term.like, "problem": state.unknown[term.like]}
    row = state.dataset.row_of(term.like)
    names = {name: upload.name for name, upload in state.uploads.items()}
    view["label"] = image_name(term.like, state.dataset, names)
    if term.like in state.uploads:
        thumbnail = base64.b64encode(state.uploads[term.like].thumbnail).decode()
        return {**view, "picture": f"data:image/webp;base64,{thumbnail}"}
    return {**view, "image": state.dataset.image_ref(row)} if row is not None else view
