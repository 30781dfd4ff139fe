"""A text that is longer than a model's context, in parts that fit.

Embedded each and averaged, weighed by their tokens, they find an image by a long description better than the
beginning of the text does (`benchmarks/long_queries.py`). What does not belong here: the models.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

# Where a text is parted rather: after a sentence, after a clause, between words; within a word if need be.
_BOUNDARIES = (r"(?<=[.!?;:\n])\s+|(?<=[。！？；])", r"(?<=,)\s+|(?<=[、，])", r"\s+")  # noqa: RUF001

_ENDS = 2  # tokens that begin and end a text

CountTokens = Callable[[str], int]


class TextEncoder(Protocol):
    """What embeds texts: the text tower alone, or the whole model."""

    @property
    def context(self) -> int:
        """The most tokens that it reads."""

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, with those that begin and end it."""

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts, cut to the context: (n, d) float32, rows L2-normalised."""


def embed_whole(texts: Sequence[str], encoder: TextEncoder) -> "np.ndarray":
    """Embed texts of any length: (n, d) float32, rows L2-normalised."""
    import numpy as np

    parts = [parts_of(text, encoder) for text in texts]
    if all(len(each) == 1 for each in parts):
        return encoder.embed_texts(texts)
    vectors = encoder.embed_texts([part for each in parts for part, _ in each])
    weights = np.array([count for each in parts for _, count in each], np.float32)
    starts = np.cumsum([0, *(len(each) for each in parts[:-1])])
    summed = np.add.reduceat(vectors * weights[:, None], starts)
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12), np.float32)


def parts_of(text: str, encoder: TextEncoder) -> list[tuple[str, int]]:
    """Return the parts in which a text is embedded, each with its weight; of most texts it is one."""
    if len(text.encode("utf-8", "replace")) + _ENDS <= encoder.context:  # a token has a byte at least
        return [(text, 1)]
    return split(text, encoder.tokens, encoder.context) or [(text, 1)]


def split(text: str, tokens: CountTokens, context: int) -> list[tuple[str, int]]:
    """Split a text into parts, each with its number of tokens, of which none has more than the context.

    Parts are as long as they can be, and end where a sentence, a clause, a word ends, in this order.

    Args:
        text: any.
        tokens: counts the tokens of a text, with those that begin and end each.
        context: the most tokens that the model reads.
    """
    return [(part, tokens(part)) for part in _split(text, tokens, context, 0) if part]


def _split(text: str, tokens: CountTokens, context: int, level: int) -> list[str]:
    if tokens(text) <= context:
        return [text]
    if level == len(_BOUNDARIES):  # one word
        half = len(text) // 2
        if not half:
            return [text]
        return [part for each in (text[:half], text[half:]) for part in _split(each, tokens, context, level)]
    pieces = [piece for piece in re.split(_BOUNDARIES[level], text) if piece]
    parts: list[str] = []
    for piece in pieces:
        joined = f"{parts[-1]} {piece}" if parts else piece
        if parts and tokens(joined) <= context:
            parts[-1] = joined
        else:
            parts += _split(piece, tokens, context, level + 1)
    return parts
