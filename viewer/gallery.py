"""The panel beside the map: ranked results; before the first search, what could be asked."""

import heapq
from typing import Any

import numpy as np
import pandas as pd
import param

from viewer.component import Component, script
from viewer.data import Dataset
from viewer.state import ViewState

SAMPLE = 24
SUGGESTIONS = 8
LONGEST_SUGGESTION = 22


class Gallery(Component):
    """The panel's contents. What a person clicks arrives as messages."""

    items = param.List()
    history = param.List()
    suggestions = param.List()
    query = param.String()
    message = param.String()
    searching = param.Boolean()
    milliseconds = param.Integer()
    total = param.Integer()
    selected = param.String(doc="The id of the image that is open.")

    _esm = script("gallery.js")
    _css = ("components.css", "gallery.css")

    def follow(self, state: ViewState) -> None:
        """Show what the state says, now and whenever it changes."""
        seen = ["answer", "history", "searching", "message", "dataset", "selected", "kept", "tab"]
        state.param.watch(self._update, seen)
        self._state = state
        self._update()

    def _update(self, *_events: Any) -> None:
        state, answer = self._state, self._state.answer
        dataset = state.dataset
        self.visible = state.tab == "results"
        self.param.update(
            items=results(state) if answer else sample(dataset, state.kept),
            history=[old.text for old in state.history],
            query=answer.text if answer else "",
            milliseconds=round(answer.seconds * 1000) if answer else 0,
            suggestions=suggestions(dataset),
            searching=state.searching,
            message=state.message,
            total=state.passing,
            selected="" if state.selected is None else dataset.atlas.ids[state.selected],
        )


def results(state: ViewState) -> list[dict[str, Any]]:
    """The current answer as cards, best first."""
    rows, scores = state.ranked
    ranked = zip(rows.tolist(), scores.tolist(), strict=True)
    return [{**state.dataset.named(row), "similarity": score} for row, score in ranked]


def sample(dataset: Dataset, kept: np.ndarray | None = None) -> list[dict[str, Any]]:
    """A few images at random: the same for every visitor, and in every version that has them."""
    if kept is not None:
        at = np.flatnonzero(kept[dataset.index.order])
        first = at[np.argsort(dataset.priority[at], kind="stable")[:SAMPLE]]
        return [dataset.named(int(row)) for row in dataset.index.order[first]]
    if "sample" not in dataset.remembered:
        hashes = dataset.atlas.hashes
        rows = heapq.nsmallest(SAMPLE, range(dataset.n), key=hashes.__getitem__)
        dataset.remembered["sample"] = [dataset.named(row) for row in rows]
    return list(dataset.remembered["sample"])


def suggestions(dataset: Dataset) -> list[str]:
    """Words worth searching for: values that several images share, then names of single images."""
    if "suggestions" not in dataset.remembered:
        shared = _shared_words(dataset)
        names = [item["label"] for item in sample(dataset)]
        spoken = [name.replace("-", " ").replace("_", " ") for name in names if _speakable(name)]
        most = 3 * SUGGESTIONS // 4
        mixed = [*shared[:most], *spoken[: SUGGESTIONS - most], *shared[most:], *spoken]
        dataset.remembered["suggestions"] = list(dict.fromkeys(mixed))[:SUGGESTIONS]
    return dataset.remembered["suggestions"]


def _speakable(text: str) -> bool:
    return 2 < len(text) <= LONGEST_SUGGESTION and not any(c.isdigit() for c in text)  # noqa: PLR2004 - shorter says nothing


def _shared_words(dataset: Dataset) -> list[str]:
    """The commonest items of list columns (keywords), else the commonest values of categories."""
    points, columns = dataset.atlas.points, dataset.atlas.columns
    lists = [name for name, column in columns.items() if column.type == "list[str]" and name in points]
    if lists:
        values = pd.Series([item for cell in points[lists[0]].dropna() for item in cell], dtype=object)
    else:
        name = dataset.first_colour
        values = points[name].dropna().astype(str) if name else pd.Series([], dtype=object)
    counts = values.value_counts()
    fitting = counts[(counts >= 3) & (counts <= max(3, 0.06 * dataset.n))]  # noqa: PLR2004 - neither rare nor everywhere
    words = [str(word) for word in fitting.index if _speakable(str(word))]
    seen = {str(name).lower() for name in points["name"]} if "name" in points else set()
    named = [word for word in words if word.lower() in seen]  # shared, and what a single image shows
    wanted = named or words
    return wanted[:: max(1, len(wanted) // SUGGESTIONS)]
