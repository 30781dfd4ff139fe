"""Print what the insights of many images cost beside their map: seconds on two cores, and memory.

The images do not exist. Their vectors are of villages in towns in lands; a twentieth of them are near
another, as copies are. What each step computes is measured in a process of its own, without the reading and
writing of the home. A signature is made of one of the sample's pictures, shrunk as for a thumbnail, as often
as there are images; the pictures that are compared are noise with the frequencies of photographs, half of it
common to a village. (Drawings on white are more alike, and take longer.) The vectors of words are there: a
machine embeds the vocabulary once for each model. Before anything is timed, Numba's functions are compiled,
and the libraries are loaded that the map has loaded in a run.

    python benchmarks/insight_cost.py [--images 100000]
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from figures import Figure, print_figures, print_header, print_row

from clipper.images.decode import shrink
from clipper.images.picture.measures import MEASURES
from clipper.images.picture.signature import SIDE, signature
from clipper.insight.clustering.identity import find_clusters
from clipper.insight.doubles.duplicates import Files, find_duplicates
from clipper.insight.drift import DRIFT_LEVEL, cluster_ids, measure_drift
from clipper.insight.labels import doubt_labels, reason_to_skip
from clipper.insight.outliers import score_outliers, score_uniqueness
from clipper.insight.picture_quality import flag
from clipper.insight.words.candidates import DatasetWords
from clipper.insight.words.naming import WordVectors, name_clusters
from clipper.insight.words.vocabulary import shipped_words
from clipper.projection.graph import NeighborGraph, build_graph
from clipper.projection.layout import Parameters, cache_compiled
from clipper.projection.quality import measure_trust
from clipper.projection.update import start_map
from clipper.store.parts.clusters import Clusters

DATA = Path(__file__).resolve().parents[1] / "data"
SIZE, DIMENSIONS, CORES = 100_000, 512, 2
LANDS, TOWNS, VILLAGES, LATENT = 10, 60, 1_200, 8
COPIES = 0.05
OWN_WORDS, IMAGES_OF_A_WORD = 5_000, 100
KNOWN = 0.9  # share of the images that the earlier version has, too
SHARE = 0.5  # what the insights may cost, of the map
Arrays = dict[str, np.ndarray]


class Cost(NamedTuple):
    """What one step took. `peak` is all that its process held, libraries and inputs too."""

    seconds: float
    processor: float  # seconds, of all cores
    peak: float  # MB
    more: float  # MB of them beyond the libraries and inputs


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make(folder: Path, n: int) -> None:
    """Write what the steps read."""
    random = np.random.default_rng(1)
    lands = random.normal(size=(LANDS, DIMENSIONS))
    land, town = random.integers(0, LANDS, TOWNS), random.integers(0, TOWNS, VILLAGES)
    towns = lands[land] + 0.8 * random.normal(size=(TOWNS, DIMENSIONS))
    villages = towns[town] + 0.6 * random.normal(size=(VILLAGES, DIMENSIONS))
    axes = random.normal(size=(VILLAGES, LATENT, DIMENSIONS)).astype(np.float32)
    village = random.choice(VILLAGES, n, p=random.dirichlet(np.ones(VILLAGES)))
    vectors = np.empty((n, DIMENSIONS), np.float32)
    for number in range(VILLAGES):
        of = village == number
        within = random.normal(size=(of.sum(), LATENT)).astype(np.float32) @ axes[number]
        noise = random.normal(size=within.shape).astype(np.float32)
        vectors[of] = unit(villages[number] + 0.25 * within + 0.1 * noise)
    copies, originals = np.split(random.permutation(n)[: 2 * round(COPIES * n)], 2)
    vectors[copies] = unit(vectors[originals] + 0.003 * random.normal(size=(len(copies), DIMENSIONS)))
    village[copies] = village[originals]
    np.save(folder / "vectors.npy", vectors)
    wrong = random.random(n) < 0.02
    np.save(folder / "labels.npy", np.where(wrong, random.integers(0, TOWNS, n), town[village]))
    np.save(folder / "villages.npy", village)
    named = villages[: len(shipped_words()) // 4]
    words = np.concatenate([named, random.normal(size=(len(shipped_words()) - len(named), DIMENSIONS))])
    np.save(folder / "words.npy", unit(words))
    np.save(folder / "signatures.npy", _pictures(random, village, copies, originals))


def _pictures(
    random: np.random.Generator, village: np.ndarray, copies: np.ndarray, originals: np.ndarray
) -> np.ndarray:
    """Signatures of pictures, of which those of a village share half of what they show.

    The amplitude of natural images falls as one over the frequency (Field 1987, J. Opt. Soc. Am. A 4). A copy
    has other light.
    """
    down, across = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    falling = (1 / np.maximum(np.hypot(down, across), 1 / SIDE))[..., None]

    def fields(count: int) -> np.ndarray:
        light, tint = random.normal(size=(2, count, SIDE, SIDE, 3)).astype(np.float32)
        waves = np.fft.rfft2(light[..., :1] + 0.4 * tint, axes=(1, 2)) * falling
        found = np.fft.irfft2(waves, s=(SIDE, SIDE), axes=(1, 2))
        return (found / found.std(axis=(1, 2, 3), keepdims=True)).astype(np.float32)

    shared = fields(VILLAGES)
    made = np.empty((len(village), SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(village), 4096):
        of = village[start : start + 4096]
        made[start : start + 4096] = (128 + 39 * (shared[of] + fields(len(of)))).clip(0, 255)
    light = random.uniform(0.9, 1.1, (len(copies), 1, 1, 1))
    made[copies] = (made[originals] * light).clip(0, 255)
    return made.reshape(len(made), -1)


def _files() -> list[Path]:
    return sorted((DATA / "images").glob("*.jpg"))


def _graph(folder: Path) -> NeighborGraph:
    return NeighborGraph(np.load(folder / "rows.npy"), np.load(folder / "distances.npy"))


def _clusters(folder: Path) -> Clusters:
    kept = np.load(folder / "clusters.npz")
    return Clusters(*(kept[name] for name in kept.files))


def graph(folder: Path) -> Callable[[], object]:
    """Build the graph, that every other step reads."""
    vectors = np.load(folder / "vectors.npy")
    build_graph(vectors[:200])

    def work() -> str:
        found = build_graph(vectors)
        np.save(folder / "rows.npy", found.rows)
        np.save(folder / "distances.npy", found.distances)
        return ""

    return work


def the_map(folder: Path) -> Callable[[], object]:
    """Lay out a new map, and measure it."""
    vectors, known = np.load(folder / "vectors.npy"), _graph(folder)
    cache_compiled()
    start_map(vectors[:200], Parameters())

    def work() -> str:
        positions = start_map(vectors, Parameters(), graph=known).layout.positions
        np.save(folder / "positions.npy", positions)
        return f"{measure_trust(vectors, positions)}"

    return work


def scores(folder: Path) -> Callable[[], object]:
    """How odd and how unique each image is, and the issues of its picture."""
    vectors, known = np.load(folder / "vectors.npy"), _graph(folder)
    looks = {name: np.random.default_rng(i).random(len(vectors)) for i, name in enumerate(MEASURES)}
    side = np.full(len(vectors), 640)

    def work() -> str:
        flag(looks, widths=side, heights=side)
        score_uniqueness(known)
        return f"{(score_outliers(vectors, looks=looks) > 2.5).sum():,} stand apart"

    return work


def clusters(folder: Path) -> Callable[[], object]:
    """Clusters in three levels, and what stands for them."""
    known, positions = _graph(folder), np.load(folder / "positions.npy")
    penalties = (np.random.default_rng(0).random(len(positions)) < 0.02).astype(np.float32)

    def work() -> str:
        found = find_clusters(known, positions, penalties=penalties)
        np.savez(folder / "clusters.npz", **vars(found))
        return f"{len(found):,} clusters"

    return work


def names(folder: Path) -> Callable[[], object]:
    """A name for each cluster, of the shipped vocabulary or of the dataset's own words."""
    vectors, found = np.load(folder / "vectors.npy"), _clusters(folder)
    words, village = np.load(folder / "words.npy"), np.load(folder / "villages.npy")
    rows = [np.flatnonzero(village == i % VILLAGES)[:IMAGES_OF_A_WORD] for i in range(OWN_WORDS)]
    own = DatasetWords(
        tuple(f"own {i}" for i in range(OWN_WORDS)), np.cumsum([0, *map(len, rows)]), np.concatenate(rows)
    )

    def work() -> str:
        named = name_clusters(
            vectors,
            found,
            WordVectors(shipped_words(), words),
            embed=lambda asked: words[: len(asked)],
            own=own,
        )
        return f"{sum(bool(name.name) for name in named):,} named"

    return work


