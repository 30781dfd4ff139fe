"""Print how well the clusters of the sample meet its subgroups, and how lasting they and their names are.

Noise is counted in two ways, the same for every method: as one more cluster, and as a cluster for each image.

    python benchmarks/insight_clusters.py [agreement] [lasting]
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from figures import Figure, print_figures, print_header, print_row
from insight_sample import DATA, Sample, begin_home, image_names

from clipper.atlas.engine import SearchEngine
from clipper.indexing.run import index_images
from clipper.insight.clustering.identity import find_clusters, update_clusters
from clipper.projection.graph import NeighborGraph, build_graph
from clipper.projection.layout import Parameters
from clipper.projection.update import EarlierMap, Layout, start_map, update_map
from clipper.settings import Settings
from clipper.store.parts.clusters import LEVELS, NOISE, Clusters

SEEDS = (0, 1, 2)
HDBSCAN_SIZES = (3, 4, 5, 6, 7, 8, 10, 15, 20)
COUNTED = ("noise is one", "noise is each its own")
# The least share of the clusters that keep their name and color when a tenth of the images is added.
KEPT = 0.9

Agreement = tuple[float, float]


def agreement_of(true: np.ndarray, labels: np.ndarray) -> Agreement:
    """Adjusted mutual information with noise as one cluster, and with each noise image as its own."""
    from sklearn.metrics import adjusted_mutual_info_score

    alone = np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)
    return tuple(float(adjusted_mutual_info_score(true, found)) for found in (labels, alone))


def agreement(sample: Sample) -> None:
    """Print the clusters of each level, and k-means and HDBSCAN beside the finest."""
    _, true = sample.classes("subgroup")
    print_header("Agreement", "", "clusters", "noise", *COUNTED)
    rows = [(f"Clipper, level {level}", sample.clusters.members[:, level]) for level in range(LEVELS)]
    for name, labels in [*rows, *others(sample)]:
        shown = (f"{value:.3f}" for value in agreement_of(true, labels))
        print_row(name, count(labels), f"{(labels < 0).mean():.1%}", *shown)


def others(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """The clusters of other methods: k-means has as many as Clipper's finest level."""
    number = len(sample.clusters.rows_at(LEVELS - 1))
    yield from ((f"k-means, seed {seed}", k_means(sample.vectors, number, seed)) for seed in SEEDS)
    yield from hdbscan("vectors", sample.vectors)
    yield from hdbscan("positions", sample.positions)


def count(labels: np.ndarray) -> int:
    """The number of clusters."""
    return len(np.unique(labels[labels >= 0]))


def agreement_figures(sample: Sample) -> Iterator[Figure]:
    """Compare the finest level with the others; of HDBSCAN's, with that of the nearest number of clusters."""
    _, true = sample.classes("subgroup")
    finest = sample.clusters.members[:, LEVELS - 1]
    ours, number = agreement_of(true, finest), count(finest)
    rivals: dict[str, Agreement] = {}
    tried: dict[str, tuple[int, np.ndarray]] = {}
    for name, labels in others(sample):
        if name.startswith("k-means"):
            each = agreement_of(true, labels)
            rivals["k-means"] = tuple(map(max, each, rivals.get("k-means", each)))
        else:
            kind, away = name.partition(",")[0], abs(count(labels) - number)
            if away <= tried.get(kind, (away, labels))[0]:
                tried[kind] = away, labels
    for kind, (_, labels) in tried.items():
        rivals[f"{kind} ({count(labels)} clusters)"] = agreement_of(true, labels)
    for name, theirs in rivals.items():
        for how, own, other in zip(COUNTED, ours, theirs, strict=True):
            yield Figure(
                f"Finest level ({number} clusters): AMI with subgroup, {how}; asked: {name}", own, other
            )


