"""The model of an atlas, for its queries: loaded when first used, and then kept.

What does not belong here: running a model (`models/encoder.py`, `models/text_tower.py`), and searching
(`atlas/engine.py`).
"""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from clipper.errors import NoTextError, StoreError
from clipper.images.decode_apart import decode_apart
from clipper.insight.words import vocabulary
from clipper.models import reference_texts, text_tower
from clipper.models.families.families import reads_text
from clipper.models.of_atlas import find_made_by
from clipper.models.parts import embed_whole, parts_of
from clipper.models.source import ModelSource
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.snapshots import Snapshot
from clipper.store.staged import Staged

if TYPE_CHECKING:
    import numpy as np

    from clipper.models.encoder import Encoder
    from clipper.models.text_tower import TextTower

# The reference text on which a text tower is verified: one of several words.
PROOF = 1
# More texts than these are embedded faster by the whole model, though it takes seconds to load.
MANY_TEXTS = 200


class QueryEncoder:
    """Embeds queries, texts and images, with one model; threads and versions of an atlas may share it.

    It keeps nothing of the version it was made for, except which model that has.
    """

    def __init__(self, home: Home, snapshot: Snapshot | Staged, settings: Settings) -> None:
        """Load nothing yet."""
        self._home, self._key, self._model = home, snapshot.embeddings, snapshot.model
        self._settings = settings
        self.has_text = reads_text(self._model)
        # Equal for two encoders with the same model, found from the same home and run in the same way.
        self.identity = (self._model["fingerprint"], home.folder, settings.device, settings.dtype)
        self._loading = threading.RLock()

    @property
    def whole(self) -> "Encoder":
        """The whole model.

        Raises:
            ModelError: the model that made the vectors is not found.
        """
        with self._loading:  # a second thread waits until it is loaded
            return self._whole

    @property
    def text(self) -> "TextTower | Encoder":
        """The text tower, which starts fast, if it is verified for this model; otherwise the whole model.

        Raises:
            NoTextError: the model embeds images only.
            ModelError: the model that made the vectors is not found.
        """
        if not self.has_text:
            raise NoTextError(str(self._model["name"]))
        with self._loading:
            return self._text

    @cached_property
    def random_words(self) -> "np.ndarray":
        """The vectors of `reference_texts.RANDOM_WORDS`, kept on this machine: (w, d) float32."""
        return self._words(reference_texts.RANDOM_WORDS, templates=vocabulary.BARE)

    def embed_text(self, text: str) -> "np.ndarray":
        """Embed a text: (d,) float32, L2-normalised."""
        vector: np.ndarray = embed_whole([text], self.text)[0]
        return vector

    def parts(self, text: str) -> int:
        """Return in how many parts a text is embedded: more than one if it is longer than the context."""
        return len(parts_of(text, self.text))

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts: (n, d) float32, rows L2-normalised. The whole model embeds many, in batches."""
        return embed_whole(texts, self.whole if self.has_text and len(texts) > MANY_TEXTS else self.text)

    def word_vectors(self, words: Sequence[str], *, keep: bool = True) -> "np.ndarray":
        """Return the vectors of words: (w, d) float32, rows L2-normalised.

        Args:
            words: any.
            keep: whether they are kept on this machine: few lists are, so not each that somebody types.
        """
        return self._words(words, keep=keep)

    def _words(
        self, words: Sequence[str], *, keep: bool = True, templates: Sequence[str] = vocabulary.TEMPLATES
    ) -> "np.ndarray":
        if not keep:
            return vocabulary.embed_words(words, self.embed_texts, templates)
        fingerprint = str(self._model["fingerprint"])
        return vocabulary.word_vectors(
            words, embed=self.embed_texts, fingerprint=fingerprint, templates=templates
        )

    def embed_image(self, data: bytes, *, limits: Settings) -> "np.ndarray":
        """Embed the bytes of an image file: (d,) float32, L2-normalised.

        Raises:
            BadImageError: the file cannot be decoded, or is over the limits.
        """
        crop, _ = decode_apart(data, limits, transform=self.whole.transform)
        return self._embed_crop(crop)

    def embed_upload(self, data: bytes, *, limits: Settings) -> "tuple[np.ndarray, bytes]":
        """Embed the bytes of an image file, (d,) float32, L2-normalised; return also its thumbnail, WebP.

        Raises:
            BadImageError: the file cannot be decoded, or is over the limits.
        """
        crop, small = decode_apart(data, limits, transform=self.whole.transform)
        return self._embed_crop(crop), small

    def _embed_crop(self, crop: "np.ndarray") -> "np.ndarray":
        import numpy as np

        vector: np.ndarray = self.whole.embed_pixels(np.stack([crop]))[0]
        return vector

    @cached_property
    def _source(self) -> ModelSource:
        return find_made_by(self._model, self._settings)

    @cached_property
    def _whole(self) -> "Encoder":
        from clipper.models.encoder import Encoder

        return Encoder(self._source, device=self._settings.device, dtype=self._settings.dtype)

    @cached_property
    def _text(self) -> "TextTower | Encoder":
        try:
            vector = reference_texts.read(self._home, self._key)[PROOF]
        except StoreError:  # without it the text tower cannot be verified
            return self._whole
        return (
            text_tower.load_verified(self._source, reference_texts.REFERENCE_TEXTS[PROOF], vector)
            or self._whole
        )
