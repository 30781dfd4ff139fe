"""Measure how fast images are embedded: each engine, decoding alone, the whole, and a beginner's loop.

    python benchmarks/engines.py [--photos 192] [--rounds 3] [--avx2]

A CLIP of the size of ViT-B/32 with random weights, and JPEGs of 640 x 480 that are made here. All are
measured in turns, in one process; the figure is the median of the rounds. On a machine that others use,
seconds of CPU say more than those of the clock: both are printed. `--avx2` keeps torch's libraries from the
instructions that came after AVX2.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from figures import print_header, print_row
from photos import cpu_seconds, crops_of, entries_of, load, make_model, make_photos, settings_for

from clipper.indexing.contents.decode import ToEmbed, decode_and_embed, decode_crops
from clipper.models.encoder import Encoder
from clipper.models.engines.calibration import neighbour_overlap
from clipper.models.engines.record import describe_machine
from clipper.models.engines.towers import EXACT, available
from clipper.settings import Settings

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
BEGINNERS_BATCH = 32
TIMED = 32  # crops of a pass of a model alone

Way = Callable[[], Any]


def beginner(photos: list[Path], model: Path, collection: Any) -> Way:
    """Return the loop of most tutorials: Pillow, the model's processor, float32, Chroma."""
    import torch
    from PIL import Image
    from transformers import CLIPImageProcessorPil, CLIPModel

    clip, processor = CLIPModel.from_pretrained(model).eval(), CLIPImageProcessorPil.from_pretrained(model)

    def run() -> None:
        for start in range(0, len(photos), BEGINNERS_BATCH):
            paths = photos[start : start + BEGINNERS_BATCH]
            images = [Image.open(path).convert("RGB") for path in paths]
            with torch.no_grad():
                features = clip.get_image_features(**processor(images=images, return_tensors="pt"))
            vectors = features.pooler_output
            vectors /= vectors.norm(dim=-1, keepdim=True)
            collection.upsert(ids=[path.name for path in paths], embeddings=vectors.numpy())

    return run


def plain(encoder: Encoder, crops: np.ndarray) -> Way:
    """Return the model as transformers runs it, on prepared crops."""
    import torch

    tower = encoder.image_tower()

    def run() -> np.ndarray:
        with torch.inference_mode():
            features = tower(encoder.transform.normalise(torch.from_numpy(crops))).numpy()
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))

    return run


def whole(settings: Settings, encoder: Encoder, engine: str, collection: Any) -> Way:
    """Return decoding, embedding and Chroma, as a run does them; with thumbnails, facts and measures."""
    folder, entries = entries_of(settings)
    keys = {entry.content_hash for entry in entries}
    made = encoder.make_engine(engine)

    def run() -> None:
        encoder.use_engine(made)
        results = list(
            decode_and_embed(entries, folder, settings, models=[ToEmbed(encoder, keys)], pictures=keys)
        )
        ids, vectors = (
            [result.content_hash.hex() for result in results],
            [result.vectors[0] for result in results],
        )
        collection.upsert(ids=ids, embeddings=np.stack(vectors))

    return run


def in_turns(ways: dict[str, tuple[Way, int]], rounds: int) -> Iterator[tuple[str, float, float]]:
    """Yield each way's name, its images per second, and its milliseconds of CPU an image: medians."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for each in range(rounds + 1):
        for name, (run, count) in ways.items():
            wall, cpu = time.perf_counter(), cpu_seconds()
            run()
            if each:  # the first one loads, compiles, and fills caches
                seconds[name].append(((time.perf_counter() - wall) / count, (cpu_seconds() - cpu) / count))
    for name, spent in seconds.items():
        yield name, 1 / statistics.median(w for w, _ in spent), 1e3 * statistics.median(c for _, c in spent)


def main(folder: Path, *, photos: int, rounds: int) -> None:
    """Print the tables."""
    from chromadb import PersistentClient

    client = PersistentClient(str(folder / "chroma"))
    paths, model = make_photos(folder / "photos", photos), make_model(folder / "model")
    settings = settings_for(folder / "home", model, folder / "photos")
    encoder = load(settings)
    crops = crops_of(settings, encoder, photos)
    print(describe_machine(encoder.device), "\n")
    names = available(encoder.device)
    engines = {name: encoder.make_engine(name) for name in names}
    alone: dict[str, tuple[Way, int]] = {"transformers": (plain(encoder, crops[:TIMED]), TIMED)}
    alone |= {name: (lambda made=made: made(crops[:TIMED]), TIMED) for name, made in engines.items()}
    exact = engines[EXACT](crops)
    print_header("The model alone", "engine", "images/s", "CPU ms", "cosine", "10-NN overlap", "ratio of CPU")
    base = 0.0
    for name, speed, cpu in in_turns(alone, rounds):
        base = base or cpu
        vectors = engines[name](crops) if name in engines else exact
        cosine = f"{(vectors * exact).sum(axis=1).min():.5f}"
        overlap = f"{neighbour_overlap(exact, vectors):.3f}"
        print_row(name, f"{speed:.1f}", f"{cpu:.1f}", cosine, overlap, f"{base / cpu:.2f}")
    entries = entries_of(settings)
    ways: dict[str, tuple[Way, int]] = {
        "beginner's loop": (beginner(paths, model, client.get_or_create_collection("beginner")), photos),
        "decoding alone": (lambda: decode_crops(entries[1], entries[0], settings, encoder.transform), photos),
    }
    for name in names:
        ways[f"whole, {name}"] = (
            whole(settings, encoder, name, client.get_or_create_collection(name)),
            photos,
        )
    print_header("From files", "", "images/s", "CPU ms", "ratio", "ratio of CPU")
    first: tuple[float, float] | None = None
    for name, speed, cpu in in_turns(ways, rounds):
        first = first or (speed, cpu)
        print_row(name, f"{speed:.1f}", f"{cpu:.1f}", f"{speed / first[0]:.2f}", f"{first[1] / cpu:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--avx2", action="store_true")
    given = parser.parse_args()
    if given.avx2 and any(os.environ.get(name) != value for name, value in AVX2.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | AVX2)  # noqa: S606 - itself
    scratch = Path(tempfile.mkdtemp(prefix="engines-"))
    try:
        main(scratch, photos=given.photos, rounds=given.rounds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
