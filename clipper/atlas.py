"""One published version of a home, for reading: points, vectors, images, search.

Heavy parts are loaded when first asked for and then shared; an Atlas may be used from several threads.
What does not belong here: writing anything.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper import chance, embeddings, facts, manifest, placement, probes, snapshots
from clipper.decoding import crop_of, look_at
from clipper.errors import ClipperError, ModelError, StoreError
from clipper.folder import ImageFolder
from clipper.home import Home
from clipper.metadata import Column, present
from clipper.search import LEAST_CANDIDATES, OVERSAMPLING, Hits, Query, combine, rank_exactly
from clipper.settings import Settings, absolute_location
from clipper.shards import ShardStore
from clipper.tables import read_made_of, read_parquet

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from clipper.collection import Collection
    from clipper.model import Clip
    from clipper.model_files import ModelSource
    from clipper.text_encoder import TextEncoder

# Kept of a first view's points on each side of each axis: a stray point must not shrink the rest.
VIEW_QUANTILE = 0.001
VIEW_MARGIN = 0.04
# The probe on which a text encoder proves itself: one of several words.
PROOF = 1


class Atlas:
    """What `clipper.open` gives. Row i of everything belongs to `ids[i]`; rows are sorted by id."""

    def __init__(self, settings: Settings) -> None:
        """Open what is published in the settings' home.

        Raises:
            NoIndexError: nothing is.
            StoreError: a file is damaged.
        """
        self.settings = settings
        self.home = Home(settings.home)
        # Held until this atlas is closed: no run deletes what it reads.
        self.snapshot, self._hold = snapshots.hold(self.home)
        self.version = self.snapshot.version
        self.title = settings.display_title
        self._loading = threading.RLock()
        self._projection = read_parquet(self._part("projection"))
        self.ids: list[str] = self._projection["id"].to_pylist()
        self._rows = {image_id: row for row, image_id in enumerate(self.ids)}
        # Relative to the home, as the setting is: a home that was moved with its images still opens.
        self._location = absolute_location(self.snapshot.images, base=settings.home)
        self._folder = ImageFolder(self._location, max_bytes=settings.max_bytes)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Atlas {self.title!r}: {len(self):,} images, {self.settings.home}>"

    @property
    def n(self) -> int:
        """How many images are on the map."""
        return len(self)

    @property
    def indexed_at(self) -> "datetime":
        """When this version was published, UTC."""
        return self.snapshot.published_at

    @property
    def fingerprint(self) -> str:
        """What tells the model that made the vectors from others."""
        return str(self.snapshot.model["fingerprint"])

    @cached_property
    def xy(self) -> "np.ndarray":
        """Map positions: (n, 2) float32."""
        import numpy as np

        columns = [self._projection[axis].to_numpy() for axis in ("x", "y")]
        return np.stack(columns, axis=1).astype(np.float32)

    @cached_property
    def view(self) -> tuple[float, float, float, float]:
        """The first view: x0, x1, y0, y1. All but a few stray points, with a margin."""
        import numpy as np

        if not len(self):
            return (-1.0, 1.0, -1.0, 1.0)
        low, high = np.quantile(self.xy, [VIEW_QUANTILE, 1 - VIEW_QUANTILE], axis=0)
        margin = max(float((high - low).max()) * VIEW_MARGIN, 0.5)
        (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
        return (x0, x1, y0, y1)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The metadata columns by name: those of metadata.json and its like first."""
        listed = read_made_of(self._part("metadata"))["columns"]
        return {entry["name"]: Column(**entry) for entry in listed}

    @cached_property
    def points(self) -> "pd.DataFrame":
        """The map as a table: id, name, path, x, y, then the metadata columns; the index is the row."""
        import pandas as pd

        told = self._metadata.select(list(self.columns)).to_pandas()
        frame = pd.DataFrame({"id": self.ids, "x": self.xy[:, 0], "y": self.xy[:, 1]})
        frame.insert(1, "path", [self.path(row) for row in range(len(self))])
        if "name" not in told:
            frame.insert(1, "name", [name_of(image_id) for image_id in self.ids])
        points: pd.DataFrame = pd.concat([frame, told], axis=1)
        return points

    @cached_property
    def vectors(self) -> "np.ndarray":
        """The images' vectors: (n, d) float32, rows L2-normalised; a copy in memory."""
        return self.stored[:]

    @cached_property
    def stored(self) -> embeddings.Mapped:
        """The images' vectors where they lie on disk: (n, d) float32, rows L2-normalised."""
        with self._loading:
            vectors = embeddings.store(
                self.home.embeddings(self.snapshot.embeddings),
                dimensions=int(self.snapshot.model["dimensions"]),
                fingerprint=self.fingerprint,
            )
            return embeddings.Mapped(vectors, self._hashes)

    @cached_property
    def chance(self) -> float:
        """The best similarity that words picked at random find here, as a rule: see `clipper.chance`.

        Embeds a few dozen words the first time; raises what `embed_text` does.
        """
        return chance.level(self.stored.best(self._random_words))

    @cached_property
    def failures(self) -> "pd.DataFrame":
        """Files that are not on the map: id and reason."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        files = read_parquet(self._part("manifest")).select(["id", "content_hash", "reason"])
        unread = files.filter(pc.is_null(files["content_hash"])).to_pylist()
        reasons: dict[str, str] = {row["id"]: row["reason"] for row in unread}
        keys = files["content_hash"]
        bad = facts.failures(self._facts, (key.as_py() for key in keys))
        lost = files.filter(pc.is_in(keys, value_set=pa.array(list(bad), pa.binary(16)))).to_pylist()
        reasons |= {row["id"]: bad[row["content_hash"]] for row in lost}
        rows = sorted((i, why) for i, why in reasons.items() if i not in self._rows)
        return pd.DataFrame(rows, columns=["id", "reason"])

    def row(self, image_id: str) -> int:
        """The row of an id.

        Raises:
            KeyError: it is not on the map.
        """
        return self._rows[image_id]

    def name(self, row: int) -> str:
        """What to call an image: its metadata's `name`, else its file name without ending."""
        told = self._metadata["name"][row].as_py() if "name" in self.columns else None
        return told if isinstance(told, str) and told else name_of(self.ids[row])

    def path(self, row: int) -> str:
        """Where the original lies: an absolute path or a URL."""
        return self._folder.path(self.ids[row])

    def metadata(self, row: int) -> dict[str, Any]:
        """What is told about an image; what is missing is left out."""
        values = self._metadata.slice(row, 1).to_pylist()[0]
        values.pop("id")
        return present(values)

    def thumbnail(self, row: int) -> bytes:
        """A WebP of at most 128 pixels on the longer side."""
        table, positions = self._thumbnails
        return bytes(table[facts.THUMBNAIL][positions[row]].as_py())

    def image(self, row: int) -> bytes:
        """The original file's bytes.

        Raises:
            BadImageError: it is gone or unreadable by now.
        """
        return self._folder.read(self.ids[row])

    def image_format(self, row: int) -> str:
        """The original's format, as Pillow calls it: "JPEG", "PNG", ..."""
        key = self._hashes[row]
        return str(facts.read(self._facts, [key])[key]["format"])

    def embed_text(self, text: str) -> "np.ndarray":
        """A text's vector: (d,) float32, L2-normalised. The first call loads the model."""
        vector: np.ndarray = self._text_encoder.embed_texts([text])[0]
        return vector

    def embed_image(self, data: bytes) -> "np.ndarray":
        """The vector of an image file's bytes: (d,) float32, L2-normalised.

        Raises:
            BadImageError: it cannot be decoded, or is over the limits.
        """
        import numpy as np

        crop = crop_of(data, self.settings, transform=self._clip.transform)
        vector: np.ndarray = self._clip.embed_pixels(np.stack([crop]))[0]
        return vector

    def embed_upload(self, data: bytes, *, max_bytes: int, max_seconds: float) -> "tuple[np.ndarray, bytes]":
        """The vector of an image file's bytes, (d,) float32, L2-normalised; and its thumbnail, WebP.

        Raises:
            BadImageError: it cannot be decoded, has more bytes, takes longer, or is over another limit.
        """
        import numpy as np

        limits = {
            "max_bytes": min(max_bytes, self.settings.max_bytes),
            "max_seconds": min(max_seconds, self.settings.max_seconds),
        }
        transform = self._clip.transform
        crop, small = look_at(data, self.settings.model_copy(update=limits), transform=transform)
        return self._clip.embed_pixels(np.stack([crop]))[0], small

    def similarities(self, vector: "np.ndarray") -> "np.ndarray":
        """Cosine similarities of a (d,) float32 vector with all images: (n,) float32.

        The vectors are read where they lie: 2 GB of them, a million of 512 dimensions, need no memory.
        """
        return self.stored.dot(vector)

    def place(self, vector: "np.ndarray", *, text: bool = True) -> tuple[float, float]:
        """Where a query's (d,) float32 vector falls on the map."""
        return self._place(self.similarities(vector), text=text)

    def query_vector(self, query: Query) -> "np.ndarray":
        """A query's terms as one vector: (d,) float32, L2-normalised.

        `search.combine` of their vectors. Where texts meet images, a text weighs `cross_modal_weight` times
        as much: its cosines with images are that much smaller (CLIPScore's 2.5; see `placement.place`).

        Raises:
            ClipperError: a term names an image that is not there, or the terms take each other away.
            BadImageError: its image cannot be decoded.
        """
        texts = 1.0 if query.words_only else self.settings.cross_modal_weight
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
        """The k images most similar to `query`, and its place on the map.

        Raises:
            ClipperError: its filter is not understood, or see `query_vector`.
            BadImageError: its image cannot be decoded.
        """
        import numpy as np

        vector = self.query_vector(query)
        k = max(k, 0)
        similarities = self.similarities(vector)  # of all: the query's place asks for them
        if query.where is None:
            at = max(min(k, len(self) - 1), 0)
            candidates = np.argpartition(-similarities, at)[:k] if len(self) else np.empty(0, np.int64)
        else:
            candidates = self._chroma_candidates(query, vector, k=k)
        rows, similarity = rank_exactly(vector, self.stored, candidates, k=k)
        x, y = self._place(similarities, text=query.words_only)
        return Hits(query, rows, similarity, vector, x, y, similarities)

    def search(
        self, text: str | Query, *, k: int = 20, where: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """The k images most similar to a query: id, path, similarity, x, y and the metadata columns.

        A text is read by `terms.parse`: `atlas.search('dog -indoor "at night"')`.
        """
        query = text if isinstance(text, Query) else Query(text=text, where=where)
        hits = self.rank(query, k=k)
        found = self.points.iloc[hits.rows].reset_index(drop=True)
        found["similarity"] = hits.similarity
        first = ["id", "path", "similarity", "x", "y"]
        return found[first + [name for name in found.columns if name not in first]]

    @cached_property
    def modified(self) -> "np.ndarray":
        """When each original was last written, in seconds since 1970: (n,) float64, NaN where unknown."""
        return self._times("mtime_ns")

    @cached_property
    def indexed(self) -> "np.ndarray":
        """When each image was first indexed, in seconds since 1970: (n,) float64, NaN where unknown.

        A renamed image keeps its time, a changed one gets another; copies of one image share it.
        """
        return self._times(manifest.FIRST)

    @property
    def hashes(self) -> Sequence[bytes]:
        """The content hash of each image's bytes, as they were indexed."""
        return self._hashes

    @property
    def metadata_table(self) -> "pa.Table":
        """What is told about the images: `id`, then the metadata columns; a row for each image."""
        return self._metadata

    def share_model(self, earlier: "Atlas") -> None:
        """Use what an atlas of another version has loaded of the model, if both were made with the same."""
        mine, its = (
            (atlas.snapshot.model, atlas.home.folder, atlas.settings.device, atlas.settings.dtype)
            for atlas in (self, earlier)
        )
        if mine != its:
            return
        for name in ("_model", "_clip", "_text_encoder", "_random_words"):
            if name in earlier.__dict__:
                self.__dict__.setdefault(name, earlier.__dict__[name])

    def warm(self) -> None:
        """Load what a first search would wait for."""
        self.rank(Query(text="warm"), k=1)

    def info(self) -> dict[str, Any]:
        """What is known about this atlas, as JSON can hold it."""
        projection = read_made_of(self._part("projection"))
        return {
            "title": self.title,
            "images": len(self),
            "failed": len(self.failures),
            "model": self.snapshot.model["name"],
            "dimensions": self.snapshot.model["dimensions"],
            "home": str(self.settings.home),
            "folder": self._location,
            "indexed_at": self.indexed_at.isoformat(),
            "version": self.version,
            "parts": dict(self.snapshot.parts),
            "columns": {column.name: column.type for column in self.columns.values()},
            "origins": {column.name: column.source for column in self.columns.values()},
            "quality": projection.get("quality", {}),
            "frame": projection.get("state", {}).get("figures", {}),
            "search": read_made_of(self.home.part("collection", self._versions["collection"]))["search"],
        }

    def close(self) -> None:
        """Let go of Chroma's files, and of this version: it may be deleted once another is published."""
        if "_collection" in self.__dict__:
            self._collection.close()
        self._hold.close()

    @property
    def _versions(self) -> Mapping[str, str]:
        return self.snapshot.parts

    def _part(self, name: str) -> Path:
        return self.home.part(name, self._versions[name])

    @cached_property
    def _hashes(self) -> Sequence[bytes]:
        hashes: list[bytes] = self._projection["content_hash"].to_pylist()
        return hashes

    def _times(self, column: str) -> "np.ndarray":
        """A column of nanoseconds of the manifest as seconds, in the order of the rows: (n,) float64."""
        import numpy as np
        import pyarrow.compute as pc

        files = read_parquet(self._part("manifest"))
        if column not in files.column_names:  # of an earlier Clipper
            return np.full(len(self), np.nan)
        at = pc.index_in(self._projection["id"], value_set=files["id"])
        nanoseconds = pc.fill_null(files[column], 0).take(at).to_numpy().astype(np.float64)
        return np.where(nanoseconds > 0, nanoseconds / 1e9, np.nan)

    @cached_property
    def _metadata(self) -> Any:
        return read_parquet(self._part("metadata"))

    @cached_property
    def _thumbnails(self) -> Any:
        return facts.thumbnail_store(self.home).positions(self._hashes)

    @cached_property
    def _facts(self) -> ShardStore:
        return facts.store(self.home, of_any_version=True)

    @cached_property
    def _landmarks(self) -> "tuple[np.ndarray, np.ndarray]":
        """Rows of images among which others are placed, one of each content, and their positions."""
        import numpy as np

        landmarks = np.array(self._projection["placed_by"].to_pylist()) != "place"
        _, first = np.unique(np.array(self._hashes, object), return_index=True)
        rows = np.sort(first[landmarks[first]])
        return rows, self.xy[rows]

    @cached_property
    def _collection(self) -> "Collection":
        from clipper.collection import Collection, address_of

        return Collection(address_of(self.home, self._versions["collection"]))

    @cached_property
    def _model(self) -> "ModelSource":
        from clipper import model_files

        told = self.snapshot.model
        asked = {"model": told["name"], "model_revision": told["revision"] or ""}
        source = model_files.find(self.settings.model_copy(update=asked))
        if source.fingerprint != told["fingerprint"]:
            raise ModelError(
                f"{source.folder} is not the model this atlas was made with; "
                f"run `clipper index --home {self.settings.home}`"
            )
        return source

    @cached_property
    def _clip(self) -> "Clip":
        from clipper.model import Clip

        with self._loading:
            return Clip(self._model, device=self.settings.device, dtype=self.settings.dtype)

    @cached_property
    def _text_encoder(self) -> "TextEncoder | Clip":
        """The one that starts fast, where it repeats what the model gave for a text at indexing."""
        from clipper import text_encoder

        with self._loading:
            try:
                vector = probes.read(self.home, self.snapshot.embeddings)[PROOF]
            except StoreError:  # of no use but for this
                return self._clip
            return text_encoder.proven(self._model, probes.PROBES[PROOF], vector) or self._clip

    @cached_property
    def _random_words(self) -> "np.ndarray":
        """The vectors of `chance.WORDS`: (w, d) float32."""
        import numpy as np

        return np.stack([self.embed_text(word) for word in chance.WORDS])

    def _like(self, name: str, query: Query) -> "np.ndarray":
        """The vector of an image that a term names: (d,) float32."""
        if name in query.known:
            return query.known[name]
        if name not in self._rows:
            raise ClipperError(
                f"there is no image {name!r} here; `like:` takes an image's id, its path below the folder"
            )
        row = self._rows[name]
        vector: np.ndarray = self.stored[row : row + 1][0]
        return vector

    def _chroma_candidates(self, query: Query, vector: "np.ndarray", *, k: int) -> "np.ndarray":
        import numpy as np

        wanted = max(OVERSAMPLING * k, LEAST_CANDIDATES)
        with self._loading:
            nearest = self._collection.nearest(vector, k=wanted, where=query.where)
        return np.array([self._rows[image_id] for image_id in nearest], np.int64)

    def _place(self, similarities: "np.ndarray", *, text: bool) -> tuple[float, float]:
        rows, positions = self._landmarks
        if not len(rows):
            return (0.0, 0.0)
        weight = self.settings.cross_modal_weight if text else 1.0
        x, y = placement.place(similarities[None, rows], positions, weight=weight)[0].tolist()
        return (x, y)


def name_of(image_id: str) -> str:
    """An image's file name without its ending."""
    name = image_id.rpartition("/")[2]
    return name.rpartition(".")[0] or name
