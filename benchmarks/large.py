"""Print what a reindex of 100,000 images costs when nothing or little has changed, as measured here.

The images are made from the sample by rotation, crop, colour and brightness, 96 pixels square; the first
index of them takes most of an hour and is not what is measured. What is there already is not made again.

    python benchmarks/large.py FOLDER [IMAGES]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

DATA = Path(__file__).resolve().parents[1] / "data"
MODEL = DATA / "models" / "clip-emoji"
IMAGES, ADDED, SIDE = 100_000, 100, 96
PER_FOLDER = 2_000
MIB = 1 << 20


def make(folder: Path, numbers: range, names: str) -> None:
    """Write the images of these numbers: `<folder>/<group>/<names>-<number>.jpg`; those that exist stay."""
    with ProcessPoolExecutor() as pool:
        chunks = [numbers[start : start + 500] for start in range(0, len(numbers), 500)]
        list(pool.map(_make_some, [folder] * len(chunks), chunks, [names] * len(chunks)))


def _make_some(folder: Path, numbers: range, names: str) -> None:
    originals = sorted((DATA / "images").glob("*.jpg"))
    for number in numbers:
        target = folder / f"{number // PER_FOLDER:03d}" / f"{names}-{number:06d}.jpg"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            random = np.random.default_rng([number, len(names)])
            vary(originals[number % len(originals)], random).save(target, quality=85)


def vary(original: Path, random: np.random.Generator) -> Image.Image:
    """One drawing of the sample, seen a little differently."""
    with Image.open(original) as opened:
        image = opened.convert("RGB")
    inset = random.uniform(0, 0.14, 4) * image.width
    box = (inset[0], inset[1], image.width - inset[2], image.height - inset[3])
    image = image.rotate(random.uniform(-14, 14), fillcolor=image.getpixel((2, 2)))
    image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
    image = ImageEnhance.Color(image).enhance(random.uniform(0.5, 1.5))
    return ImageEnhance.Brightness(image).enhance(random.uniform(0.7, 1.25))


def index(home: Path) -> dict[str, float]:
    """Seconds and peak MiB of one `clipper index`, and the seconds of each step."""
    code = (
        "import sys, json, resource, time; started = time.perf_counter()\n"
        "from clipper.indexing import run; from clipper.settings import Settings\n"
        "steps = run.index(Settings.load(sys.argv[1]))\n"
        "told = {s.name: s.seconds for s in steps}\n"
        "told |= {'embedded': steps[1].counts['new'], 'torch': int('torch' in sys.modules)}\n"
        "told['peak_mib'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps(told))"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(home)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"in all": time.perf_counter() - started}


def prepare(home: Path, count: int) -> None:
    """The home and its images, indexed at least once."""
    (home / "images").mkdir(parents=True, exist_ok=True)
    (home / "clipper.toml").write_text(f"model = {json.dumps(str(MODEL))}\n")
    shutil.rmtree(home / "images" / "added", ignore_errors=True)
    make(home / "images", range(count), "image")
    first = index(home)
    print(f"brought up to date: {first['embedded']:,.0f} embedded in {first['in all']:,.0f} s", flush=True)


def main() -> None:
    """Measure and print."""
    home, count = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else IMAGES
    prepare(home, count)
    runs = [index(home) for _ in range(3)]
    seconds = statistics.median(run["in all"] for run in runs)
    print(
        f"unchanged, {count:,} images: {seconds:.1f} s, {max(r['peak_mib'] for r in runs):,.0f} MiB at most"
    )
    print(f"  model loaded: {'yes' if any(run['torch'] for run in runs) else 'no'}; steps {runs[-1]}")
    # Other ones each time: vectors of images that were deleted are kept, and these are to be embedded.
    fresh = count + ADDED * (time.time_ns() // 1_000_000_000)
    make(home / "images" / "added", range(fresh, fresh + ADDED), "added")
    os.sync()
    run = index(home)
    print(f"{ADDED} added: {run['in all']:.1f} s, {run['peak_mib']:,.0f} MiB, {run['embedded']:.0f} embedded")
    print(f"  steps {run}")


if __name__ == "__main__":
    main()
