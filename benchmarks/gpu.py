"""Measure a GPU: embedding from prepared crops and from JPEGs, and the search for neighbours.

    python benchmarks/gpu.py [--photos 2000] [--images 200000 1000000]

A CLIP of the size of ViT-B/32 with random weights, JPEGs of 640 x 480 and vectors of 512 are made here. It
needs CUDA, and prints two tables in less than four minutes: each precision with and without a CUDA graph, at
several batch sizes; and the neighbour graph on the GPU, where it is exact, beside the same on the CPU.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import print_header, print_row
from photos import entries_of, load, make_model, make_photos, settings_for

from clipper.indexing.contents.decode import (
    MAX_THREADS_BESIDE_GPU,
    ToEmbed,
    decode_and_embed,
    decode_crops,
)
from clipper.models.encoder import Encoder
from clipper.models.engines.accelerator import AcceleratedTower
from clipper.models.engines.calibration import neighbour_overlap
from clipper.models.engines.record import describe_machine
from clipper.models.engines.towers import EXACT, available
from clipper.projection.graph import build_graph, measure_recall
from clipper.projection.search.accelerated import neighbors_on

PREPARED = 4_096
BATCHES = (64, 256, 1_024)
SEARCHED_BY_CPU = 200_000  # images: of more it takes too long for this script
DIMENSIONS, GROUPS = 512, 1_200
SECONDS = 3.0  # of each row from prepared crops


def speed_of(run: AcceleratedTower, crops: np.ndarray, batch: int) -> float:
    """Return images per second of calls with so many crops, the median."""
    run(crops[:batch])
    taken: list[float] = []
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        start = (len(taken) * batch) % (len(crops) - batch + 1)
        began = time.perf_counter()
        run(crops[start : start + batch])
        taken.append(time.perf_counter() - began)
    return batch / statistics.median(taken)


def print_prepared(encoder: Encoder, crops: np.ndarray) -> str:
    """Print the rows that begin with prepared crops; return the fastest precision."""
    tower, exact = encoder.image_tower(), None
    fastest, best = EXACT, 0.0
    for name in available(encoder.device):
        run = AcceleratedTower(name, tower, transform=encoder.transform, device=encoder.device)
        vectors = run(crops[:1_024])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        exact = vectors if exact is None else exact
        overlap = f"{neighbour_overlap(exact, vectors):.3f}"
        for graph in ("yes", "no") if run.has_graph else ("no",):
            if graph == "no":
                run.forget_graph()
            for batch in BATCHES:
                speed = speed_of(run, crops, batch)
                print_row("crops", name, graph, str(batch), f"{speed:,.0f}", overlap)
                if speed > best:
                    fastest, best = name, speed
    return fastest


def make_vectors(n: int) -> np.ndarray:
    """Return vectors in groups, made on the GPU: (n, 512) float32, rows L2-normalised."""
    import torch

    torch.manual_seed(0)
    groups = torch.randn(GROUPS, DIMENSIONS, device="cuda")
    vectors = groups[torch.randint(GROUPS, (n,), device="cuda")]
    vectors += 0.7 * torch.randn(n, DIMENSIONS, device="cuda")
    return torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()


def print_neighbours(sizes: list[int]) -> None:
    """Print how long the neighbour graph takes, and how much of it is right."""
    print_header("Neighbour graph", "images", "on", "s", "recall at 15")
    for n in sizes:
        vectors = make_vectors(n)
        for device in ("cuda", "cpu") if n <= SEARCHED_BY_CPU else ("cuda",):
            began = time.perf_counter()
            with neighbors_on(device):
                graph = build_graph(vectors)
            taken = time.perf_counter() - began
            print_row(f"{n:,}", device, f"{taken:.1f}", f"{measure_recall(graph, vectors):.4f}")


def main(folder: Path, *, photos: int, images: list[int]) -> None:
    """Print the tables."""
    import torch

    model = make_model(folder / "model")
    make_photos(folder / "photos", photos)
    settings = settings_for(folder / "home", model, folder / "photos").model_copy(update={"batch_size": 256})
    encoder = load(settings)
    if encoder.device.type != "cuda":
        raise SystemExit("no CUDA device here: this script measures nothing else")
    side = encoder.transform.crop_side
    crops = np.random.default_rng(0).integers(0, 256, (PREPARED, side, side, 3), np.uint8)
    print(describe_machine(encoder.device), f"torch's memory {torch.cuda.mem_get_info()[1] >> 30} GiB\n")
    print_header("On a GPU", "from", "precision", "graph", "batch", "images/s", "10-NN overlap")
    fastest = print_prepared(encoder, crops)
    images, entries = entries_of(settings)
    keys = {entry.content_hash for entry in entries}
    encoder.use_engine(encoder.make_engine(fastest))
    encoder.embed_pixels(crops[:64])
    for label in ("decoding alone", f"whole, {fastest}") * 2:
        began = time.perf_counter()
        if label == "decoding alone":
            decode_crops(entries, images, settings, encoder.transform, most_threads=MAX_THREADS_BESIDE_GPU)
        else:
            for _ in decode_and_embed(
                entries, images, settings, models=[ToEmbed(encoder, keys)], pictures=keys
            ):
                pass
        speed = len(entries) / (time.perf_counter() - began)
        print_row("JPEGs", label, "", str(settings.batch_size), f"{speed:,.0f}", "")
    print_neighbours(images)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2_000)
    parser.add_argument("--images", type=int, nargs="*", default=[200_000, 1_000_000])
    asked = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="gpu-"))
    try:
        main(scratch, photos=asked.photos, images=asked.images)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
