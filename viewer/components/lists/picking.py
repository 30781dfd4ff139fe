"""Selects images of a list, one by one, from one to another, or all.

What does not belong here: the keys and clicks that ask for it (`side/pick_cards.js`, `lists/table.js`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.components.map.lasso import apply_in_background, toggle_image
from viewer.dataset.columns.filters import is_member
from viewer.dataset.ranking import Listing
from viewer.session.selection import add_images, clear_selection
from viewer.session.state import ViewState
from viewer.session.steps import AllImages, Listed, Results, SelectionStep, Target

if TYPE_CHECKING:
    from viewer.components.base import Action

MAX_SINGLE = 20  # images of a range that are one step each; more would make a link long
MAX_FIRST = 10_000  # images that are selected from the beginning of a list


class Picker:
    """The actions of a list that selects its images; `rows` returns the listed rows (k,), in their order."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {
            "pick": self._pick, "pick_range": self._pick_range, "select": self._select,
        }  # fmt: skip

    def follow(self, state: ViewState) -> None:
        """Select in a session's state."""
        self._state = state

    def listed_rows(self) -> np.ndarray:
        """Return the rows of the list in view, as far as they are known: (k,) int64."""
        state = self._state
        if state.images is not None:
            return state.images.rows
        return state.answer.rows if state.answer else np.empty(0, np.int64)

    def chosen_ids(self, rows: np.ndarray) -> list[str]:
        """Return the ids of those of some rows (k,) that are selected."""
        selection, ids = self._state.selection, self._state.dataset.atlas.ids
        return [] if selection is None else [ids[row] for row in rows[is_member(rows, selection)]]

    def _pick(self, message: Mapping[str, Any]) -> None:
        """Add an image to the selection, or subtract it."""
        row = self._row(message.get("id"))
        if row is not None:
            toggle_image(self._state, row)

    def _pick_range(self, message: Mapping[str, Any]) -> None:
        """Add all images from one to another to the selection."""
        rows = self.listed_rows()
        ends = [self._row(message.get(end)) for end in ("start", "id")]
        places = [np.flatnonzero(rows == row) for row in ends if row is not None]
        if len(places) == len(ends) and all(map(len, places)):
            first, last = sorted(int(place[0]) for place in places)
            if last - first >= MAX_SINGLE and self._is_plain:
                apply_in_background(self._state, SelectionStep("add", self._at(first, last + 1)), show=False)
                return
            found, selection = rows[first : last + 1], self._state.selection
            new = found if selection is None else found[~is_member(found, selection)]
            add_images(self._state, new.tolist())

    def _select(self, message: Mapping[str, Any]) -> None:
        """Select all images of the list, or none, those that are not selected, or the first `count`."""
        state, what = self._state, message.get("what")
        everything = AllImages("kept" if state.filters else "all")
        if what == "none":
            clear_selection(state)
        elif what == "invert":
            apply_in_background(state, SelectionStep("toggle", everything), show=False)
        elif what == "all":
            target: Target = everything
            if state.answer is not None:
                limits = state.min_similarity, state.max_similarity
                target = Results(Listing(None, *limits, state.fold, state.answer.total))
            apply_in_background(state, SelectionStep("replace", target), show=False)
        elif what == "first" and type(count := message.get("count")) is int and 0 < count <= MAX_FIRST:
            apply_in_background(state, SelectionStep("replace", self._first(count)), show=False)

    def _first(self, count: int) -> Target:
        """Return the first images of the list as it is sorted now, without its groups."""
        state = self._state
        if state.answer is not None and not state.sort:
            return Results(Listing(None, state.min_similarity, state.max_similarity, state.fold, count))
        return self._at(0, count)

    def _at(self, start: int, stop: int) -> Listed:
        """Return the images at some positions of the list as it is sorted now, without its groups."""
        state = self._state
        return Listed(start, stop, state.sort, state.ascending, state.min_similarity, state.max_similarity)

    @property
    def _is_plain(self) -> bool:
        """Whether positions in the list are those of its order alone."""
        state = self._state
        return not (state.group or state.only_selection or (state.fold and not state.sort))

    def _row(self, image_id: object) -> int | None:
        return self._state.dataset.row_of(image_id) if isinstance(image_id, str) else None
