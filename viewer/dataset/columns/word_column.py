"""A visitor's own words as a column of a dataset: each image has the nearest of them, or none.

What does not belong here: which word is the nearest (`clipper.insight.classify`), and when images are
classified (`session/workers/words.py`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clipper.insight.classify import Classes
from viewer.dataset.columns.colouring import MISSING, Colouring, LegendEntry
from viewer.dataset.columns.facets import ValueFacet

WORDS = ":words"  # the pseudo-column of a visitor's words
TITLE, NONE_OF_THESE = "Your words", "None of these"


@dataclass(frozen=True, eq=False)
class WordColumn:
    """Words as a column of a dataset; its facet and colours are made once.

    `found` has the word of each row, `order` (n,) int64 the rows in drawing order. There are no more words
    than colours: a word has the colour of its place in the list, so that another one changes no colour.
    """

    words: tuple[str, ...]
    found: Classes
    order: np.ndarray

    @cached_property
    def facet(self) -> ValueFacet:
        """The facet of the words, the commonest first."""
        ranked = np.argsort(-self.found.counts, kind="stable")
        code = np.empty(len(self.words) + 1, np.int32)
        code[ranked], code[-1] = np.arange(len(self.words)), len(self.words)  # the last is of no word, -1
        labels = [self.words[word] for word in ranked.tolist()]
        return ValueFacet(WORDS, labels, code[self.found.words], len(self.found.words), absent=NONE_OF_THESE)

    @cached_property
    def colouring(self) -> Colouring:
        """The colours of images by their words, in the order in which the words were typed."""
        counts = self.found.counts.tolist()
        entries = [
            LegendEntry(word, count, code)
            for code, (word, count) in enumerate(zip(self.words, counts, strict=True))
        ]
        entries.append(LegendEntry(NONE_OF_THESE, self.found.none, MISSING))
        code = np.append(np.arange(len(self.words)), MISSING).astype(np.uint8)
        codes = code[self.found.words[self.order]]
        return Colouring(TITLE, "category", codes, tuple(entries), missing=self.found.none)
