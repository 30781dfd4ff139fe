"""The indexed sample, as the benchmarks of insights read it, and homes with some of its images."""

import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

import clipper
from clipper.insight.clustering.identity import find_clusters
from clipper.insight.words import vocabulary
from clipper.insight.words.candidates import dataset_words
from clipper.insight.words.naming import ClusterName, WordVectors, name_clusters
from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.projection.graph import NeighborGraph, build_graph
from clipper.settings import Settings
from clipper.store.parts.clusters import Clusters

DATA = Path(__file__).resolve().parents[1] / "data"


def begin_home(folder: Path, images: Iterable[str], *, source: Path = DATA) -> None:
    """Begin a home with some of the sample's images, their metadata and its model."""
    (folder / "images").mkdir(parents=True)
    (folder / "clipper.toml").write_text(
        'images = "images"\nmodel = "models/clip-emoji"\nprecision = "exact"\n'
    )
    (folder / "models").symlink_to(source / "models")
    for name in ("metadata.json", *images):
        shutil.copy2(source / "images" / name, folder / "images")


def image_names(source: Path = DATA) -> list[str]:
    """The names of the sample's images."""
    return sorted(path.name for path in (source / "images").glob("*.jpg"))


class Sample:
    """A home as its atlas has it, and what the functions of this checkout find in it."""

    def __init__(self, home: Path = DATA) -> None:
        """Read the atlas of `clipper index --home data`."""
        self.home, self.atlas = home, clipper.open(home)
        self.vectors = np.asarray(self.atlas.vectors)
        self.positions = np.asarray(self.atlas.points[["x", "y"]], np.float32)
        self.metadata = self.atlas.metadata

    @cached_property
    def encoder(self) -> Encoder:
        """Its model."""
        return Encoder(find(Settings.load(self.home)))

    @cached_property
    def graph(self) -> NeighborGraph:
        """The neighbors of its images."""
        return build_graph(self.vectors)

    @cached_property
    def clusters(self) -> Clusters:
        """Its clusters."""
        return find_clusters(self.graph, self.positions)

    def classes(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """The values of a column, and which of them each image has."""
        return np.unique(self.metadata[column].astype(str).to_numpy(), return_inverse=True)

    def names(self, *, own: bool = True) -> list[ClusterName]:
        """Names of its clusters, by the dataset's words or without."""
        return self.names_of(self.clusters, np.arange(len(self.vectors)), own=own)

    def names_of(
        self, clusters: Clusters, rows: np.ndarray, *, own: bool = True, before: Sequence[str] = ()
    ) -> list[ClusterName]:
        """Names of the clusters of some of the images, (k,) int."""
        words = None
        if own:
            table = pa.Table.from_pandas(self.metadata.iloc[rows], preserve_index=False)
            words = dataset_words(table, list(self.atlas.columns.values()))
        return name_clusters(
            self.vectors[rows], clusters, self.shipped, embed=self.word_vectors, own=words, before=before
        )

    @cached_property
    def shipped(self) -> WordVectors:
        """The vocabulary that ships."""
        words = vocabulary.shipped_words()
        return WordVectors(words, self.word_vectors(words))

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of words, made anew."""
        with TemporaryDirectory() as folder:
            return vocabulary.word_vectors(
                words, embed=self.encoder.embed_texts, fingerprint="", folder=Path(folder)
            )

    def shares(self, names: Sequence[ClusterName]) -> np.ndarray:
        """The share of a query's first results that lie in the cluster: (c,) float64, NaN without a name."""
        shares = np.full(len(names), np.nan)
        for cluster, name in enumerate(names):
            if name.name:
                inside = self.clusters.members[:, self.clusters.levels[cluster]] == cluster
                likeness = self.vectors @ self.encoder.embed_texts([name.name])[0]
                first = np.argsort(-likeness, kind="stable")[: inside.sum()]
                shares[cluster] = inside[first].mean()
        return shares
