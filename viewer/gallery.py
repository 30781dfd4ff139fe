"""The panel beside the map: ranked results, or before the first search what could be asked and some of the images."""

from typing import Any

import numpy as np
import pandas as pd
import param

from viewer.component import Component, script
from viewer.data import SEED, Dataset
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
    selected = param.Integer(default=None, allow_None=True)
    version = param.String()

    _esm = script("gallery.js")
    _css = ("components.css", "gallery.css")

    def follow(self, state: ViewState) -> None:
        """Show what the state says, now and whenever it changes."""
        state.param.watch(self._update, ["answer", "history", "searching", "message", "dataset"])
        state.param.watch(lambda event: setattr(self, "selected", event.new), "selected")
        self._state = state
        self._update()

    def _update(self, *_events: Any) -> None:
        state, answer = self._state, self._state.answer
        dataset = state.dataset
        self.param.update(
            items=results(state) if answer else sample(dataset),
            history=[old.text for old in state.history],
            query=answer.text if answer else "",
            milliseconds=round(answer.seconds * 1000) if answer else 0,
            suggestions=suggestions(dataset),
            searching=state.searching,
            message=state.message,
            total=dataset.n,
            version=dataset.version,
        )


def results(state: ViewState) -> list[dict[str, Any]]:
    """The current answer as cards, best first."""
    answer = state.answer
    return [
        {"id": state.dataset.atlas.ids[row], "row": int(row), "label": state.dataset.label(int(row)), "similarity": float(score)}
        for row, score in zip(answer.rows, answer.similarity, strict=True)
    ]  # fmt: skip


def sample(dataset: Dataset) -> list[dict[str, Any]]:
    """A few images from all over the map, the same for every visitor."""
    n = min(SAMPLE, dataset.n)
    places = np.linspace(0, dataset.n - 1, n).astype(int) if n else []
    rows = np.random.default_rng(SEED).permutation(dataset.index.order[places]) if n else []
    return [
        {"id": dataset.atlas.ids[row], "row": int(row), "label": dataset.label(int(row))}
        for row in rows
    ]


def suggestions(dataset: Dataset) -> list[str]:
    """Words worth searching for: values that several images share, then names of single images."""
    if "suggestions" not in dataset.remembered:
        shared = _shared_words(dataset)
        names = [item["label"] for item in sample(dataset)]
        spoken = [name.replace("-", " ").replace("_", " ") for name in names if _speakable(name)]
        half = SUGGESTIONS // 2
        mixed = [*shared[:half], *spoken[:half], *shared[half:], *spoken[half:]]
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
    return [str(word) for word in fitting.index[: 6 * SUGGESTIONS : 6] if _speakable(str(word))]
