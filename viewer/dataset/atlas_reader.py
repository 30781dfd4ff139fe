"""The seam between viewer and core: what the viewer needs of an atlas, as types.

`clipper.Atlas` satisfies them, and so does the fake atlas of the tests; mypy checks both. What does not
belong here: anything that runs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clipper.insight.classify import Classes
from clipper.metadata.columns import Column
from clipper.store.parts.clusters import Clusters

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from clipper.atlas.findings import Finding
    from clipper.insight.coverage import Coverage
    from clipper.projection.axes import Axis
    from clipper.query import Query, Scores, ScoreScale
    from clipper.store.snapshots import Run


class AtlasSettings(Protocol):
    """The settings that an atlas was opened with."""

    @property
    def home(self) -> Path:
        """The home's folder."""

    @property
    def max_pixels(self) -> int:
        """The largest image that is decoded."""


class AtlasSnapshot(Protocol):
    """The published version that an atlas reads."""

    @property
    def runs(self) -> Sequence["Run"]:
        """The run that published this version and the ones before it, newest first."""


class Stored(Protocol):
    """(n, d) float32 vectors that can be indexed by rows."""

    def __getitem__(self, rows: Any, /) -> Any: ...


class Ranking(Protocol):
    """A query's similarities and its place on the map."""

    @property
    def similarities(self) -> "Scores":
        """Similarities with all images, by row."""

    @property
    def x(self) -> float:
        """The query's position on the map."""

    @property
    def y(self) -> float:
        """The query's position on the map."""


class Searchable(Protocol):
    """The model and the vectors of an atlas: everything that answers a query."""

    @property
    def fingerprint(self) -> str:
        """Identifies the model that made the vectors."""

    @property
    def stored(self) -> "Stored":
        """The images' vectors: (n, d) float32, rows L2-normalised."""

    @property
    def has_text(self) -> bool:
        """Whether the model embeds texts."""

    @property
    def score_scale(self) -> "ScoreScale":
        """The scale on which the similarity of a text with an image means something."""

    @property
    def random_text_baseline(self) -> float:
        """The best similarity that random texts usually reach. The first call takes seconds."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """The words that ship with Clipper."""

    def coverage(self, concepts: Sequence[str]) -> "Coverage":
        """Count the images of each concept. The first call takes seconds; raises without the model."""

    def similarities(self, vector: "np.ndarray") -> "Scores":
        """Return the cosine similarities of a vector (d,) float32 with all images, by row."""

    def text_axis(self, low: str, high: str) -> "Axis":
        """Place each image between two texts; without the first, by its similarity to the second."""

    def text_on_axis(self, low: str, high: str, query: "Query") -> float:
        """Return where a query of words lies between two texts, in the unit of `text_axis`."""

    def text_parts(self, text: str) -> int:
        """Return in how many parts a text is embedded: more than one if it is longer than the context."""

    def rank(self, query: "Query", *, k: int = ...) -> Ranking:
        """Answer a query."""

    def classify(self, words: Sequence[str]) -> Classes:
        """Give each image the nearest of some words, or none."""

    def embed_upload(self, data: bytes, *, max_bytes: int, max_seconds: float) -> "tuple[np.ndarray, bytes]":
        """Return an image file's vector (d,) float32 and its thumbnail, WebP."""

    def warm(self) -> None:
        """Load what the first search would wait for."""


class AtlasReader(Searchable, Protocol):
    """One published version of a dataset. Row i of everything belongs to `ids[i]`."""

    @property
    def version(self) -> str:
        """The published version."""

    @property
    def models(self) -> Sequence[str]:
        """The models of the version, the first one first."""

    @property
    def model(self) -> str:
        """The model whose vectors, map and clusters these are."""

    @property
    def title(self) -> str:
        """The dataset's name."""

    @property
    def indexed_at(self) -> datetime:
        """When this version was published, UTC."""

    @property
    def settings(self) -> AtlasSettings:
        """The settings that it was opened with."""

    @property
    def snapshot(self) -> AtlasSnapshot:
        """What was published."""

    @property
    def ids(self) -> Sequence[str]:
        """The images' ids."""

    @property
    def hashes(self) -> Sequence[bytes]:
        """The images' content hashes."""

    @property
    def xy(self) -> "np.ndarray":
        """Map positions (n, 2) float32."""

    @property
    def view(self) -> tuple[float, float, float, float]:
        """The first view: x0, x1, y0, y1."""

    @property
    def clusters(self) -> Clusters | None:
        """The clusters; None if this version was published without."""

    @property
    def cluster_names(self) -> Sequence[str]:
        """A name for each cluster, "" for none; nothing without clusters. People may change a name."""

    @property
    def found_cluster_names(self) -> Sequence[str]:
        """The name that Clipper found for each cluster, "" for none."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The metadata columns by name, each with its role."""

    @property
    def insight_columns(self) -> Mapping[str, Column]:
        """The scores that Clipper found and the words that people keep, by name; `points` has them."""

    @property
    def insight_table(self) -> "pa.Table | None":
        """The cells of `insight_columns`; None without any column."""

    @property
    def points(self) -> "pd.DataFrame":
        """The map as a table, with the metadata columns."""

    @property
    def metadata_table(self) -> "pa.Table":
        """The metadata: `id`, then the columns."""

    @property
    def modified(self) -> "np.ndarray":
        """When each file was last modified, seconds since 1970, (n,) float64; NaN: unknown."""

    @property
    def indexed(self) -> "np.ndarray":
        """When each image was first indexed, seconds since 1970, (n,) float64; NaN: unknown."""

    @property
    def failures(self) -> "pd.DataFrame":
        """Files that are not on the map: id and reason."""

    @property
    def findings(self) -> Sequence["Finding"]:
        """What a person may want to look at, what to act on first. The first call may take seconds."""

    def row(self, image_id: str) -> int:
        """Return an image's row; raise KeyError if it is not on the map."""

    def name(self, row: int) -> str:
        """Return an image's name."""

    def path(self, row: int) -> str:
        """Return where the original is: an absolute path or a URL."""

    def metadata(self, row: int) -> dict[str, Any]:
        """Return an image's metadata, without missing values."""

    @property
    def has_objects(self) -> bool:
        """Whether label files say which objects are on images."""

    @property
    def object_categories(self) -> Sequence[str]:
        """The categories of objects, the most frequent first."""

    def objects(self, row: int) -> "pa.Table":
        """Return the objects of an image: category, box in shares of it, crowd, score."""

    def thumbnail(self, row: int) -> bytes:
        """Return an image's thumbnail, WebP."""

    def image(self, row: int) -> bytes:
        """Return the original's bytes."""

    def image_format(self, row: int) -> str:
        """Return the original's format by Pillow's name."""

    def needs_conversion(self, row: int) -> bool:
        """Whether a browser would show the original otherwise than it was indexed."""

    def info(self) -> Mapping[str, Any]:
        """Return what is known about this atlas, as JSON holds it."""

    @property
    def drift(self) -> Mapping[str, Any]:
        """How the images differ from those before their last change, as `Drift.to_json` has it; or empty."""

    @property
    def novelty(self) -> "np.ndarray | None":
        """Whether each image came with it: (n,) int8, 0: no, 1: yes, 2: and is unlike all before; or None."""

    def rename_cluster(self, cluster: int, name: str | None) -> None:
        """Give a cluster a name, by its lasting number; None or "" takes it back."""

    def close(self) -> None:
        """Release this version."""
