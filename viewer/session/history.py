"""What undo and redo go through: the changes of a session, each with what was before and after it.

Two kinds: a change of the view, which a `Scene` before and after it describes, and a change of tags, which
has an inverse. What does not belong here: noticing changes and making them undone (`workers/undo.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from clipper.query_syntax import format_terms
from clipper.store.tags import Edit
from viewer.dataset.columns.filters import Filters
from viewer.session.answers import Terms
from viewer.session.state import NO_LIMITS, ViewState
from viewer.session.steps import SelectionStep

MAX_CHANGES = 100
MAX_BYTES = 64 << 20  # of the selections that a history holds
MAX_NAMED = 3  # tags in a title
LONGEST = 40  # characters of a query in a title

# Fields of a scene, with the words for a change of them; what is named first names the whole change.
_NAMES = (
    ("axes", "axes"),
    ("colour", "colour"),
    ("words", "your words"),
    ("sort", "order"),
    ("ascending", "order"),
    ("group", "groups"),
    ("min_similarity", "limit of similarity"),
    ("max_similarity", "limit of similarity"),
    ("finding", "finding"),
    ("fold", "folding of copies"),
    ("only_selection", "results within the selection"),
    ("faces", "images on the map"),
    ("names", "names on the map"),
    ("excess", "order of values"),
    ("concepts", "concepts"),
)
SCENE_FIELDS = ["answer", "filters", "steps", "selection", *(name for name, _ in _NAMES)]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a view shows: all that undo brings back. `selection` is rows (k,) int64, None for none.

    The open image, the panels and the part of the map in view are not of it: undo leaves them.
    """

    terms: Terms = ()
    filters: Filters = field(default_factory=dict)
    selection: np.ndarray | None = None
    steps: tuple[SelectionStep, ...] = ()
    rest: dict[str, Any] = field(default_factory=dict)  # the fields of `_NAMES`

    @classmethod
    def of(cls, state: ViewState) -> Self:
        """Return what a state shows."""
        return cls(
            state.shown_terms,
            dict(state.filters),
            state.selection,
            tuple(state.steps),
            {name: getattr(state, name) for name, _ in _NAMES},
        )

    def shows_the_same(self, other: "Scene") -> bool:
        """Whether another scene looks the same."""
        same = self.terms == other.terms and self.filters == other.filters and self.rest == other.rest
        return same and _same_rows(self.selection, other.selection)

    def without_limits(self) -> "Scene":
        """Return the scene with results of any similarity."""
        return replace(self, rest={**self.rest, **NO_LIMITS})

    def with_rows(self, of: Callable[[np.ndarray], np.ndarray]) -> "Scene":
        """Return the scene where its images have other rows: `of` returns those of some rows."""
        rows = None if self.selection is None else of(self.selection)
        return replace(self, selection=rows if rows is not None and len(rows) else None)


@dataclass(frozen=True, eq=False)
class ViewChange:
    """A change of the view."""

    before: Scene
    after: Scene

    @property
    def title(self) -> str:
        """What changed, in words."""
        before, after = self.before, self.after
        if before.terms != after.terms:
            text = format_terms(after.terms)
            return f"search “{_shortened(text)}”" if text else "end of the search"
        if not _same_rows(before.selection, after.selection):
            count = 0 if after.selection is None else len(after.selection)
            return f"selection of {_images(count)}" if count else "end of the selection"
        if before.filters != after.filters:
            columns = [name for name in {**before.filters, **after.filters}
                       if before.filters.get(name) != after.filters.get(name)]  # fmt: skip
            return f"filter on {', '.join(columns)}"
        return next(
            (words for name, words in _NAMES if before.rest.get(name) != after.rest.get(name)), "view"
        )


