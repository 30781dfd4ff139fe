"""Print how much faster two Dask workers of one core each are than one, stage by stage.

A scheduler and its workers run on this machine, each worker on a core of its own. One worker and two take
turns, and the medians are compared. The images are JPEGs of 640 x 480 pixels in a real home, with the
sample's small model, so that decoding takes most of the time; the vectors are in groups, in a home's shards,
and so many that a run would send each stage to a cluster. The scheduler and the run itself share the cores
with the workers; the last column has what they take.

    python benchmarks/cluster.py FOLDER [--images 2000] [--vectors 300000] [--dimensions 512] [--rounds 2]
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from figures import print_header, print_row
from PIL import Image

from clipper.indexing.cluster import blocks
from clipper.indexing.cluster.blocks import blocks_on_cluster
from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.outliers import score_outliers
from clipper.projection.graph import build_graph
from clipper.projection.layout import place_rest
from clipper.settings import CONFIG_NAME, Settings
from clipper.store import embeddings
from clipper.store.shards import write_shard

if TYPE_CHECKING:
    from clipper.projection.neighbors import Vectors

MODEL = Path(__file__).resolve().parents[1] / "data" / "models" / "clip-emoji"
WIDTH, HEIGHT = 640, 480
SHARD = 20_000
# Images to which the map is fitted; the others are placed.
FITTED = 20_000
# So many times the vectors are scored: the rows repeat.
SCORED = 20
WORKER = """
import os, sys
from distributed.cli.dask_worker import main
os.sched_setaffinity(0, {int(sys.argv.pop(1))})
main()
"""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with these arguments, until the block ends."""
    made = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if "distributed.cli.dask_scheduler" in arguments else subprocess.DEVNULL,
        text=True,
        env=os.environ | ONE_THREAD,
    )
    try:
        yield made
    finally:
        made.kill()
        made.communicate(timeout=30)


class Running(NamedTuple):
    """A cluster: where its scheduler is reached, and the id of its process."""

    address: str
    scheduler: int


@contextmanager
def cluster(workers: int) -> Iterator[Running]:
    """Start a scheduler and workers of one thread, each on a core of its own."""
    from distributed import Client

    with process("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                 "--no-dashboard") as made:  # fmt: skip
        line = next(line for line in made.stderr or () if "Scheduler at:" in line)
        address = line.split()[-1]
        options = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1")
        cores = sorted(os.sched_getaffinity(0))
        started = [
            process("-c", WORKER, str(cores[i % len(cores)]), address, *options) for i in range(workers)
        ]
        try:
            for each in started:
                each.__enter__()
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=60)
            yield Running(address, made.pid)
        finally:
            for each in started:
                each.__exit__(None, None, None)


def make_images(folder: Path, count: int) -> None:
    """Write JPEGs, each with other shapes and grain."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for n in range(count):
        if (path := folder / f"{n:06}.jpg").exists():
            continue
        a, b, c = random.uniform(0.005, 0.05, (3, 2))
        waves = np.stack([np.sin(p * x + q * y + n) for p, q in (a, b, c)], axis=2)
        noise = random.normal(0, 12, (HEIGHT, WIDTH, 1))
        Image.fromarray((127 + 100 * waves + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)


def make_vectors(home: Path, count: int, dimensions: int) -> embeddings.MappedVectors:
    """Write vectors in groups to shards of a home."""
    random = np.random.default_rng(0)
    groups = random.normal(size=(200, dimensions)).astype(np.float32)
    store = embeddings.store(home / "vectors", dimensions=dimensions, fingerprint="model")
    keys = [n.to_bytes(16, "big") for n in range(count)]
    if not store.keys():
        for start in range(0, count, SHARD):
            part = keys[start : start + SHARD]
            made = groups[random.integers(0, len(groups), len(part))]
            made = made + random.normal(size=made.shape).astype(np.float32)
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            flat = pa.FixedSizeListArray.from_arrays(pa.array(made.ravel()), dimensions)
            write_shard(store.folder, pa.table([pa.array(part, pa.binary(16)), flat], schema=store.schema))
    return embeddings.MappedVectors(store, keys)


def make_home(home: Path, images: int) -> Path:
    """Make a home of images for the sample's model."""
    make_images(home / "images", images)
    (home / CONFIG_NAME).write_text(f'model = "{MODEL}"\nprecision = "exact"\n')
    return home


