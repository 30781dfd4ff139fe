"""Compare an image query whose child is started for it with one whose child was started ahead.

The image is a JPEG of 640 x 480, and the model the sample's; both ways alternate, 20 times each. The figures
are medians, with the slowest: only the decoding, then with the vector.

    python benchmarks/image_query.py
"""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from clipper.images.child_tasks import DecodeRequest, decode_file, decoded_side
from clipper.images.decode_apart import decode_apart, spare
from clipper.models import source
from clipper.models.encoder import Encoder
from clipper.sandbox.process import Sandbox
from clipper.settings import Settings

DATA = Path(__file__).resolve().parents[1] / "data"
TIMES = 20


def milliseconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def photograph() -> bytes:
    """A JPEG with as much detail as one of a camera."""
    chance = np.random.default_rng(0)
    small = Image.fromarray(chance.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    data = io.BytesIO()
    small.resize((640, 480), Image.Resampling.BICUBIC).save(data, "JPEG", quality=90)
    return data.getvalue()


def main() -> None:
    """Print the medians of both ways."""
    settings, data = Settings(home=DATA, model="models/clip-emoji"), photograph()
    encoder = Encoder(source.find(settings))
    transform = encoder.transform
    request = DecodeRequest(
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        min_side=decoded_side(transform),
        transforms=(transform,),
    ).to_json()
    ahead = spare(decode_file, os.getpid())

    def alone() -> None:
        with Sandbox(decode_file, seconds=settings.max_seconds) as sandbox:
            sandbox.ask(request, [data])

    def embedded() -> None:
        crop, _ = decode_apart(data, settings, transform=transform)
        encoder.embed_pixels(crop[None])

    embedded()
    took: dict[str, list[float]] = {}
    for _ in range(TIMES):
        took.setdefault("decoded in a child started for it", []).append(milliseconds(alone))
        for way, work in (
            ("decoded in the child that is ready", lambda: decode_apart(data, settings, transform=transform)),
            ("the same, and its vector", embedded),
        ):
            while ahead.ready_pid is None:
                time.sleep(0.01)
            took.setdefault(way, []).append(milliseconds(work))
    for way, times in took.items():
        print(f"{way:<36} median {median(times):6.0f} ms   slowest {max(times):6.0f} ms")
    ahead.close()


if __name__ == "__main__":
    main()