@dataclass(frozen=True)
class TagChange:
    """A change of tags: what it really changed, in order."""

    edits: tuple[Edit, ...]

    @property
    def title(self) -> str:
        """What changed, in words: each tag, and how many images got or lost it."""
        tags = list(dict.fromkeys(edit.tag for edit in self.edits))
        images = frozenset[bytes]().union(*(edit.images for edit in self.edits))
        named = ", ".join(f"“{_shortened(tag)}”" for tag in tags[:MAX_NAMED])
        more = " …" if len(tags) > MAX_NAMED else ""
        added, removed = (any(edit.adds is way for edit in self.edits) for way in (True, False))
        act = "change of tag" if added and removed else "tag" if added else "removal of tag"
        return f"{act}{'s' if len(tags) > 1 else ''} {named}{more} on {_images(len(images))}"

    def undone(self) -> list[Edit]:
        """Return the changes that take this one back."""
        return [edit.undone() for edit in reversed(self.edits)]


Change = ViewChange | TagChange


class History:
    """The changes of a session, oldest first; those after `at` were undone. The oldest ones are forgotten."""

    def __init__(self, *, most: int = MAX_CHANGES, most_bytes: int = MAX_BYTES) -> None:
        self._changes: list[Change] = []
        self._at = 0
        self._most, self._most_bytes = most, most_bytes

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def to_undo(self) -> Change | None:
        """The change that undo takes back."""
        return self._changes[self._at - 1] if self._at else None

    @property
    def to_redo(self) -> Change | None:
        """The change that redo makes again."""
        return self._changes[self._at] if self._at < len(self._changes) else None

    def record(self, change: Change) -> None:
        """Add a change; what was undone before it cannot be made again."""
        self._changes[self._at :] = [change]
        while len(self._changes) > 1 and (
            len(self._changes) > self._most or self._bytes() > self._most_bytes
        ):
            del self._changes[0]
        self._at = len(self._changes)

    def undo(self) -> Change | None:
        """Step back over a change; return it, None if there is none."""
        change = self.to_undo
        self._at -= change is not None
        return change

    def redo(self) -> Change | None:
        """Step forward over a change that was undone; return it, None if there is none."""
        change = self.to_redo
        self._at += change is not None
        return change

    def selections(self) -> list[np.ndarray]:
        """Return the selections that the changes hold, each once."""
        scenes = [scene for change in self._changes if isinstance(change, ViewChange)
                  for scene in (change.before, change.after)]  # fmt: skip
        found = {id(scene.selection): scene.selection for scene in scenes if scene.selection is not None}
        return list(found.values())

    def change_rows(self, of: Callable[[np.ndarray], np.ndarray]) -> None:
        """Follow the images to another version, where they have other rows."""
        self._changes = [
            ViewChange(change.before.with_rows(of), change.after.with_rows(of))
            if isinstance(change, ViewChange)
            else change
            for change in self._changes
        ]

    def forget_limits(self) -> None:
        """Forget all limits of similarity, and the changes that were of nothing else."""
        changes = [
            ViewChange(change.before.without_limits(), change.after.without_limits())
            if isinstance(change, ViewChange)
            else change
            for change in self._changes
        ]
        stays = [
            isinstance(change, TagChange) or not change.before.shows_the_same(change.after)
            for change in changes
        ]
        self._at = sum(stays[: self._at])
        self._changes = [change for change, still in zip(changes, stays, strict=True) if still]

    def forget_views(self) -> None:
        """Forget the changes of the view; those of tags stay."""
        self._at = sum(isinstance(change, TagChange) for change in self._changes[: self._at])
        self._changes = [change for change in self._changes if isinstance(change, TagChange)]

    def _bytes(self) -> int:
        return sum(rows.nbytes for rows in self.selections())


def rows_in(new: Callable[[str], int | None], ids: Sequence[str], moved: dict[str, str], rows: np.ndarray
            ) -> dict[int, int]:  # fmt: skip
    """Return row -> the row of the same image in another version, for those that are still there.

    Args:
        new: returns the row of an id there.
        ids: of the old version, by row.
        moved: old id -> new id of images that were renamed.
        rows: of the old version.
    """
    found = ((row, new(moved.get(ids[row], ids[row]))) for row in rows.tolist())
    return {row: there for row, there in found if there is not None}


def _same_rows(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
