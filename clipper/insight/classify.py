"""Your own words: each image gets the nearest of a few words, or none of them.

What does not belong here: what is near by chance (`insight/chance.py`), and embedding the words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipper.insight.chance import (
    FALSE_SHARE,
    Chance,
    Vectors,
    bin_of,
    blocks,
    count_tails,
    edge,
    measure_chance,
    thresholds,
)
from clipper.projection.neighbors import one_blas_thread
from clipper.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

NONE = -1
# What people write for none of the words; it is always among the answers.
_NONE_WORDS = frozenset({"none", "none of these", "none of them", "none of the above"})
# A word in quotes, which may hold commas, or anything up to a comma: also Chinese, Japanese and Arabic ones.
_ITEM = re.compile(r'\s*(?:"((?:[^"\n]|"")*)"\s*(?=[,，、،;\n]|$)|([^,，、،;\n]*))(?:[,，、،;\n]|$)')  # noqa: RUF001
_QUOTE = '"'
_PLAIN = re.compile(r'[^,，、،;\n"]+')  # noqa: RUF001

_QUOTED = re.compile(r'^"|[,，、،;]')  # noqa: RUF001 - what a word is in quotes for


@dataclass(frozen=True)
class Classes:
    """The nearest word of each of n images."""

    words: "np.ndarray"  # (n,) int32: the number of the word, or NONE
    # (n,) float32: how much nearer the word is than the next word, or than chance. Below 0 for none: by how
    # much the nearest word fails.
    margins: "np.ndarray"
    counts: "np.ndarray"  # (w,) int64: the images of each word

    @property
    def none(self) -> int:
        """The number of images that none of the words fits."""
        return len(self.words) - int(self.counts.sum())


def split_words(text: str) -> list[str]:
    """Read a typed list: words between commas, semicolons or line ends, in order, also if one is there twice.

    Quotes keep a comma: `"black, white", cat`. "None of these" is left out.
    """
    items = _ITEM.findall(clean(text))
    words = [" ".join((quoted.replace('""', '"') or plain).split()) for quoted, plain in items]
    return [word for word in words if word and word.casefold() not in _NONE_WORDS]


def join_words(words: Sequence[str], *, comma: str = ", ") -> str:
    """Write a list as `split_words` reads it: words with a comma or a quote in them get quotes."""
    return comma.join(
        word if _PLAIN.fullmatch(word) else f'"{word.replace(_QUOTE, 2 * _QUOTE)}"' for word in words
    )


def parse_words(text: str) -> list[str]:
    """Read a typed list, each word once, in its first spelling: capitals make no difference."""
    words: dict[str, str] = {}
    for word in split_words(text):
        words.setdefault(word.casefold(), word)
    return list(words.values())


def write_words(words: "Iterable[str]") -> str:
    """Write a list as a person types it, so that `parse_words` reads the same words."""
    return ", ".join(
        f'"{word.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(word) else word for word in words
    )


def classify(
    vectors: Vectors,
    words: "np.ndarray",
    chance: "Chance | np.ndarray",
    *,
    level: float = float("-inf"),
    false_share: float = FALSE_SHARE,
) -> Classes:
    """Give each image the nearest of the words, if that is nearer than chance and as near as a match is.

    Args:
        vectors: (n, d) float32, rows L2-normalised, of images; they are read twice, in blocks.
        words: (w, d) float32, rows L2-normalised. Of equal ones the first gets the images.
        chance: what random words find among these images, from `measure_chance`; or (r, d) float32, rows
            L2-normalised, of words about no dataset in particular, to measure it.
        level: the least score of a match, from `chance.match_level`: without it, images that only resemble
            what a word means get the word too.
        false_share: of a word's images, the share that chance may have found.

    Raises:
        ValueError: there are too few random words.
    """
    import numpy as np

    n = len(vectors)
    if not len(words):
        return Classes(np.full(n, NONE, np.int32), np.full(n, -1.0, np.float32), np.zeros(0, np.int64))
    if not isinstance(chance, Chance):
        chance = measure_chance(vectors, chance)
    scored = chance.scored(words)
    tails = count_tails(vectors, scored, first=chance.least_bin(n, false_share))
    least = thresholds(tails, chance, false_share=false_share)
    least = np.maximum(least, bin_of(np.asarray(level, np.float32)))
    labels, margins = np.empty(n, np.int32), np.empty(n, np.float32)
    with one_blas_thread():
        for start, images in blocks(vectors):
            part = slice(start, start + len(images))
            labels[part], margins[part] = _label(images @ scored.T, least)
    return Classes(labels, margins, np.bincount(labels[labels >= 0], minlength=len(words)).astype(np.int64))


def _label(scores: "np.ndarray", least: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Choose the nearest word by (b, w) scores: (b,) int64 or NONE, and (b,) float32 margins."""
    import numpy as np

    nearest = scores.argmax(axis=1)
    score = np.take_along_axis(scores, nearest[:, None], axis=1)[:, 0]
    near = bin_of(score) >= least[nearest]
    margin = score - edge(least[nearest])
    if scores.shape[1] > 1:
        next_best = np.partition(scores, -2, axis=1)[:, -2]
        margin = np.where(near, np.minimum(margin, score - next_best), margin)
    # Rounding may put a score a hair on the other side of the bin's edge.
    return np.where(near, nearest, NONE), np.where(near, margin.clip(0.0), margin.clip(max=0.0))
