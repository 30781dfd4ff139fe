"""The query bar: words with their signs, images as chips; an image is brought by file, clipboard or drop."""

import base64
from typing import Any

import param

from clipper.query_syntax import Term, format_terms
from viewer.components.base import Component
from viewer.session.search import image_name
from viewer.session.state import ViewState
from viewer.session.uploads import MAX_BYTES


class QueryBar(Component):
    """One line. Its words are the query's text; what images it has stands in front of them."""

    words = param.String(doc="The words as they are written.")
    images = param.List(doc="The images asked for, as `term_view` gives them.")
    asked = param.Integer(doc="Counts the queries: another one's words replace what was typed.")
    reading = param.String(doc="The name of the image that is on its way.")
    most_bytes = param.Integer(default=MAX_BYTES)

    script = "page/query_bar.js"
    _css = ("components.css", "page/query_bar.css")

    def follow(self, state: ViewState) -> None:
        """Show what is asked, now and whenever it changes."""
        self._state = state
        state.param.watch(self._update, ["asked", "answer", "searching"])
        state.param.watch(lambda event: setattr(self, "reading", event.new), "reading")
        self._update()

    def _update(self, *events: Any) -> None:
        state = self._state
        words = format_terms(term for term in state.asked if not term.like)
        images = [term_view(term, state) for term in state.asked if term.like]
        begun = any(event.name == "searching" and event.new for event in events)
        again = begun or (words, images) != (self.words, self.images)
        self.param.update(words=words, images=images, asked=self.asked + again)


def term_view(term: Term, state: ViewState) -> dict[str, Any]:
    """A term as the page shows it; `key` is what its messages name it by."""
    shown: dict[str, Any] = {"key": format_terms([term]), "minus": term.minus, "weight": abs(term.weight)}
    if not term.like:
        return {**shown, "label": term.text}
    row = state.dataset.row_of(term.like)
    names = {name: upload.name for name, upload in state.uploads.items()}
    shown["label"] = image_name(term.like, state.dataset, names)
    if term.like in state.uploads:
        small = base64.b64encode(state.uploads[term.like].thumbnail).decode()
        return {**shown, "picture": f"data:image/webp;base64,{small}"}
    return {**shown, "image": state.dataset.image_ref(row)} if row is not None else shown
