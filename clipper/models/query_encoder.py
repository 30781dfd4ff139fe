"""The model that made a version's vectors, for its queries: loaded when first asked for, and then kept.

What does not belong here: running a model (`models/clip.py`, `models/text_tower.py`), and what a vector is
asked for (`atlas/engine.py`).
"""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from clipper.errors import ModelError, StoreError
from clipper.images.decode_apart import decode_apart
from clipper.models import reference_texts, text_tower
from clipper.models import source as model_files
from clipper.models.source import ModelSource
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.snapshots import Snapshot

if TYPE_CHECKING:
    import numpy as np

    from clipper.models.clip import Clip
    from clipper.models.text_tower import TextTower

# The probe on which a text encoder proves itself: one of several words.
PROOF = 1


class QueryEncoder:
    """One model's, for texts and for images; several threads and several versions may use the same.

    It keeps nothing of the version it was made for but what names the model.
    """

    def __init__(self, home: Home, snapshot: Snapshot, settings: Settings) -> None:
        """Load nothing yet."""
        self._home, self._key, self._told = home, snapshot.embeddings, snapshot.model
        self._settings = settings
        # What is equal for two of one model, found from one place and run in the same way.
        self.identity = (snapshot.model, home.folder, settings.device, settings.dtype)
        self._loading = threading.RLock()

    @property
    def clip(self) -> "Clip":
        """The whole model.

        Raises:
            ModelError: it is nowhere, or another one by now.
        """
        with self._loading:  # who comes second waits, and finds it
            return self._clip

    @property
    def text(self) -> "TextTower | Clip":
        """The one that starts fast, where it repeats what the model gave for a text at indexing.

        Raises:
            ModelError: the model is nowhere, or another one by now.
        """
        with self._loading:
            return self._text

    @cached_property
    def random_words(self) -> "np.ndarray":
        """The vectors of `reference_texts.RANDOM_WORDS`: (w, d) float32."""
        import numpy as np

        return np.stack([self.embed_text(word) for word in reference_texts.RANDOM_WORDS])

    def embed_text(self, text: str) -> "np.ndarray":
        """A text's vector: (d,) float32, L2-normalised."""
        vector: np.ndarray = self.text.embed_texts([text])[0]
        return vector

    def embed_image(self, data: bytes, *, limits: Settings) -> "np.ndarray":
        """The vector of an image file's bytes: (d,) float32, L2-normalised.

        Raises:
            BadImageError: it cannot be decoded, or is over the limits.
        """
        crop, _ = decode_apart(data, limits, transform=self.clip.transform)
        return self._embed_crop(crop)

    def embed_upload(self, data: bytes, *, limits: Settings) -> "tuple[np.ndarray, bytes]":
        """The vector of an image file's bytes, (d,) float32, L2-normalised; and its thumbnail, WebP.

        Raises:
            BadImageError: it cannot be decoded, or is over the limits.
        """
        crop, small = decode_apart(data, limits, transform=self.clip.transform)
        return self._embed_crop(crop), small

    def _embed_crop(self, crop: "np.ndarray") -> "np.ndarray":
        import numpy as np

        vector: np.ndarray = self.clip.embed_pixels(np.stack([crop]))[0]
        return vector

    @cached_property
    def _source(self) -> ModelSource:
        told = self._told
        asked = {"model": told["name"], "model_revision": told["revision"] or ""}
        source = model_files.find(self._settings.model_copy(update=asked))
        if source.fingerprint != told["fingerprint"]:
            raise ModelError(
                f"{source.folder} is not the model this atlas was made with; "
                f"run `clipper index --home {self._settings.home}`"
            )
        return source

    @cached_property
    def _clip(self) -> "Clip":
        from clipper.models.clip import Clip

        return Clip(self._source, device=self._settings.device, dtype=self._settings.dtype)

    @cached_property
    def _text(self) -> "TextTower | Clip":
        try:
            vector = reference_texts.read(self._home, self._key)[PROOF]
        except StoreError:  # of no use but for this
            return self._clip
        return (
            text_tower.load_verified(self._source, reference_texts.REFERENCE_TEXTS[PROOF], vector)
            or self._clip
        )
