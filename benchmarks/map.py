"""Print how far the map moves and how well it keeps neighbours when a tenth of the images is added.

On the sample's vectors and on 20,000 generated ones; the tenth is any, or a whole new kind of image.

    python benchmarks/map.py [sample] [generated]
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import clipper
from clipper.projection import quality as frame
from clipper.projection.layout import FIT, PLACE, Layout, Parameters, fit, place_rest
from clipper.projection.neighbors import nearest
from clipper.projection.quality import measure_trust
from clipper.projection.refit import align, refit
from clipper.projection.update import EarlierMap, start_map, update_map

DATA = Path(__file__).resolve().parents[1] / "data"
PLAIN = Parameters()
SIZE, GROUPS, DIMENSIONS, LATENT = 20_000, 60, 512, 6


def generated() -> tuple[np.ndarray, np.ndarray]:
    """Vectors in groups that each vary in a few directions of their own, and their groups.

    The last group is a tenth of them.
    """
    random = np.random.default_rng(1)
    centres = random.normal(size=(GROUPS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    axes = random.normal(size=(GROUPS, LATENT, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    shares = np.append(0.9 * random.dirichlet(np.full(GROUPS - 1, 3.0)), 0.1)
    group = random.choice(GROUPS, SIZE, p=shares)
    within = np.zeros((SIZE, DIMENSIONS))
    for i in range(GROUPS):
        within[group == i] = 0.35 * random.normal(size=((group == i).sum(), LATENT)) @ axes[i]
    vectors = centres[group] + within + 0.02 * random.normal(size=(SIZE, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), group


def sample() -> tuple[np.ndarray, np.ndarray]:
    """The sample's distinct vectors, and which are of the kind nearest to one image: a tenth."""
    atlas = clipper.open(DATA)
    vectors = np.unique(atlas.vectors, axis=0)
    alike = vectors @ vectors[0]
    return vectors, alike > np.quantile(alike, 0.9)


def cases(vectors: np.ndarray, group: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What is new: a tenth of all, or a kind."""
    yield "any tenth", np.random.default_rng(0).random(len(vectors)) < 0.1
    yield "a new kind", group == group.max()


def on_map_of(vectors: np.ndarray, old: np.ndarray) -> EarlierMap:
    """The map before anything was added."""
    begun = start_map(vectors[old], PLAIN)
    positions = np.zeros((len(vectors), 2), np.float32)
    positions[old] = begun.layout.positions
    return EarlierMap(Layout(positions, np.where(old, FIT, PLACE)), old, begun.drift)


def ways(vectors: np.ndarray, base: EarlierMap) -> dict[str, Callable[[], Layout]]:
    """The ways to take in what is new."""
    known, old = base.layout.positions, base.known
    grown = update_map(vectors, base, PLAIN, mode="never").layout
    return {
        "placed only": lambda: place_rest(vectors, old, known[old]),
        "placed, new kinds relaxed": lambda: update_map(vectors, base, PLAIN, mode="never").layout,
        "refitted from where it was": lambda: refit(vectors, grown, old, PLAIN),
        "fitted anew, aligned": lambda: align(fit(vectors, PLAIN), known, old),
        "fitted anew": lambda: fit(vectors, PLAIN),
    }


def preserved(vectors: np.ndarray, layout: Layout, rows: np.ndarray) -> float:
    """Share of the rows' 15 nearest images that are among the 15 nearest on the map, over a sample."""
    own = np.random.default_rng(0).permutation(np.flatnonzero(rows))[: frame.SAMPLE]
    indices, _ = nearest(vectors[own], vectors, 15, own=own)
    return frame.preserved_share(indices, layout.positions[own], layout.positions, own) or 0.0


def report(name: str, vectors: np.ndarray, group: np.ndarray) -> None:
    """Print a table for each case."""
    for case, new in cases(vectors, group):
        base = on_map_of(vectors, ~new)
        width = np.ptp(base.layout.positions[base.known], axis=0).max()
        print(f"\n{name}: {case}, {new.sum():,} added to {base.known.sum():,}\n")
        print("| | median moved | 95 % moved less than | trustworthiness | kept, old | kept, new | seconds |")
        print("|---|---|---|---|---|---|---|")
        for way, made in ways(vectors, base).items():
            started = time.perf_counter()
            layout = made()
            seconds = time.perf_counter() - started
            moved = np.linalg.norm(layout.positions - base.layout.positions, axis=1)[base.known] / width
            trusted = measure_trust(vectors, layout.positions)["trustworthiness"]
            kept = [preserved(vectors, layout, rows) for rows in (base.known, new)]
            print(
                f"| {way} | {np.median(moved):.1%} | {np.quantile(moved, 0.95):.1%} | {trusted:.3f} "
                f"| {kept[0]:.3f} | {kept[1]:.3f} | {seconds:.1f} |",
                flush=True,
            )


def main() -> None:
    """Measure and print; the compiling of UMAP is done before anything is timed."""
    chosen = sys.argv[1:] or ["sample", "generated"]
    warm = generated()[0][:200]
    refit(warm, fit(warm, PLAIN), np.ones(200, bool), PLAIN)
    for name in chosen:
        report(name, *{"sample": sample, "generated": generated}[name]())


if __name__ == "__main__":
    main()
