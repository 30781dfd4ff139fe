"""Reckon machines, hours, bytes and money for datasets of any size, from what `stages.py` measured.

    python benchmarks/scaling.py FIGURES.json [--images N ...] [--price 0.05] [--photos 256]

Each stage grows as it did between the two largest sizes that were measured, at least as fast as the number
of images; so does its memory. A stage that kept more than one core busy uses all cores of a machine, the
others one; the stages of ON_CLUSTER use all cores of all machines, at the share of them that two workers
reached. The script measures the bytes of an image: it indexes photos, then twice as many, and takes the
difference. Few images have no int8 copy and no large collection of Chroma, so the bytes of these are
constants: the format gives the first, `chroma.py` the second. The price is that of a core for an hour; it
is an assumption.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from figures import print_header, print_row
from photos import make_model, make_photos

# The stages that a Dask cluster takes part in, by the beginning of their names.
ON_CLUSTER = ("decode and embed", "neighbours", "scores")
# The share of the ideal speed that two workers reached (`docs/scaling.md`), assumed of many.
EFFICIENCY = 0.85
BUSY = 1.2  # cores; a stage that keeps more busy than this uses all
GB, HOUR = 1e9, 3_600
# Bytes of an image in Chroma, where there are 100,000, and in the int8 copy of the vectors.
OF_MANY = {"collection": 2_880, "embeddings, int8": 516}


class Plan(NamedTuple):
    """What a dataset of one size is indexed on."""

    machines: int
    cores: int  # of each

    @property
    def name(self) -> str:
        """How the table calls it."""
        return f"{'one' if self.machines == 1 else self.machines} with {self.cores} cores"


def plan_for(n: int) -> Plan:
    """Return machines with which an index takes hours and not weeks."""
    if n <= 100_000:
        return Plan(1, 4)
    return Plan(max(1, math.ceil(n / 5_000_000)), 16)


class Grown(NamedTuple):
    """A stage at a size that was not measured."""

    stage: str
    processor: float  # seconds
    busy: float  # cores
    peak: float  # GB


def grown(figures: list[dict[str, Any]], n: int) -> Iterator[Grown]:
    """Yield each stage for n images."""
    for stage in dict.fromkeys(each["stage"] for each in figures):
        *before, last = sorted(
            (each for each in figures if each["stage"] == stage), key=lambda each: each["images"]
        )
        power, held = 1.0, (last["peak"] or 0.0) / last["images"]
        if before and before[-1]["processor"] > 0:
            more = last["processor"] / before[-1]["processor"]
            power = min(2.0, max(1.0, math.log(more) / math.log(last["images"] / before[-1]["images"])))
        if before and before[-1]["peak"]:
            held = max(0.0, last["peak"] - before[-1]["peak"]) / (last["images"] - before[-1]["images"])
        yield Grown(
            stage,
            last["processor"] * (n / last["images"]) ** power,
            last["processor"] / last["seconds"],
            max(0.0, (last["peak"] or 0.0) + held * (n - last["images"])) / 1e3,
        )


def hours_of(figures: list[dict[str, Any]], n: int, plan: Plan) -> dict[str, float]:
    """Return the hours of each stage."""
    hours = {}
    for stage, processor, busy, _ in grown(figures, n):
        cores = plan.cores if busy > BUSY else 1
        if stage.startswith(ON_CLUSTER) and plan.machines > 1:
            cores = plan.cores * plan.machines * EFFICIENCY
        hours[stage] = processor / cores / HOUR
    return hours


def bytes_of_an_image(photos: int) -> dict[str, float]:
    """Index photos, and twice as many: the bytes that one more image takes, by folder of the home's store."""
    held = []
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        model = make_model(at / "model")
        for count in (photos, 2 * photos):
            make_photos(at / "photos", count)
            command = [sys.executable, "-m", "clipper.cli", "index", str(at / "photos")]
            command += ["--model", str(model), "--home", str(at / f"home-{count}")]
            subprocess.run(command, check=True, capture_output=True)
            store = at / f"home-{count}" / "store"
            held.append({
                part.name: sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
                for part in store.iterdir() if part.is_dir()
            })  # fmt: skip
    return {name: (size - held[0].get(name, 0)) / photos for name, size in held[1].items()} | OF_MANY


def main(figures: list[dict[str, Any]], sizes: list[int], *, price: float, photos: int) -> None:
    """Print the tables."""
    of_image = bytes_of_an_image(photos)
    print_header("Bytes of an image", "store", "bytes")
    for name, size in sorted(of_image.items(), key=lambda each: -each[1]):
        print_row(name, f"{size:,.0f}")
    total = sum(of_image.values())
    print_row("all", f"{total:,.0f}")
    print_header(
        "The first index",
        "images",
        "machines",
        "hours",
        "of which embedding",
        "disk GB",
        "memory GB",
        "money",
    )
    for n in sizes:
        plan = plan_for(n)
        hours = hours_of(figures, n, plan)
        whole, embedding = sum(hours.values()), sum(h for stage, h in hours.items() if "embed" in stage)
        memory = max(each.peak for each in grown(figures, n))
        cost = price * plan.machines * plan.cores * whole
        print_row(
            f"{n:,}", plan.name, f"{whole:,.2g}", f"{embedding:,.2g}", f"{total * n / GB:,.3g}",
            f"{memory:,.2g}", f"{cost:,.2g}",
        )  # fmt: skip
    print_header("Hours of each stage", "stage", *(f"{n:,}" for n in sizes))
    each = [hours_of(figures, n, plan_for(n)) for n in sizes]
    for stage in each[0]:
        print_row(stage, *(f"{hours[stage]:,.2g}" for hours in each))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--price", type=float, default=0.05)
    parser.add_argument("--photos", type=int, default=256)
    given = parser.parse_args()
    told = json.loads(given.figures.read_text())
    main(told, given.images, price=given.price, photos=given.photos)
