"""Suggestions before the first search: words of the dataset's metadata, and a sample of its images.

What does not belong here: showing them (`components/side/gallery.py`).
"""

import heapq
from typing import Any

import numpy as np
import pandas as pd

from clipper.query_syntax import Term, format_terms
from viewer.dataset.columns.colouring import default_colour_column
from viewer.dataset.columns.ordering import SortKey
from viewer.dataset.dataset import Dataset

SAMPLE_SIZE = 24
MAX_SUGGESTIONS = 8
MAX_SUGGESTION_LENGTH = 22


def sample_images(dataset: Dataset, kept: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Return a few random images: the same for each visitor, and in each version that has them."""
    if kept is not None:
        at = np.flatnonzero(kept[dataset.index.order])
        first = at[np.argsort(dataset.priority[at], kind="stable")[:SAMPLE_SIZE]]
        return [dataset.image_ref(int(row)) for row in dataset.index.order[first]]
    if "sample" not in dataset.cache:
        hashes = dataset.atlas.hashes
        rows = heapq.nsmallest(SAMPLE_SIZE, range(dataset.n), key=hashes.__getitem__)
        dataset.cache["sample"] = [dataset.image_ref(row) for row in rows]
    return list(dataset.cache["sample"])


def suggest_queries(dataset: Dataset) -> list[dict[str, str]]:
    """Suggest queries: values that several images share, then names of single images.

    None if the model embeds images only.

    Returns:
        For each, the `text` of the query and its `label`.
    """
    if not dataset.atlas.has_text:
        return []
    if "suggestions" not in dataset.cache:
        shared = _shared_words(dataset)
        names = [item["label"] for item in sample_images(dataset)]
        spoken = [name.replace("-", " ").replace("_", " ") for name in names if _speakable(name)]
        most = 3 * MAX_SUGGESTIONS // 4
        mixed = [*shared[:most], *spoken[: MAX_SUGGESTIONS - most], *shared[most:], *spoken]
        dataset.cache["suggestions"] = [
            {"text": format_terms([Term(text=" ".join(words.split()))]), "label": words}
            for words in list(dict.fromkeys(mixed))[:MAX_SUGGESTIONS]
        ]
    return list(dataset.cache["suggestions"])


def _speakable(text: str) -> bool:
    return 2 < len(text) <= MAX_SUGGESTION_LENGTH and not any(c.isdigit() for c in text)  # noqa: PLR2004 - shorter says nothing


def _shared_words(dataset: Dataset) -> list[str]:
    """Return the commonest items of the first list column (keywords), or values of the first category."""
    points, columns = dataset.atlas.points, dataset.atlas.columns
    lists = [name for name, column in columns.items() if column.type == "list[str]" and name in points]
    if lists:
        values = pd.Series([item for cell in points[lists[0]].dropna() for item in cell], dtype=object)
    else:
        name = default_colour_column(list(dataset.columns.values()))
        values = points[name].dropna().astype(str) if name else pd.Series([], dtype=object)
    counts = values.value_counts()
    fitting = counts[(counts >= 3) & (counts <= max(3, 0.06 * dataset.n))]  # noqa: PLR2004 - neither rare nor common
    words = [str(word) for word in fitting.index if _speakable(str(word))]
    seen = {str(name).lower() for name in points["name"]} if "name" in points else set()
    named = [word for word in words if word.lower() in seen]  # words that are also the name of an image
    wanted = named or words
    return wanted[:: max(1, len(wanted) // MAX_SUGGESTIONS)]


def mixture(dataset: Dataset) -> SortKey:
    """Return what sorts images as a mixture: a pseudo-random number each, the same in every version."""
    if "mixture" not in dataset.cache:
        dataset.cache["mixture"] = SortKey(dataset.priority[dataset.index.rank])
    found: SortKey = dataset.cache["mixture"]
    return found
