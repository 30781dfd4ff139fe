"""Measure what a second model costs a run: with one decoding for both, and with a decoding for each.

    python benchmarks/several_models.py [--photos 96] [--large 24] [--rounds 3] [--side 384]

Two CLIPs of the size of ViT-B/32 with random weights; the second takes its crop of an image of another size
than 224. A JPEG of 12 megapixels is decoded at the same scale for a side of 336, and once more for 384. JPEGs
of 640 x 480 and of 12 megapixels are made here. The ways are measured in turns, in one process; the figure is
the median of the rounds. On a machine that others use, seconds of CPU say more than those of the clock.
"""

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from engines import Way, in_turns
from figures import print_header, print_row
from photos import SIZE, entries_of, load, make_model, make_photos, settings_for

from clipper.images.child_tasks import decoded_side
from clipper.indexing.contents.decode import ToEmbed, decode_and_embed
from clipper.models.encoder import Encoder
from clipper.models.engines.record import describe_machine
from clipper.models.engines.towers import available
from clipper.settings import Settings

LARGE = (4000, 3000)


def decoding(settings: Settings, models: list[Encoder], *, pictures: bool) -> Way:
    """Return a run's pass over all files, for these models."""
    folder, entries = entries_of(settings)
    keys = {entry.content_hash for entry in entries}
    to_embed = [ToEmbed(model, keys) for model in models]
    side = decoded_side(models[0].transform) if models else 128

    def run() -> None:
        found = decode_and_embed(
            entries, folder, settings, models=to_embed, pictures=keys if pictures else (), min_side=side
        )
        assert not any(result.reason for result in found)

    return run


def main(folder: Path, *, photos: int, large: int, rounds: int, side: int) -> None:
    """Print a table for each size of photos."""
    models = []
    for seed in range(2):
        made = make_model(folder / f"model-{seed}", seed=seed)
        models.append(load(settings_for(folder / "home", made, folder)))
    first, second = models
    vars(second)["transform"] = replace(second.transform, side=side)
    for each in models:
        each.use_engine(available(each.device)[-1])
    print(describe_machine(first.device), "\n")
    for size, count in ((SIZE, photos), (LARGE, large)):
        images = folder / f"{size[0]}"
        make_photos(images, count, size=size)
        settings = settings_for(folder / f"home-{size[0]}", folder / "model-0", images)

        def each_for_itself(settings: Settings = settings) -> None:
            for model in models:
                decoding(settings, [model], pictures=True)()

        def later(settings: Settings = settings) -> None:
            decoding(settings, [first], pictures=True)()
            decoding(settings, [second], pictures=False)()

        ways = {
            "decoding alone, with thumbnail, measures and signature": decoding(settings, [], pictures=True),
            "one model": decoding(settings, [first], pictures=True),
            "two, one decoding": decoding(settings, models, pictures=True),
            "two, the second one later": later,
            "two, a whole decoding for each": each_for_itself,
        }
        print_header(f"{count} photos of {size[0]} x {size[1]}", "", "images/s", "CPU ms an image")
        for name, speed, cpu in in_turns({name: (way, count) for name, way in ways.items()}, rounds):
            print_row(name, f"{speed:.1f}", f"{cpu:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--large", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, default=384)
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="several-models-"))
    try:
        main(scratch, photos=given.photos, large=given.large, rounds=given.rounds, side=given.side)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
