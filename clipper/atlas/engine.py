"""Search in a published version: its vectors, a query's vector, the nearest images, the query's place.

It counts images by rows, as the viewer and the command do. Heavy parts are loaded when first asked for, and
then shared; several threads may use one engine. What does not belong here: points, metadata and files
(`atlas/published.py`), what a query is (`query.py`), and loading models (`models/query_encoder.py`).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from clipper.atlas.findings import Finding, find_all
from clipper.atlas.own_filter import part_filter, passing
from clipper.atlas.published import Published
from clipper.errors import ClipperError, UnknownImageError
from clipper.insight.chance import Chance, match_level, measure_chance
from clipper.insight.classify import Classes, classify
from clipper.insight.coverage import Coverage, measure_coverage
from clipper.insight.words.vocabulary import shipped_words
from clipper.metadata.keys.find import find_images, several_images
from clipper.models import reference_texts
from clipper.models.engines.record import read_choice
from clipper.models.engines.towers import EXACT
from clipper.models.query_encoder import QueryEncoder
from clipper.projection import place
from clipper.projection.axes import Axis, opposites_axis, text_value
from clipper.projection.cross_modal import CROSS_MODAL_WEIGHT
from clipper.query import (
    CLIPSCORE_WEIGHT,
    MIN_CANDIDATES,
    OVERSAMPLING,
    Hits,
    Query,
    ScoreScale,
    combine,
    rank_exactly,
)
from clipper.query_filter import as_where
from clipper.settings import Settings
from clipper.similarity.codes import read_packs
from clipper.similarity.scan import Scan
from clipper.similarity.similarities import Similarities
from clipper.store import embeddings
from clipper.store.tables import read_made_of

if TYPE_CHECKING:
    import numpy as np

    from clipper.chroma.collection import Collection
    from clipper.chroma.shards import Shards

Answer = TypeVar("Answer")


class SearchEngine(Published):
    """A published version that can be searched. Row i of everything belongs to `ids[i]`."""

    def __init__(self, settings: Settings, *, model: str | None = None) -> None:
        """Open what is published in the settings' home, as one of its models sees it; see `Published`."""
        super().__init__(settings, model=model)
        self.encoders = QueryEncoder(self.home, self.snapshot, settings)
        self._loading = threading.RLock()
        self._embedding = threading.Lock()  # two models' threads on the same cores slow each other

    @cached_property
    def vectors(self) -> "np.ndarray":
        """The images' vectors: (n, d) float32, rows L2-normalised; a copy in memory."""
        return self.stored[:]

    @cached_property
    def stored(self) -> embeddings.MappedVectors:
        """The images' vectors where they lie on disk: (n, d) float32, rows L2-normalised."""
        with self._loading:
            vectors = embeddings.of_model(self.home, self.snapshot.embeddings, self.snapshot.model)
            return embeddings.MappedVectors(vectors, self.hashes)

    @cached_property
    def _scan(self) -> Scan:
        with self._loading:
            return Scan(self.stored, read_packs(self.home.embeddings(self.snapshot.embeddings)))

    @cached_property
    def findings(self) -> list[Finding]:
        """What a person may want to look at in this version, the findings to act on first."""
        return find_all(self)

    @cached_property
    def random_text_baseline(self) -> float:
        """The best similarity that random words usually find here: see `reference_texts`.

        Embeds a few dozen words the first time; raises what `embed_text` does.
        """
        return reference_texts.random_text_baseline(self.stored.best_similarity(self.encoders.random_words))

    @property
    def has_text(self) -> bool:
        """Whether the model embeds texts; with one that does not, words raise `NoTextError`."""
        return self.encoders.has_text

    @cached_property
    def score_scale(self) -> ScoreScale:
        """The scale on which the similarity of a text with an image means something."""
        return ScoreScale.of_model(self.snapshot.model)

    @cached_property
    def cross_modal_weight(self) -> float:
        """How much more a text's similarity with an image counts than that of two images.

        It is the setting; "auto" is CLIPScore's 2.5 for CLIP, and for other models what was measured on the
        dataset when its map was made (see `projection/cross_modal.py`).
        """
        if self.settings.cross_modal_weight != "auto":
            return float(self.settings.cross_modal_weight)
        measured = self.quality.get(CROSS_MODAL_WEIGHT)
        return CLIPSCORE_WEIGHT if measured is None else float(measured)

    @cached_property
    def quality(self) -> dict[str, Any]:
        """The figures of the map."""
        return dict(read_made_of(self._part("projection")).get("quality", {}))

    @property
    def vocabulary(self) -> Sequence[str]:
        """The words that ship with Clipper."""
        return shipped_words()

    def word_vectors(self, words: Sequence[str]) -> "np.ndarray":
        """Return the vectors of words: (w, d) float32, rows L2-normalised."""
        import numpy as np

        dimensions = int(self.snapshot.model["dimensions"])
        return self.encoders.word_vectors(words) if words else np.empty((0, dimensions), np.float32)

    @cached_property
    def chance(self) -> Chance:
        """What random words find here."""
        return measure_chance(self.stored, self.encoders.random_words)

    @cached_property
    def match_level(self) -> float:
        """How near an image is at least to a word that says what it shows: see `chance.match_level`."""
        return match_level(self.stored, self.chance, self.word_vectors(self.vocabulary))

    def classify(self, words: Sequence[str]) -> Classes:
        """Give each image the nearest of some words, or none. The first call loads the model.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        if not words:
            return classify(self.stored, self.word_vectors(words), self.word_vectors(words))
        vectors = self.encoders.word_vectors(words, keep=False)
        return classify(self.stored, vectors, self.chance, level=self.match_level)

    def coverage(self, concepts: Sequence[str]) -> Coverage:
        """Count the images of each concept. The first call loads the model, unless all vectors are kept.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        vectors = self.word_vectors(concepts)
        return measure_coverage(self.stored, vectors, self.chance, level=self.match_level)

    def text_axis(self, low: str, high: str) -> Axis:
        """Place each image between two texts; without the first, by its similarity to the second.

        The first call loads the model.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        vectors = self.encoders.embed_texts([low, high] if low else [high])
        return opposites_axis(low, high, self.stored.dot(vectors.T))

    def text_on_axis(self, low: str, high: str, query: Query) -> float:
        """Return where a query of words lies between two texts, in the unit of `text_axis`.

        Raises:
            ModelError: the model that made the vectors cannot be found.
        """
        ends = self.encoders.embed_texts([low, high] if low else [high])
        return text_value(ends @ self.query_vector(query), self.encoders.random_words @ ends.T)

    def embed_text(self, text: str) -> "np.ndarray":
        """Return a text's vector: (d,) float32, L2-normalised. The first call loads the model."""
        return self.encoders.embed_text(text)

    def text_parts(self, text: str) -> int:
        """Return in how many parts a text is embedded: more than one if it is longer than the context."""
        return self.encoders.parts(text)

    def long_texts(self, query: Query) -> dict[str, int]:
        """Return the texts of a query that were embedded in parts, and in how many."""
        texts = [term.text for term in query.all_terms if term.text]
        return {text: parts for text in texts if (parts := self.text_parts(text)) > 1}

    def embed_image(self, data: bytes) -> "np.ndarray":
        """Return the vector of an image file's bytes: (d,) float32, L2-normalised.

        Raises:
            BadImageError: it cannot be decoded, or is over the limits.
        """
        return self.encoders.embed_image(data, limits=self.settings)

    def embed_upload(self, data: bytes, *, max_bytes: int, max_seconds: float) -> "tuple[np.ndarray, bytes]":
        """Return the vector of an image file's bytes, (d,) float32, L2-normalised; and its thumbnail, WebP.

        Raises:
            BadImageError: it cannot be decoded, has more bytes, takes longer, or is over another limit.
        """
        limits = {
            "max_bytes": min(max_bytes, self.settings.max_bytes),
            "max_seconds": min(max_seconds, self.settings.max_seconds),
        }
        return self.encoders.embed_upload(data, limits=self.settings.model_copy(update=limits))

    def similarities(self, vector: "np.ndarray") -> Similarities:
        """Return the cosine similarities of a (d,) float32 vector with all images.

        The vectors are read where they lie: 2 GB of them, a million of 512 dimensions, need no memory, and
        mostly only their int8 copy of 512 MB is read.
        """
        return self._scan.similarities(vector)

    def query_vector(self, query: Query) -> "np.ndarray":
        """Combine a query's terms to one vector: (d,) float32, L2-normalised.

        `query.combine` makes it of the terms' vectors. Where texts meet images, a text weighs
        `cross_modal_weight` times as much: its cosines with images are that much smaller (CLIPScore's 2.5, as
        in `projection/place.py`).

        Raises:
            ClipperError: a term names an image that is not there, or the terms take each other away.
            BadImageError: its image cannot be decoded.
        """
        texts = 1.0 if query.words_only else self.cross_modal_weight
        with self._embedding:
            parts = [
                (self._like(term.like, query), term.weight)
                if term.like
                else (self.embed_text(term.text), term.weight * texts)
                for term in query.all_terms
            ]
            parts += [(self.embed_image(query.image), 1.0)] if query.image is not None else []
        vectors, weights = zip(*parts, strict=True)
        return combine(vectors, weights)

    def rank(self, query: Query, *, k: int = 20) -> Hits:
        """Rank the k images most similar to `query`, and place the query on the map.

        Raises:
            ClipperError: its filter is not understood, or see `query_vector`.
            BadImageError: its image cannot be decoded.
        """
        vector = self.query_vector(query)
        k = max(k, 0)
        similarities = self.similarities(vector)  # to all: the query's place asks for them
        own, others = part_filter(self, query.where or {})
        if own or isinstance(query.where, str):
            passes = passing(self, own)
            if others:
                passes &= self._passing_chroma(others)
            rows, similarity = similarities.best(k, among=passes)
        elif isinstance(query.where, Mapping):
            candidates = self._chroma_candidates(query.where, vector, k=k)
            rows, similarity = rank_exactly(similarities, candidates, k=k)
        else:
            rows, similarity = similarities.best(k)
        x, y = self._place(similarities, text=query.words_only)
        return Hits(query, rows, similarity, vector, x, y, similarities, self.score_scale)

    def passing(self, where: Mapping[str, Any] | str) -> "np.ndarray":
        """Return which images pass a filter: (n,) bool.

        Raises:
            ClipperError: the filter is not understood.
        """
        own, others = part_filter(self, where)
        passes = passing(self, own)
        return passes & self._passing_chroma(others) if others else passes

    def share_model(self, earlier: "SearchEngine") -> None:
        """Use the model that an atlas of another version uses, if both were made with the same."""
        if self.encoders.identity == earlier.encoders.identity:
            self.encoders = earlier.encoders

    def warm(self) -> None:
        """Load what the first search would wait for."""
        self._scan.load()
        if self.has_text:
            self.rank(Query(text="warm"), k=1)
        else:
            _ = self.encoders.whole, self._landmarks

    def info(self) -> dict[str, Any]:
        """Return counts, model, versions, columns and figures, in types that JSON has."""
        projection = read_made_of(self._part("projection"))
        neighbours = self._part("neighbours") if self.snapshot.parts.get("neighbours") else None
        return {
            "title": self.title,
            "images": len(self),
            "failed": len(self.failures),
            "model": self.model,
            "models": list(self.models),
            "dimensions": self.snapshot.model["dimensions"],
            "precision": self._precision(self.snapshot.embeddings),
            "further": [
                {
                    "model": each.name,
                    "dimensions": each.model["dimensions"],
                    "precision": self._precision(each.embeddings),
                }
                for each in self._of_models
                if each.fingerprint != self.fingerprint
            ],
            "home": self.settings.home_name,
            "folder": self._location,
            "indexed_at": self.indexed_at.isoformat(),
            "version": self.version,
            "parts": dict(self.snapshot.parts),
            "columns": {column.name: column.type for column in self.columns.values()},
            "origins": {column.name: column.source for column in self.columns.values()},
            "score": self.score_scale.to_json() | {"name": self.score_scale.name} if self.has_text else None,
            "cross_modal_weight": self.cross_modal_weight if self.has_text else None,
            "quality": projection.get("quality", {})
            | (read_made_of(neighbours)["quality"] if neighbours else {}),
            "frame": projection.get("state", {}).get("figures", {}),
            "search": read_made_of(self.home.part("collection", self.snapshot.parts["collection"]))["search"],
        }

    def _precision(self, embeddings: str) -> dict[str, Any] | None:
        """Return what was measured for a model's vectors, and the precision of new ones; None: nothing was.

        No vector says how it was made: those from before the settings fixed a precision stay as they are.
        """
        choice = read_choice(self.home.embeddings(embeddings))
        if choice is None:
            return None
        measured = EXACT if self.settings.precision == "exact" else choice.engine
        new = measured if self.settings.dtype == "auto" else self.settings.dtype
        return choice.to_dict() | {"new_vectors": new}

    def close(self) -> None:
        """Close Chroma's files and release this version: a run may delete it once another is published."""
        if "_collection" in self.__dict__:
            self._collection.close()
        super().close()

    @cached_property
    def _landmarks(self) -> "np.ndarray":
        """Which rows are landmarks, one of each content: (n,) bool."""
        import numpy as np

        landmarks = np.array(self._projection["placed_by"].to_pylist()) != "place"
        _, first = np.unique(np.array(self.hashes, object), return_index=True)
        chosen = np.zeros(len(self), bool)
        chosen[first[landmarks[first]]] = True
        return chosen

    @cached_property
    def _collection(self) -> "Collection | Shards":
        from clipper.chroma.shards import open_version

        return open_version(self.home, self.snapshot.parts["collection"])

    def _ask_collection(self, question: "Callable[[Collection | Shards], Answer]") -> Answer:
        """Ask the collection something of this version.

        Raises:
            StoreError: a run on another machine wrote another version into it before it answered.
        """
        with self._loading:
            collection = self._collection
            try:
                return question(collection)
            finally:  # whatever it answered: afterwards, as a run says first that it writes
                collection.require_version()

    def _like(self, name: str, query: Query) -> "np.ndarray":
        """Return the vector of an image that a term names: (d,) float32."""
        if name in query.known:
            return query.known[name]
        row = self.row(name) if name in self else self._named(name)
        vector: np.ndarray = self.stored[row : row + 1][0]
        return vector

    def _named(self, key: str) -> int:
        """Return the row of the one image that a key names, as keys of metadata do."""
        rows = find_images(self.ids, key)
        if not rows:
            raise UnknownImageError(key)
        if len(rows) > 1:
            raise ClipperError(several_images(key, [self.ids[row] for row in rows]))
        return rows[0]

    def _chroma_candidates(self, where: Mapping[str, Any], vector: "np.ndarray", *, k: int) -> "np.ndarray":
        import numpy as np

        wanted = max(OVERSAMPLING * k, MIN_CANDIDATES)
        asked = as_where(where, self._types)
        nearest = self._ask_collection(lambda collection: collection.nearest(vector, k=wanted, where=asked))
        return np.array([self._rows[image_id] for image_id in nearest], np.int64)

    def _passing_chroma(self, filters: Sequence[Mapping[str, Any]]) -> "np.ndarray":
        """Return which rows pass all of some filters of Chroma's columns, (n,) bool."""
        import numpy as np

        parts = [as_where(each, self._types) for each in filters]
        asked = parts[0] if len(parts) == 1 else {"$and": parts}
        ids = self._ask_collection(lambda collection: collection.ids(where=asked))
        passes = np.zeros(len(self), bool)
        passes[[self._rows[image_id] for image_id in ids.to_pylist()]] = True
        return passes

    @cached_property
    def _types(self) -> dict[str, str]:
        return {name: column.type for name, column in self.columns.items()}

    def _place(self, similarities: Similarities, *, text: bool) -> tuple[float, float]:
        rows, nearest = similarities.best(place.NEIGHBORS, among=self._landmarks)
        if not len(rows):
            return (0.0, 0.0)
        weight = self.cross_modal_weight if text else 1.0
        x, y = place.place_by_similarity(nearest[None], self.xy[rows], weight=weight)[0].tolist()
        return (x, y)