def contents(home: Path, address: str) -> int:
    """Decode, embed, make thumbnails, facts and measures of all images; return how many."""
    shutil.rmtree(home / "store", ignore_errors=True)
    work = Workspace(Settings.load(home, dask=address))
    with work.home.writing():
        scan_images(work)
        return int(embed_images(work)["clip_embeddings"].counts["new"])


def stages(vectors: embeddings.MappedVectors) -> dict[str, Callable[[], Any]]:
    """Return what each stage computes from vectors: neighbours, places and scores."""
    fitted = np.arange(len(vectors)) < FITTED
    positions = np.random.default_rng(0).normal(size=(FITTED, 2)).astype(np.float32)
    folder, names, rows = vectors.on_disk()
    many: Vectors = embeddings.MappedVectors.of_shards(
        folder, names, np.tile(rows, SCORED), vectors.dimensions
    )
    return {
        f"neighbours of {len(vectors):,}": lambda: build_graph(vectors),
        f"{len(vectors) - FITTED:,} placed among {FITTED:,}": lambda: place_rest(vectors, fitted, positions),
        f"scores of {len(many):,}": lambda: score_outliers(many),
    }


class Spent(NamedTuple):
    """Seconds, and the seconds of processor that the run and the scheduler took."""

    seconds: float
    own: float


def timed(work: Callable[[], Any], scheduler: int) -> Spent:
    """Measure some work; `scheduler` is the id of its process."""

    def used() -> float:
        ticks = Path(f"/proc/{scheduler}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    started, before = time.perf_counter(), used()
    work()
    return Spent(time.perf_counter() - started, used() - before)


def measure(home: Path, images: int, vectors: embeddings.MappedVectors, running: Running) -> dict[str, Spent]:
    """Measure each stage on a cluster."""
    address = running.address
    spent = {
        f"decode, embed, thumbnails, facts of {images:,}": timed(
            lambda: contents(home, address), running.scheduler
        )
    }
    work = Workspace(Settings.load(home, dask=address))
    for name, stage in stages(vectors).items():
        step = Step(name)
        with blocks_on_cluster(work, step, name):
            spent[name] = timed(stage, running.scheduler)
        assert not step.notes, step.notes
    return spent


def main() -> None:
    """Measure, and print a table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # the workers are, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--vectors", type=int, default=300_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    home = given.folder.absolute()
    make_home(home, given.images)
    few = make_home(home / "few", 8)
    vectors = make_vectors(home, given.vectors, given.dimensions)
    blocks.CLUSTER_FROM = 1.0  # send a stage of a smaller size too
    found: dict[int, list[dict[str, Spent]]] = {1: [], 2: []}
    for _ in range(given.rounds):
        for workers, times in found.items():
            with cluster(workers) as running:
                contents(few, running.address)  # every worker loads the model, as in a long run
                times.append(measure(home, given.images, vectors, running))
                shown = {name: f"{took.seconds:.1f} ({took.own:.1f})" for name, took in times[-1].items()}
                print(workers, shown, file=sys.stderr)
    print_header(
        "Two workers", "stage", "one worker, s", "two workers, s", "ratio", "run and scheduler, CPU s"
    )
    for name in found[1][0]:
        one, two = (statistics.median(each[name].seconds for each in found[workers]) for workers in (1, 2))
        own = statistics.median(each[name].own for each in found[2])
        print_row(name, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}", f"{own:.1f}")


if __name__ == "__main__":
    main()
