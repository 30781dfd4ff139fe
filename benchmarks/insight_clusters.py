"""Print how well the clusters of the sample meet its subgroups, how lasting they are, and what they cost.

Noise is counted in two ways, the same for every method: as one more cluster, and as a cluster for each image.

    python benchmarks/insight_clusters.py [agreement] [lasting] [seconds]
"""

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import clipper
from clipper.insight.clustering.identity import find_clusters, update_clusters
from clipper.projection.graph import NeighborGraph, build_graph
from clipper.projection.layout import Parameters
from clipper.projection.update import EarlierMap, Layout, start_map, update_map
from clipper.store.parts.clusters import LEVELS, NOISE, Clusters

DATA = Path(__file__).resolve().parents[1] / "data"
SIZE, VILLAGES, LATENT, WIDTH = 100_000, 1_200, 8, 40
SEEDS = (0, 1, 2)
HDBSCAN_SIZES = (3, 4, 5, 6, 8, 10, 15, 20)


def agreement_of(true: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Adjusted mutual information with noise as one cluster, and with each noise image as its own."""
    from sklearn.metrics import adjusted_mutual_info_score

    alone = np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)
    return tuple(float(adjusted_mutual_info_score(true, found)) for found in (labels, alone))


def agreement() -> None:
    """Print the clusters of each level, and k-means and HDBSCAN beside the finest."""
    atlas = clipper.open(DATA)
    true = atlas.metadata["subgroup"].astype(str).to_numpy()
    vectors, positions = np.asarray(atlas.vectors), np.asarray(atlas.points[["x", "y"]], np.float32)
    found = find_clusters(build_graph(vectors), positions)
    print("\n| | clusters | noise | agreement, noise is one | agreement, noise is each its own |")
    print("|---|---|---|---|---|")
    rows = [(f"Clipper, level {level}", found.members[:, level]) for level in range(LEVELS)]
    count = len(found.rows_at(LEVELS - 1))
    rows += [(f"k-means, seed {seed}", k_means(vectors, count, seed)) for seed in SEEDS]
    rows += list(hdbscan("vectors", vectors)) + list(hdbscan("positions", positions))
    for name, labels in rows:
        one, each = agreement_of(true, labels)
        number = len(np.unique(labels[labels >= 0]))
        print(f"| {name} | {number} | {(labels < 0).mean():.1%} | {one:.3f} | {each:.3f} |", flush=True)


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


def lasting() -> None:
    """Print how many clusters keep their identity when a tenth of the images is added to a still map."""
    vectors = np.unique(np.asarray(clipper.open(DATA).vectors), axis=0)
    print("\n| | seed | clusters | kept, the new join | kept, found again |")
    print("|---|---|---|---|---|")
    for seed in SEEDS:
        old = np.sort(np.random.default_rng(seed).permutation(len(vectors))[: round(len(vectors) / 1.1)])
        graph, positions, was = grown(vectors, old)
        earlier = find_clusters(build_graph(vectors[old]), positions[old])
        joined = update_clusters(earlier, graph, positions, was)
        again = update_clusters(earlier, graph, positions, was, moved=True)
        for level in range(LEVELS):
            kept = [f"{share_kept(earlier, later, level):.1%}" for later in (joined, again)]
            count = len(earlier.rows_at(level))
            print(f"| level {level} | {seed} | {count} | {kept[0]} | {kept[1]} |", flush=True)


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


def share_kept(earlier: Clusters, later: Clusters, level: int) -> float:
    """The share of clusters of a level that are there later, with the same color."""
    colors = dict(zip(later.ids.tolist(), later.colors.tolist(), strict=True))
    rows = earlier.rows_at(level)
    kept = [colors.get(int(earlier.ids[row])) == int(earlier.colors[row]) for row in rows]
    return float(np.mean(kept))


def seconds() -> None:
    """Print the time for many generated images, whose neighbors are those in a space of few dimensions."""
    random = np.random.default_rng(1)
    lands = random.normal(size=(10, LATENT)) * 6
    towns = lands[random.integers(0, 10, 60)] + random.normal(size=(60, LATENT)) * 2
    villages = towns[random.integers(0, 60, VILLAGES)] + random.normal(size=(VILLAGES, LATENT)) * 0.7
    village = random.choice(VILLAGES, SIZE, p=random.dirichlet(np.ones(VILLAGES)))
    points = villages[village] + random.normal(size=(SIZE, LATENT)) * 0.3
    flat = villages[village] @ random.normal(size=(LATENT, 2)) + (points - villages[village])[:, :2]
    apart, near = cKDTree(points).query(points, WIDTH + 1, eps=0.3)
    graph = NeighborGraph(near[:, 1:].astype(np.int32), (apart[:, 1:] ** 2 / 200).astype(np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    found = find_clusters(graph, flat.astype(np.float32))
    took = time.perf_counter() - started
    grew = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    counts = ", ".join(str(len(found.rows_at(level))) for level in range(LEVELS))
    print(f"\n{SIZE:,} images: {took:.1f} s, {grew / 1024:.0f} MB more; clusters: {counts}")
    started = time.perf_counter()
    update_clusters(found, graph, flat.astype(np.float32), np.arange(SIZE))
    print(f"brought up to date with nothing changed: {time.perf_counter() - started:.1f} s")


def main() -> None:
    """Measure and print what is named, or all."""
    for name in sys.argv[1:] or ["agreement", "lasting", "seconds"]:
        {"agreement": agreement, "lasting": lasting, "seconds": seconds}[name]()


if __name__ == "__main__":
    main()
