"""Plant copies of the sample's images, and print how many of them are found and how many other pairs are.

Some originals get one copy of each kind; all are indexed in a folder of their own, with the sample's model.
A copy counts as found where it is in one group with its original. Of all pairs within the groups, those of
one original count as right; a mirrored pair of originals would count as wrong.

    python benchmarks/insight_duplicates.py [--strength as-asked|strong|both] [--originals 150] [--seeds 2]
"""

import argparse
import io
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from figures import Figure
from insight_sample import DATA, begin_home, image_names
from PIL import Image, ImageEnhance
from PIL.Image import Transpose

import clipper
from clipper.indexing.run import index_images

PNG = b"\x89PNG"
# Steps of an index that duplicates do not need.
OTHERS = ("scores", "clusters", "cluster_names", "label_issues", "drift")
# The least recall, that of hard copies, and the least precision.
LEAST, LEAST_HARD, LEAST_PRECISION = 0.98, 0.8, 0.99
HARD = ("crop 10 %", "mirrored")
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


def plant(home: Path, kinds: dict[str, Changes], *, originals: int, seed: int) -> dict[str, tuple[str, str]]:
    """Copy the sample into a home and plant copies: their ids, with the original's id and the kind."""
    names = image_names()
    begin_home(home, names)
    chance = random.Random(seed)  # noqa: S311 - no secret
    planted = {}
    for name in chance.sample(names, originals):
        image = Image.open(DATA / "images" / name).convert("RGB")
        for kind, changes in kinds.items():
            data = copy_of(image, changes, chance)
            copy = f"copy-{len(planted):05}.{'png' if data.startswith(PNG) else 'jpg'}"
            (home / "images" / copy).write_bytes(data)
            planted[copy] = (name, kind)
    return planted


class Found(NamedTuple):
    """What was found of the planted copies, and what else."""

    recalls: dict[str, float]  # of each kind
    called: dict[str, Counter[str]]  # what the copies of each kind that were found are said to be
    right: int  # pairs within groups that are of one original
    wrong: int  # others
    wrong_groups: list[Counter[str]]  # the originals in each group of several, and how many images of each

    @property
    def precision(self) -> float:
        """The share of the pairs that are right."""
        return self.right / max(self.right + self.wrong, 1)


def measure(kinds: dict[str, Changes], *, originals: int, seed: int) -> Found:
    """Plant copies in a home of their own, index it, and look at its duplicates."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        planted = plant(home, kinds, originals=originals, seed=seed)
        index_images(home=home, progress=False, **dict.fromkeys(OTHERS, False))
        with clipper.open(home) as atlas:
            return judge(atlas.duplicates(), planted)


def judge(duplicates: pd.DataFrame, planted: dict[str, tuple[str, str]]) -> Found:
    """Compare the groups with what was planted."""
    group_of, kind_of = (
        dict(zip(duplicates["id"], duplicates[name], strict=True)) for name in ("group", "kind")
    )
    recalls, called = {}, {}
    for kind in dict.fromkeys(kind for _, kind in planted.values()):
        copies = [copy for copy, (_, of_kind) in planted.items() if of_kind == kind]
        hits = [c for c in copies if c in group_of and group_of[c] == group_of.get(planted[c][0])]
        recalls[kind], called[kind] = len(hits) / len(copies), Counter(kind_of[copy] for copy in hits)
    right = pairs = 0
    wrong_groups = []
    for _, members in duplicates.groupby("group")["id"]:
        families = Counter(planted.get(member, (member, ""))[0] for member in members)
        right += sum(count * (count - 1) // 2 for count in families.values())
        pairs += len(members) * (len(members) - 1) // 2
        if len(families) > 1:
            wrong_groups.append(families)
    return Found(recalls, called, right, pairs - right, wrong_groups)


def figures(*, originals: int = 150, seeds: Iterable[int] = range(3)) -> Iterator[Figure]:
    """Plant copies as strong as was asked for."""
    for seed in seeds:
        found = measure(AS_ASKED, originals=originals, seed=seed)
        for kind, recall in found.recalls.items():
            yield Figure(
                f"{kind}, seed {seed}: recall of {originals}", recall, LEAST_HARD if kind in HARD else LEAST
            )
        pairs = f"{found.right + found.wrong:,} pairs"
        yield Figure(f"all kinds, seed {seed}: precision of {pairs}", found.precision, LEAST_PRECISION)


def report(found: Found) -> None:
    """Print recall by kind, precision over all pairs of the groups, and the wrong groups by name."""
    for kind, recall in found.recalls.items():
        print(f"  {kind:<26} recall {recall:6.1%}   {dict(found.called[kind].most_common(3))}")
    for families in found.wrong_groups:
        print(f"  wrong group: {dict(families)}")
    print(f"  precision {found.precision:.2%} of {found.right + found.wrong:,} pairs", flush=True)


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
            print(f"{name}, seed {seed}")
            report(measure(kinds, originals=asked.originals, seed=seed))


if __name__ == "__main__":
    main()
