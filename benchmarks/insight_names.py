"""Print the name of each cluster of the sample, how well it holds as a query, and what naming costs.

A query for the name returns as many images as the cluster has. The score is the share of them that lie in the
cluster.

    python benchmarks/insight_names.py [names] [templates] [seconds]
"""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

import clipper
from clipper.insight.clustering.identity import find_clusters
from clipper.insight.words import vocabulary
from clipper.insight.words.candidates import DatasetWords, dataset_words
from clipper.insight.words.naming import ClusterName, WordVectors, name_clusters
from clipper.models import source
from clipper.models.clip import Clip
from clipper.projection.graph import build_graph
from clipper.settings import Settings
from clipper.store.parts.clusters import LEVELS, Clusters

DATA = Path(__file__).resolve().parents[1] / "data"
# The least median share of the middle level, and the most seconds for the generated dataset.
FLOOR, BUDGET = 0.60, 10.0
TEMPLATES = (
    ("{}",),
    ("a photo of a {}",),
    ("{}", "a photo of a {}"),
    ("{}", "a photo of a {}", "a picture of {}"),
)
IMAGES, DIMENSIONS, WORDS, KINDS = 100_000, 512, 10_000, 300


class Sample:
    """The sample's vectors, clusters and words, and its model."""

    def __init__(self) -> None:
        """Read the atlas of `clipper index --home data`."""
        atlas = clipper.open(DATA)
        self.vectors = np.asarray(atlas.vectors)
        positions = np.asarray(atlas.points[["x", "y"]], np.float32)
        self.clusters = find_clusters(build_graph(self.vectors), positions)
        table = pa.Table.from_pandas(atlas.metadata, preserve_index=False)
        self.own = dataset_words(table, list(atlas.columns.values()))
        self.clip = Clip(source.find(Settings.load(DATA)))

    def names(self, *, own: bool = True) -> list[ClusterName]:
        """Name the clusters, with the dataset's words or without."""
        with TemporaryDirectory() as folder:
            embed = partial(
                vocabulary.word_vectors, embed=self.clip.embed_texts, fingerprint="", folder=Path(folder)
            )
            shipped = vocabulary.shipped_words()
            words = WordVectors(shipped, embed(shipped))
            return name_clusters(
                self.vectors, self.clusters, words, embed=embed, own=self.own if own else None
            )

    def shares(self, names: Sequence[ClusterName]) -> np.ndarray:
        """The share of a query's first results that lie in the cluster: (c,) float64, NaN without a name."""
        shares = np.full(len(names), np.nan)
        for cluster, name in enumerate(names):
            if name.name:
                inside = self.clusters.members[:, self.clusters.levels[cluster]] == cluster
                likeness = self.vectors @ self.clip.embed_texts([name.name])[0]
                first = np.argsort(-likeness, kind="stable")[: inside.sum()]
                shares[cluster] = inside[first].mean()
        return shares


def names(sample: Sample) -> None:
    """Print name by name, and the median of each level."""
    found = sample.names()
    shares = sample.shares(found)
    for level in range(LEVELS):
        rows = sample.clusters.rows_at(level)
        print(f"\nlevel {level}\n\n| images | name | from | score | share | next best |")
        print("|---|---|---|---|---|---|")
        for row in rows.tolist():
            name = found[row]
            share = "" if np.isnan(shares[row]) else f"{shares[row]:.2f}"
            cells = (sample.clusters.sizes[row], name.name or "-", name.source, f"{name.score:.2f}", share)
            print("|", " | ".join(map(str, cells)), "|", ", ".join(name.runners_up), "|")
        print(f"\n{_summary(found, shares, rows)}")
    middle = sample.clusters.rows_at(1)
    median = np.nanmedian(shares[middle])
    print(f"\nthe floor of the middle level, {FLOOR:.2f}, is {'kept' if median >= FLOOR else 'missed'}")
    alone = sample.names(own=False)
    print(f"without metadata, middle level: {_summary(alone, sample.shares(alone), middle)}")


def _summary(found: Sequence[ClusterName], shares: np.ndarray, rows: np.ndarray) -> str:
    named = sum(bool(found[row].name) for row in rows)
    median = np.nanmedian(shares[rows]) if named else np.nan
    return f"{named} of {len(rows)} clusters have a name; median share {median:.2f}"


def templates(sample: Sample) -> None:
    """Print what the templates around a word change."""
    kept = vocabulary.TEMPLATES
    for vocabulary.TEMPLATES in TEMPLATES:
        found = sample.names()
        print(f"{vocabulary.TEMPLATES}: {_summary(found, sample.shares(found), sample.clusters.rows_at(1))}")
    vocabulary.TEMPLATES = kept


def seconds() -> None:
    """Print what naming costs for a large generated dataset, without the embedding of words."""
    random = np.random.default_rng(0)
    kinds = random.normal(size=(KINDS, DIMENSIONS))
    kind = random.integers(0, KINDS, IMAGES)
    vectors = _unit(kinds[kind] + 2 * random.normal(size=(IMAGES, DIMENSIONS)))
    named = kinds + random.normal(size=kinds.shape)
    words = _unit(np.concatenate([named, random.normal(size=(WORDS, DIMENSIONS))]))
    texts = [f"word {number}" for number in range(len(words))]
    members = np.stack([kind // 20, 15 + kind // 4, 90 + kind], axis=1).astype(np.int32)
    clusters = _clusters(members, (15, 75, KINDS))
    rows = [np.flatnonzero(kind == number % KINDS)[:100] for number in range(5_000)]
    starts = np.cumsum([0, *map(len, rows)])
    own = DatasetWords(tuple(f"own {number}" for number in range(5_000)), starts, np.concatenate(rows))
    started, used = time.perf_counter(), time.process_time()
    found = name_clusters(
        vectors, clusters, WordVectors(texts, words), embed=lambda asked: words[-len(asked) :], own=own
    )
    took, cost = time.perf_counter() - started, time.process_time() - used
    right = sum(name.name == f"word {number}" for number, name in enumerate(found[90:]))
    slow = "" if cost <= BUDGET else f"  over {BUDGET:.0f}"
    print(
        f"{IMAGES:,} images, {len(clusters)} clusters, {len(words):,} words; {right} of {KINDS} kinds found"
    )
    print(f"{took:.1f} s by the clock, {cost:.1f} s of the processor{slow}")


def _clusters(members: np.ndarray, counts: Sequence[int]) -> Clusters:
    count = sum(counts)
    levels = np.repeat(np.arange(LEVELS), counts).astype(np.int8)
    parents = np.full(count, -1, np.int32)
    for level in range(1, LEVELS):
        parents[members[:, level]] = members[:, level - 1]
    sizes = np.bincount(members.ravel(), minlength=count).astype(np.int32)
    none = np.zeros(count, np.int16)
    return Clusters(
        np.arange(count), levels, parents, sizes, np.zeros((count, 2), np.float32), none,
        np.full((count, 9), -1, np.int32), members, np.arange(len(members), dtype=np.int32),
    )  # fmt: skip


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Print what is asked for, or all."""
    asked = sys.argv[1:] or ["names", "templates", "seconds"]
    sample = Sample() if {"names", "templates"} & set(asked) else None
    if sample and "names" in asked:
        names(sample)
    if sample and "templates" in asked:
        templates(sample)
    if "seconds" in asked:
        seconds()


if __name__ == "__main__":
    main()
