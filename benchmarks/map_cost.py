"""Print what the neighbour graph and the map of many images cost, stage by stage, and how good they are.

The images do not exist: their vectors are of villages in towns in lands, or without groups, and stay on disk.
Processor time beside the time shows how busy the machine was with other work. `--fit-limit` places all images
beyond so many; a first run without it is the full fit to compare with. `--earlier` also runs what Clipper did
before: NNDescent and UMAP's optimiser on one thread each.

    python benchmarks/map_cost.py [--images 100000] [--fit-limit 200000] [--no-groups] [--earlier]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from clipper.projection import layout
from clipper.projection.graph import NeighborGraph, build_graph, measure_recall
from clipper.projection.layout import Parameters, fit_sample, place_rest
from clipper.projection.quality import measure_trust, preserved_share

DIMENSIONS, LANDS, TOWNS, VILLAGES, LATENT = 512, 10, 60, 1_200, 8
BLOCK, SAMPLE = 10_000, 1_000
KERNELS = "import clipper.projection.search.descent_kernels, clipper.projection.forces.optimize_kernels"


class OnDisk:
    """Vectors in a file, of which only the rows asked for are read."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._vectors = np.load(path, mmap_mode="r")
        self.shape = self._vectors.shape

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """Copy some rows."""
        return np.array(self._vectors[rows])


def make(path: Path, n: int, *, groups: bool) -> None:
    """Write n vectors, float32, L2-normalised."""
    random = np.random.default_rng(1)
    towns = random.normal(size=(LANDS, DIMENSIONS))[random.integers(0, LANDS, TOWNS)]
    towns += 0.8 * random.normal(size=towns.shape)
    villages = towns[random.integers(0, TOWNS, VILLAGES)] + 0.6 * random.normal(size=(VILLAGES, DIMENSIONS))
    axes = random.normal(size=(VILLAGES, LATENT, DIMENSIONS)).astype(np.float32)
    shares = random.dirichlet(np.ones(VILLAGES))
    directions = random.normal(size=(4 * LATENT, DIMENSIONS)) * np.linspace(1.5, 0.4, 4 * LATENT)[:, None]
    out = np.lib.format.open_memmap(path, "w+", np.float32, (n, DIMENSIONS))
    for start in range(0, n, BLOCK):
        m = min(BLOCK, n - start)
        noise = 0.1 * random.normal(size=(m, DIMENSIONS))
        if groups:
            village = random.choice(VILLAGES, m, p=shares)
            within = np.einsum("ml,mld->md", random.normal(size=(m, LATENT)), axes[village], optimize=True)
            made = villages[village] + 0.25 * within + noise
        else:
            made = random.normal(size=(m, 4 * LATENT)) @ directions + noise
        out[start : start + m] = made / np.linalg.norm(made, axis=1, keepdims=True)
    out.flush()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Print what a stage took."""
    began, processor = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    took = time.perf_counter() - began, time.process_time() - processor
    print(f"| {name} | {took[0]:.1f} | {took[1]:.1f} | {peak:.2f} |", flush=True)


def print_quality(name: str, vectors: OnDisk, graph: NeighborGraph, at: np.ndarray, rows: np.ndarray) -> None:
    """Print how far a map can be trusted, and the share of the 15 nearest that some rows keep."""
    chosen = np.sort(np.random.default_rng(0).choice(rows, min(SAMPLE, len(rows)), replace=False))
    kept = preserved_share(graph.rows[chosen, :15].astype(np.int64), at[chosen], at, chosen)
    trust = measure_trust(vectors, at)
    print(f"\n{name}: trustworthiness {trust['trustworthiness']:.4f} and neighbours kept ", end="")
    print(f"{trust['neighbour_preservation']:.4f} in a sample; kept among all images {kept:.4f}", flush=True)


def print_compiling() -> None:
    """Print how long a process waits for the compiled loops: the first on a machine, and a later one."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("compiling, the first process on a machine", "the same in a later process"):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", KERNELS], check=True, env=os.environ | {"NUMBA_CACHE_DIR": folder}
            )
            print(f"| {name}, with Python's start | {time.perf_counter() - began:.1f} | | |")


def earlier(vectors: OnDisk, graph: NeighborGraph) -> None:
    """Print what NNDescent and UMAP's optimiser take."""
    from pynndescent import NNDescent

    whole = vectors[slice(None)]
    for name in ("NNDescent, compiled before", "NNDescent"):
        some = whole[:2_000] if "before" in name else whole
        with stage(name):
            index = NNDescent(some, metric="cosine", n_neighbors=41, random_state=0, n_jobs=1)
    rows, distances = (array[:, 1:].copy() for array in index.neighbor_graph)
    print(f"\nrecall at 15 of NNDescent {measure_recall(NeighborGraph(rows, distances), vectors):.4f}\n")
    layout.SERIAL_LIMIT = len(whole)
    with stage("UMAP, one thread"):
        at = layout.fit(vectors, Parameters(fit_limit=len(whole)), graph).positions
    print_quality("UMAP", vectors, graph, at, np.arange(len(at)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--fit-limit", type=int, default=200_000)
    parser.add_argument("--no-groups", action="store_true")
    parser.add_argument("--earlier", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        make(path, asked.images, groups=not asked.no_groups)
        vectors, parameters = OnDisk(path), Parameters(fit_limit=asked.fit_limit)
        print(
            f"{asked.images:,} x {DIMENSIONS}, {os.cpu_count()} cores\n\n| | seconds | processor | peak GB |"
        )
        print("|---|---|---|---|")
        print_compiling()
        with stage("neighbour graph"):
            graph = build_graph(vectors)
        with stage("its recall"):
            recall = measure_recall(graph, vectors)
        with stage("choose what is fitted"):
            chosen = fit_sample(vectors, parameters)
        with stage(f"fit {chosen.sum():,}"):
            fitted = layout.fit(vectors[chosen], parameters, graph if chosen.all() else None).positions
        with stage(f"place {(~chosen).sum():,}"):
            at = place_rest(vectors, chosen, fitted).positions
        print(f"\nrecall at 15 of the graph {recall:.4f}")
        print_quality("map", vectors, graph, at, np.arange(len(at)))
        if not chosen.all():
            print_quality("its placed images", vectors, graph, at, np.flatnonzero(~chosen))
        if asked.earlier:
            earlier(vectors, graph)


if __name__ == "__main__":
    main()
