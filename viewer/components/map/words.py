"""The part of the legend in which a visitor types words, and keeps them as a column.

What does not belong here: classifying images by words (`session/workers/words.py`), and the legend's lines.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clipper.insight.classify import join_words
from viewer.components.base import Action
from viewer.dataset.columns.word_column import WORDS
from viewer.dataset.dataset import Dataset
from viewer.dataset.suggestions import suggest_queries
from viewer.session.state import ViewState
from viewer.session.workers.words import MAX_TEXT_LENGTH, WordWorker

# The fields of the state that the view follows.
WORD_FIELDS = ("words", "asked_words", "words_problem", "kept_words", "keep_problem")
HINT = "Type a few words and press Enter. Each image gets the nearest of them, or none."
EXAMPLE_WORDS = 3
MAX_EXAMPLE_LENGTH = 14  # characters of one word
_PLAIN = re.compile(r"[^\W\d_]+( [^\W\d_]+)*")  # letters and spaces
MAX_NAME_LENGTH = 40  # characters of the name that is offered for a column


def word_actions(worker: WordWorker) -> dict[str, Action]:
    """Return the actions of messages with words, and with the name to keep them under."""
    return {
        "words": lambda message: worker.ask(str(message.get("text", ""))[: 2 * MAX_TEXT_LENGTH]),
        "keep": lambda message: worker.keep(str(message.get("name", ""))[:500]),
    }


def words_view(state: ViewState) -> Mapping[str, Any]:
    """Return the words for the page; nothing if something else colours the map."""
    if state.colour != WORDS or WORDS in state.dataset.columns:
        return {}
    busy = f"Looking at {state.dataset.n:,} images …" if state.asked_words else ""
    empty = not state.words and not busy
    kept = f"Kept. “{state.kept_words}” is a column from the next “clipper index” on."
    return {
        "text": join_words(state.asked_words or state.words),
        "hint": HINT if empty else "",
        "example": join_words(example_words(state.dataset)) if empty else "",
        "busy": busy,
        "problem": state.words_problem,
        "name": column_name(state.words) if state.word_column is not None else "",
        "kept": kept if state.kept_words else "",
        "keep_problem": state.keep_problem,
    }


def example_words(dataset: Dataset) -> Sequence[str]:
    """Return a few words of the dataset's own: names of its largest clusters, or words of its metadata."""
    if "example words" not in dataset.cache:
        clusters = dataset.clusters
        names = [clusters.names[row] for row in clusters.column_rows] if clusters is not None else []
        own = [name for name in names if len(name) <= MAX_EXAMPLE_LENGTH and _PLAIN.fullmatch(name)]
        asked = [query["label"] for query in suggest_queries(dataset)]
        own.sort(
            key=lambda name: name != name.lower()
        )  # plain words before names such as of a column's values
        words: dict[str, str] = {}
        for name in asked if len(own) < EXAMPLE_WORDS and asked else own:
            words.setdefault(name.casefold(), name)
        dataset.cache["example words"] = [*words.values()][:EXAMPLE_WORDS]
    found: Sequence[str] = dataset.cache["example words"]
    return found


def column_name(words: Sequence[str]) -> str:
    """Return a name for a column of these words: the words, as many as a name holds."""
    name = ""
    for word in words:
        longer = f"{name} {word}".strip()
        if len(longer) > MAX_NAME_LENGTH:
            break
        name = longer
    return name or words[0][:MAX_NAME_LENGTH].strip()
