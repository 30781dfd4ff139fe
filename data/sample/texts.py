"""The texts a model is trained on: which there are, and to which pictures each of them applies.

Names, keywords, pairs of keywords and kinds, bare or in a sentence. Knows no tokens and no tensors of
pictures.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.sample.catalogue import Emoji

PROMPTS = (
    "a photo of {}",
    "a photo of a {}",
    "a picture of {}",
    "a picture of a {}",
    "a drawing of {}",
    "a drawing of a {}",
    "an emoji of {}",
    "an icon of a {}",
    "an image that shows {}",
    "this is {}",
    "the {}",
    "a {}",
    "{} emoji",
    "{} icon",
    "{} picture",
)
_PAIRS = ("{} {}", "{}, {}", "{} and {}", "{} with {}")
_PROMPT_SHARE = 0.35
_WORDS_ONLY = re.compile(r"[^\w\s&'#*-]+")

Applies = NDArray[np.bool_]


class TextSampler:
    """Draws texts for pictures, and tells to which of all pictures each text applies."""

    def __init__(self, catalogue: Sequence[Emoji]) -> None:
        """Index every name, keyword, group and subgroup of the catalogue."""
        self._catalogue = catalogue
        self._meaning: dict[str, Applies] = {}
        for index, emoji in enumerate(catalogue):
            for term in (emoji.name, *emoji.keywords, *self._kinds(emoji)):
                applies = self._meaning.setdefault(term, np.zeros(len(catalogue), dtype=bool))
                applies[index] = True

    def corpus(self) -> list[str]:
        """Give every term, bare and in each sentence, for a tokenizer to learn from."""
        terms = list(self._meaning)
        return terms * 4 + [prompt.format(term) for term in terms for prompt in PROMPTS]

    def draw(self, index: int, random: np.random.Generator) -> tuple[str, Applies]:
        """Draw one text for the picture at `index`, and the `(pictures,) bool` it applies to."""
        emoji = self._catalogue[index]
        choice = random.random()
        if choice < 0.56 or not emoji.keywords:
            # "man" is a keyword of a hundred pictures and the name of one: as a name it means that.
            text = self._reword(emoji.name, random)
            applies = np.arange(len(self._catalogue)) == index
        elif choice < 0.82:
            text = str(random.choice(emoji.keywords))
            applies = self._meaning[text]
        elif choice < 0.95:
            text, applies = self._pair(emoji, random)
        else:
            text = str(random.choice(self._kinds(emoji)))
            applies = self._meaning[text]
        if random.random() < _PROMPT_SHARE:
            text = PROMPTS[int(random.integers(len(PROMPTS)))].format(text)
        return text, applies

    def _pair(self, emoji: Emoji, random: np.random.Generator) -> tuple[str, Applies]:
        """Join two terms of one emoji; the text applies where both do."""
        terms = list(dict.fromkeys((*emoji.keywords, *self._kinds(emoji))))
        first, second = (str(term) for term in random.choice(terms, 2, replace=False))
        form = _PAIRS[int(random.integers(len(_PAIRS)))]
        return form.format(first, second), self._meaning[first] & self._meaning[second]

    @staticmethod
    def _kinds(emoji: Emoji) -> tuple[str, str]:
        """Give the group and the subgroup as words: `food & drink`, `animal mammal`."""
        return emoji.group.lower(), emoji.subgroup.replace("-", " ")

    @staticmethod
    def _reword(name: str, random: np.random.Generator) -> str:
        """Leave a name as it is, or say it as a person might: `japan flag`, no punctuation."""
        choice = random.random()
        if choice < 0.7:
            return name
        before, colon, after = name.partition(": ")
        if not colon:
            return _WORDS_ONLY.sub("", name)
        return f"{after} {before}" if choice < 0.85 else f"{before} of {after}"
