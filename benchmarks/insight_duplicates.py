"""Plant copies of the sample's images, and print how many of them are found and how many other pairs are.

Some originals get one copy of each kind; all are indexed in a folder of their own, with the sample's model.
A copy counts as found where it is in one group with its original. Of all pairs within the groups, those of
one original count as right; a mirrored pair of originals would count as wrong.

    python benchmarks/insight_duplicates.py [--strength as-asked|strong|both] [--originals 150] [--seeds 2]
"""

import argparse
import io
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from PIL.Image import Transpose

import clipper
from clipper.atlas.engine import SearchEngine
from clipper.indexing.run import index_images
from clipper.insight.doubles.duplicates import Duplicates, Files, find_duplicates
from clipper.insight.doubles.perceptual_hash import as_rows, signature
from clipper.projection.graph import build_graph
from clipper.settings import Settings

DATA = Path(__file__).resolve().parents[1] / "data"
AS_ASKED = {
    "JPEG 40": {"quality": (40, 40)},
    "half size": {"scale": (0.5, 0.5)},
    "15 % brighter": {"light": (1.15, 1.15)},
    "15 % darker": {"light": (0.85, 0.85)},
    "crop 4 %": {"crop": (0.04, 0.04)},
    "crop 10 %": {"crop": (0.1, 0.1)},
    "mirrored": {"mirror": (1, 1)},
}
STRONG = {
    "JPEG 25-60": {"quality": (25, 60)},
    "scale 0.35-0.7": {"scale": (0.35, 0.7)},
    "8-20 % brighter": {"light": (1.08, 1.2)},
    "8-20 % darker": {"light": (0.8, 0.92)},
    "crop 3-12 %, any sides": {"crop": (0.03, 0.12), "some": (1, 1)},
    "crop 3-12 %, all sides": {"crop": (0.03, 0.12)},
    "mirrored, crop 5 %, JPEG": {"mirror": (1, 1), "crop": (0.0, 0.05), "quality": (40, 90)},
    "small, darker, JPEG": {"scale": (0.5, 0.7), "light": (0.85, 0.95), "quality": (40, 70)},
}
Changes = dict[str, tuple[float, float]]


def copy_of(image: Image.Image, changes: Changes, chance: random.Random) -> bytes:
    """Change an image by strengths from these ranges, and save it."""
    drawn = {name: chance.uniform(*ends) for name, ends in changes.items()}
    if "mirror" in drawn:
        image = image.transpose(Transpose.FLIP_LEFT_RIGHT)
    if "crop" in drawn:
        sides = [drawn["crop"] * (chance.random() < 0.5 if "some" in drawn else 1) for _ in range(4)]
        sides[chance.randrange(4)] = drawn["crop"]
        left, top, right, bottom = sides
        wide, high = image.size
        image = image.crop(
            (round(left * wide), round(top * high), round((1 - right) * wide), round((1 - bottom) * high))
        )
    if "light" in drawn:
        image = ImageEnhance.Brightness(image).enhance(drawn["light"])
    if "scale" in drawn:
        image = image.resize((round(drawn["scale"] * image.width), round(drawn["scale"] * image.height)))
    buffer = io.BytesIO()
    if "quality" in drawn:
        image.save(buffer, "JPEG", quality=round(drawn["quality"]))
    elif chance.random() < 0.5:
        image.save(buffer, "JPEG", quality=90)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def plant(
    folder: Path, kinds: dict[str, Changes], *, originals: int, seed: int
) -> dict[str, tuple[str, str]]:
    """Copy the sample into a home and plant copies: their ids, with the original's id and the kind."""
    shutil.copytree(DATA / "images", folder / "images")
    shutil.copytree(DATA / "models", folder / "models")
    (folder / "clipper.toml").write_text('images = "images"\nmodel = "models/clip-emoji"\n')
    chance = random.Random(seed)  # noqa: S311 - no secret
    planted = {}
    names = sorted(path.name for path in (DATA / "images").glob("*.jpg"))
    for name in chance.sample(names, originals):
        image = Image.open(DATA / "images" / name).convert("RGB")
        for kind, changes in kinds.items():
            copy = f"copy-{len(planted):05}.img"
            data = copy_of(image, changes, chance)
            copy = copy.replace("img", "png" if data.startswith(b"\x89PNG") else "jpg")
            (folder / "images" / copy).write_bytes(data)
            planted[copy] = (name, kind)
    return planted


def find(home: Path) -> tuple[list[str], Duplicates]:
    """Index a home and find its duplicates: the ids of all files, and the groups."""
    index_images(home=home, progress=False)
    with clipper.open(home) as atlas:
        started = time.perf_counter()
        engine = SearchEngine(Settings.load(home))
        signatures = as_rows([signature(engine.thumbnail(row)) for row in range(len(engine))])
        table = atlas.metadata
        files = Files(
            ids=atlas.ids,
            contents=np.arange(len(atlas)),
            widths=table["width"].to_numpy(int),
            heights=table["height"].to_numpy(int),
            bytes=table["bytes"].to_numpy(int),
            times=np.full(len(atlas), np.nan),
        )
        graph = build_graph(atlas.vectors)
        signed = time.perf_counter()
        found = find_duplicates(graph, signatures, files)
        print(
            f"{len(atlas):,} images; signatures and graph {signed - started:.1f} s, "
            f"duplicates {time.perf_counter() - signed:.1f} s"
        )
        return atlas.ids, found


def report(ids: list[str], found: Duplicates, planted: dict[str, tuple[str, str]]) -> None:
    """Print recall by kind, precision over all pairs of the groups, and the wrong groups by name."""
    group_of = {ids[row]: int(group) for row, group in zip(found.files, found.groups, strict=True)}
    called = {ids[row]: kind for row, kind in zip(found.files, found.kinds, strict=True)}
    original = {image_id: planted.get(image_id, (image_id, ""))[0] for image_id in ids}
    for kind in dict.fromkeys(kind for _, kind in planted.values()):
        copies = [copy for copy, (_, of_kind) in planted.items() if of_kind == kind]
        hits = [c for c in copies if c in group_of and group_of[c] == group_of.get(original[c])]
        names = Counter(called[copy] for copy in hits).most_common(3)
        print(f"  {kind:<26} recall {len(hits) / len(copies):6.1%}   {dict(names)}")
    right = wrong = 0
    for group in range(int(found.groups.max(initial=-1)) + 1):
        members = [ids[row] for row in found.files[found.groups == group]]
        families = Counter(original[member] for member in members)
        same = sum(count * (count - 1) // 2 for count in families.values())
        right, wrong = right + same, wrong + len(members) * (len(members) - 1) // 2 - same
        if len(families) > 1:
            print(f"  wrong group: {dict(families)}")
    print(f"  precision {right / max(right + wrong, 1):.2%} of {right + wrong:,} pairs")


def main() -> None:
    """Plant, index, find, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strength", choices=["as-asked", "strong", "both"], default="both")
    parser.add_argument("--originals", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    strengths = {"as-asked": AS_ASKED, "strong": STRONG}
    for name, kinds in strengths.items():
        for seed in range(asked.seeds if asked.strength in (name, "both") else 0):
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name}, seed {seed}")
                planted = plant(Path(folder), kinds, originals=asked.originals, seed=seed)
                report(*find(Path(folder)), planted)


if __name__ == "__main__":
    main()