def signatures(folder: Path) -> Callable[[], object]:
    """What decoding does in addition: a signature of each small picture, in a process for each core."""
    n = len(np.load(folder / "signatures.npy", mmap_mode="r"))
    from PIL import Image

    small = [shrink(Image.open(path).convert("RGB")) for path in _files()]

    def make() -> None:
        for i in range(0, n, CORES):
            signature(small[i % len(small)])

    def work() -> str:
        children = [multiprocessing.get_context("fork").Process(target=make) for _ in range(CORES)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        return f"{n:,} signatures"

    return work


def duplicates(folder: Path) -> Callable[[], object]:
    """Candidates from the graph and from hashes, and their comparison."""
    known, pictures = _graph(folder), np.load(folder / "signatures.npy")

    def files(n: int) -> Files:
        side, ids = np.full(n, 640), [f"image-{i:08}.jpg" for i in range(n)]
        return Files(ids, np.arange(n), side, side, side * 100, np.arange(n, dtype=np.float64))

    pair = NeighborGraph(np.array([[1], [0]], np.int32), np.zeros((2, 1), np.float32))
    find_duplicates(pair, np.stack([pictures[0], pictures[0] // 2]), files(2))
    all_files = files(len(pictures))

    def work() -> str:
        return f"{len(find_duplicates(known, pictures, all_files)):,} files in groups"

    return work


def labels(folder: Path) -> Callable[[], object]:
    """Labels of a column of sixty classes that look wrong."""
    vectors, known = np.load(folder / "vectors.npy"), _graph(folder)
    codes, words = np.load(folder / "labels.npy"), np.load(folder / "words.npy")

    def work() -> str:
        why = reason_to_skip(codes, known)
        found = doubt_labels(vectors, codes, texts=words[:TOWNS])
        return why or f"{found.wrong.sum():,} labels"

    return work


def drift(folder: Path) -> Callable[[], object]:
    """What differs from a version without the last tenth of the images."""
    vectors = np.load(folder / "vectors.npy")
    keys = [i.to_bytes(16, "big") for i in range(len(vectors))]
    ids = cluster_ids(_clusters(folder), DRIFT_LEVEL)
    m = round(KNOWN * len(vectors))

    def work() -> str:
        found = measure_drift(vectors[:m], vectors, keys=(keys[:m], keys), clusters=(ids[:m], ids))
        return f"drifted: {found.drifted}"

    return work


INSIGHTS = (scores, clusters, names, signatures, duplicates, labels, drift)
STEPS = {step.__name__: step for step in (graph, the_map, *INSIGHTS)}


def measure_here(step: str, folder: Path) -> dict[str, Any]:
    """Run a step in this process: what `Cost` has, and what was found."""
    import scipy.sparse.csgraph
    import scipy.stats  # noqa: F401 - UMAP loads both

    work = STEPS[step](folder)
    before = peak_here()
    started, used = time.perf_counter(), processor_seconds()
    found = work()
    seconds, processor = time.perf_counter() - started, processor_seconds() - used
    peak = peak_here()
    return {"cost": Cost(seconds, processor, peak, peak - before), "found": found}


def processor_seconds() -> float:
    """Seconds of processor time that this program and its children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_here() -> float:
    """The most memory that this program held, in MB.

    `getrusage` would tell the most of the program that started this one, where that is more.
    """
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def measure_apart(step: str, folder: Path) -> tuple[Cost, str]:
    """Run a step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answer = json.loads(told.splitlines()[-1])
    return Cost(*answer["cost"]), answer["found"]


def measure_all(n: int) -> Iterator[tuple[str, Cost, str]]:
    """Make the images, and measure step by step."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), n)
        for step in STEPS:
            yield (step, *measure_apart(step, Path(folder)))


def report(n: int = SIZE) -> Iterator[Figure]:
    """Print what each step took; yield the share that the insights have of the map."""
    print_header(f"{n:,} vectors of {DIMENSIONS}", "", "seconds", "of the processor", "peak MB",
                 "of these its own", "found")  # fmt: skip
    costs = {}
    for step, cost, found in measure_all(n):
        costs[step] = cost
        print_row(step.replace("_", " "), *(f"{value:,.1f}" for value in cost[:2]),
                  *(f"{value:,.0f}" for value in cost[2:]), found)  # fmt: skip
    of_insights = [costs[step.__name__] for step in INSIGHTS]
    for name, at in (("seconds", 0), ("processor time", 1)):
        total, the_map = sum(cost[at] for cost in of_insights), costs["the_map"][at]
        yield Figure(f"{name} of all insights, as a share of the map's", total / the_map, SHARE, most=True)
        with_graph = total / (the_map + costs["graph"][at])
        yield Figure(f"{name} of all insights, as a share of the map's with the graph", with_graph)
    most = max(cost.peak for cost in of_insights)
    yield Figure("peak memory of the hungriest insight, MB", most, form=",.0f")
    yield Figure("peak memory of the map, MB", costs["the_map"].peak, form=",.0f")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=SIZE)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(measure_here(asked.step, asked.folder)))
    else:
        print_figures("Cost", list(report(asked.images)))


if __name__ == "__main__":
    main()
