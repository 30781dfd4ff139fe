"""The words that a page can be searched with, and the images nearest to each: computed when it is exported.

What does not belong here: what a browser does with them (`static/search.js`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from clipper.errors import ClipperError
from clipper.export.formats.dataset import Mapped, Selection
from clipper.text import one_line

if TYPE_CHECKING:
    import numpy as np

TOP = 48  # images of a word
MOST_OWN, MOST_LENGTH = 3_000, 60  # words of the dataset itself, and letters of each
_LEAST = 12  # images of a dataset's own word, also where chance finds as many
_ROWS, _WORDS = 8_192, 1_024  # a block of similarities is 32 MB


class Searchable(Mapped, Protocol):
    """An atlas whose images and words can be compared."""

    @property
    def stored(self) -> Any:
        """The images' vectors, (n, d) float32."""

    @property
    def chance(self) -> Any:
        """What random words find."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """The words that ship with Clipper."""

    def word_vectors(self, words: Sequence[str], /) -> "np.ndarray":
        """Return the vectors of words, (w, d) float32."""

    def coverage(self, concepts: Sequence[str], /) -> Any:
        """Count the images of each concept."""


def nearest_images(atlas: Searchable, selection: Selection) -> "tuple[list[str], list[np.ndarray], str]":
    """Return words, the rows of the images nearest to each, the best first, and why there are none, or "".

    They are the dataset's own words, from its columns and tags, and those of the vocabulary that are truer of
    an image than chance.
    """
    import numpy as np

    own = dataset_words(selection)
    known = set(own)
    # Two lists: the vectors of the vocabulary as a whole are kept on this machine.
    lists = [words for words in (own, atlas.vocabulary) if words]
    if not lists or not len(selection.rows):
        return [], [], ""
    try:
        counts = np.concatenate([atlas.coverage(words).counts for words in lists])
        vectors = np.vstack([atlas.chance.scored(atlas.word_vectors(words)) for words in lists])
    except ClipperError as error:  # the model is elsewhere: names can still be searched
        return [], [], str(error)
    words = [word for some in lists for word in some]
    kept = [at for at, word in enumerate(words) if at < len(own) or (counts[at] > 0 and word not in known)]
    top = _top(atlas.stored, vectors[kept], selection.rows)
    sizes = [min(TOP, max(int(counts[at]), _LEAST if at < len(own) else 0)) for at in kept]
    rows = [found[:size] for found, size in zip(top, sizes, strict=True)]
    return [words[at] for at in kept], rows, ""


def dataset_words(selection: Selection) -> list[str]:
    """Return the values of categories and lists, the commonest first, and the names of clusters."""
    dataset = selection.dataset
    counts: Counter[str] = Counter()
    named = [name for name, one in dataset.columns.items() if one.role in {"category", "list"}]
    for rows in selection.blocks():
        for name in (*named, *([selection.tags_name] if selection.tagged else [])):
            if name in dataset.columns and not dataset.columns[name].type.endswith(("str", "str]")):
                continue
            for labels in selection.labels(name, rows):
                counts.update(labels)
    words = [one_line(word) for word, _ in counts.most_common(2 * MOST_OWN)]
    names = [one_line(name) for name in getattr(dataset, "cluster_names", ())]
    sound = (word for word in [*names, *words] if 1 < len(word) <= MOST_LENGTH)
    return list(dict.fromkeys(word for word in sound if any(c.isalpha() for c in word)))[:MOST_OWN]


def _top(stored: Any, words: "np.ndarray", rows: "np.ndarray") -> "np.ndarray":
    """Return the positions among `rows` of the images with the best scores for each word, (w, TOP) int64."""
    import numpy as np

    best = np.full((len(words), 0), 0.0, np.float32)
    at = np.empty((len(words), 0), np.int64)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        images = np.asarray(stored[part], np.float32)
        found, places = _block(images, words)
        best, at = np.hstack([best, found]), np.hstack([at, places + start])
        order = np.argsort(-best, axis=1, kind="stable")[:, :TOP]
        best, at = np.take_along_axis(best, order, 1), np.take_along_axis(at, order, 1)
    return at


def _block(images: "np.ndarray", words: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the best scores of some images for each word, (w, k) float32, and their positions."""
    import numpy as np

    most = min(TOP, len(images))
    scores, places = np.empty((len(words), most), np.float32), np.empty((len(words), most), np.int64)
    for start in range(0, len(words), _WORDS):
        some = words[start : start + _WORDS] @ images.T
        places[start : start + _WORDS] = np.argpartition(-some, most - 1, axis=1)[:, :most]
        scores[start : start + _WORDS] = np.take_along_axis(some, places[start : start + _WORDS], 1)
    return scores, places
