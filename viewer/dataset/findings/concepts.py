"""Which concepts a dataset shows and which it lacks, worked out once a version for each list of concepts.

What does not belong here: telling whether an image shows a concept (`clipper/insight/coverage.py`), and
showing the answer (`components/side/coverage.py`).
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clipper.insight.classify import parse_words, write_words
from viewer.dataset.dataset import Dataset

VOCABULARY = "vocabulary"  # stands for the words that ship with Clipper, instead of a list
MAX_CONCEPTS, MAX_LENGTH = 10_000, 200  # concepts of a list, and characters of one
MAX_TEXT = 500_000  # characters of a list
_KEPT = 8  # answers that a dataset keeps
_KEY = "concepts"
_lock = threading.Lock()

Part = Literal["missing", "unsure", "there", "all"]
PARTS: tuple[Part, ...] = ("missing", "unsure", "there", "all")


@dataclass(frozen=True)
class Concepts:
    """What a dataset has of each of w concepts, those that are missing most surely first."""

    names: tuple[str, ...]
    counts: np.ndarray  # (w,) int64: images that show it
    unsure: np.ndarray  # (w,) bool: none shows it for sure, but the nearest one may
    best: np.ndarray  # (w,) int64: the row of the nearest image; -1 in a dataset without images

    def part(self, part: Part) -> np.ndarray:
        """Return the concepts of a part, (k,) int64; those with the fewest images are first."""
        there = self.counts > 0
        chosen = {"missing": ~there & ~self.unsure, "unsure": self.unsure, "there": there}
        return np.flatnonzero(chosen.get(part, np.ones(len(there), bool)))

    def sizes(self) -> dict[Part, int]:
        """Return how many concepts each part has."""
        return {part: len(self.part(part)) for part in PARTS}


def clean_concepts(text: str) -> str:
    """Return a list of concepts as links hold it: each once, on one line, and not too many of them."""
    words = [word[:MAX_LENGTH] for word in parse_words(text[:MAX_TEXT])]
    return write_words(words[:MAX_CONCEPTS])


def find_concepts(dataset: Dataset, text: str) -> Concepts:
    """Look for concepts in a dataset; the answers to the latest lists are kept.

    Args:
        dataset: the dataset.
        text: a list that `clean_concepts` returned, or `VOCABULARY`.

    Raises:
        ClipperError: the model cannot be found.
    """
    with _lock:
        known: dict[str, Concepts] = dataset.cache.setdefault(_KEY, {})
        if text in known:
            known[text] = known.pop(text)  # the latest one is the last
            return known[text]
        names = dataset.atlas.vocabulary if text == VOCABULARY else parse_words(text)
        found = _found(dataset, names)
        dataset.cache[_KEY] = dict([*known.items(), (text, found)][-_KEPT:])
        return found


def known_concepts(dataset: Dataset, text: str) -> Concepts | None:
    """Return an answer if it is kept, else None."""
    known: dict[str, Concepts] = dataset.cache.get(_KEY, {})
    return known.get(text)


def _found(dataset: Dataset, names: Sequence[str]) -> Concepts:
    covered = dataset.atlas.coverage(names)
    order = covered.order()
    named = tuple(names[at] for at in order.tolist())
    return Concepts(named, covered.counts[order], covered.unsure[order], covered.best[order])