def k_means(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The clusters of k-means."""
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=1, random_state=seed).fit_predict(vectors)


def hdbscan(name: str, points: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The clusters of HDBSCAN for some least sizes of a cluster."""
    from sklearn.cluster import HDBSCAN

    for least in HDBSCAN_SIZES:
        yield (
            f"HDBSCAN on {name}, at least {least}",
            HDBSCAN(min_cluster_size=least, copy=True).fit_predict(points),
        )


def lasting(sample: Sample) -> None:
    """Print how many clusters keep their identity when a tenth of the images is added to a still map."""
    print_header("A tenth is added", "", "seed", "clusters", "kept, the new join", "and their names",
                 "kept, found again", "and their names")  # fmt: skip
    for seed in SEEDS:
        for level, number, *kept in shares_kept(sample, seed):
            print_row(f"level {level}", seed, number, *(f"{share:.1%}" for share in kept))
    print_figures("In a home", lasting_figures())


def lasting_figures(seeds: Sequence[int] = SEEDS) -> Iterator[Figure]:
    """Index a home, add a tenth to its images, index it again: do clusters keep their name and color?"""
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(image_names()).tolist()
        first = round(len(order) / 1.1)
        with TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            begin_home(home, order[:first])
            before = names_and_colors(home)
            for name in order[first:]:
                shutil.copy2(DATA / "images" / name, home / "images")
            after = names_and_colors(home)
        kept = [after.get(each) == looks for each, looks in before.items()]
        name = (
            f"A tenth is added, seed {seed}: share of the {len(kept)} clusters with the same name and color"
        )
        yield Figure(name, float(np.mean(kept)), KEPT)


def names_and_colors(home: Path) -> dict[int, tuple[str, int]]:
    """Index a home: the name and the color of each cluster, by its id."""
    index_images(home=home, progress=False)
    insights = SearchEngine(Settings.load(home)).insights
    found = insights.clusters
    looks = zip(insights.cluster_names, found.colors.tolist(), strict=True)
    return dict(zip(found.ids.tolist(), looks, strict=True))


def shares_kept(sample: Sample, seed: int) -> Iterator[tuple[float, ...]]:
    """Add a tenth of the images.

    Yields:
        the level, its number of clusters, and of those the share that keep their color, and their name too:
        where the new images join the clusters, and where the clusters are found again.
    """
    _, distinct = np.unique(sample.vectors, axis=0, return_index=True)
    vectors = sample.vectors[distinct]
    old = np.sort(np.random.default_rng(seed).permutation(len(vectors))[: round(len(vectors) / 1.1)])
    graph, positions, was = grown(vectors, old)
    earlier = find_clusters(build_graph(vectors[old]), positions[old])
    ways = [update_clusters(earlier, graph, positions, was, moved=moved) for moved in (False, True)]
    names = called(sample, earlier, distinct[old], {})
    later = [called(sample, way, distinct, names) for way in ways]
    for level in range(LEVELS):
        shares = [
            share_kept(earlier, way, level, names=named)
            for way, new in zip(ways, later, strict=True)
            for named in (None, (names, new))
        ]
        yield level, len(earlier.rows_at(level)), *shares


def called(sample: Sample, clusters: Clusters, rows: np.ndarray, before: dict[int, str]) -> dict[int, str]:
    """The name of each cluster, by its id."""
    names = sample.names_of(clusters, rows, before=[before.get(each, "") for each in clusters.ids.tolist()])
    return {int(each): name.name for each, name in zip(clusters.ids, names, strict=True)}


def grown(vectors: np.ndarray, old: np.ndarray) -> tuple[NeighborGraph, np.ndarray, np.ndarray]:
    """The graph and the map of all images, the new ones placed among the old, and the old row of each."""
    begun = start_map(vectors[old], Parameters())
    positions, known = np.zeros((len(vectors), 2), np.float32), np.zeros(len(vectors), bool)
    positions[old], known[old] = begun.layout.positions, True
    base = EarlierMap(Layout(positions, np.where(known, "fit", "place")), known, begun.drift)
    graph = build_graph(vectors)
    placed = update_map(vectors, base, Parameters(), graph=graph, mode="never").layout.positions
    was = np.full(len(vectors), NOISE)
    was[old] = np.arange(len(old))
    return graph, placed, was


def share_kept(
    earlier: Clusters,
    later: Clusters,
    level: int,
    *,
    names: tuple[dict[int, str], dict[int, str]] | None = None,
) -> float:
    """The share of clusters of a level that are there later, with the same color and, if given, name."""
    colors = dict(zip(later.ids.tolist(), later.colors.tolist(), strict=True))
    rows = earlier.rows_at(level)
    kept = [
        colors.get(each) == int(earlier.colors[row]) and (names is None or names[0][each] == names[1][each])
        for row, each in zip(rows.tolist(), earlier.ids[rows].tolist(), strict=True)
    ]
    return float(np.mean(kept))


def main() -> None:
    """Measure and print what is named, or all."""
    sample = Sample()
    for name in sys.argv[1:] or ["agreement", "lasting"]:
        {"agreement": agreement, "lasting": lasting}[name](sample)


if __name__ == "__main__":
    main()
