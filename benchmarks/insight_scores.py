"""Print how well what is planted in the sample is found: odd images, swapped labels, bad pictures.

The sample must be indexed. Photographs are crops of the two that scikit-learn brings.

    python benchmarks/insight_scores.py [outliers] [labels] [quality]
"""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import clipper
from clipper.images.measures import MEASURES, measure
from clipper.insight.labels import doubt_labels, reason_to_skip
from clipper.insight.outliers import STANDS_APART, score_outliers
from clipper.insight.picture_quality import flag
from clipper.models.clip import Clip
from clipper.models.source import find
from clipper.projection.graph import build_graph
from clipper.settings import Settings

DATA = Path(__file__).resolve().parents[1] / "data"
SWAPPED, SEEDS = 0.05, range(3)

Pictures = list[Image.Image]


def photographs(count: int, *, of: int | None = None, least: float = 0.25) -> Pictures:
    """Crops of scikit-learn's photographs, some of them mirrored.

    `of` names one of the two, and `least` is the shortest side as a share of the photograph's.
    """
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    whole = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    made = []
    for i in range(count):
        image = whole[i % len(whole) if of is None else of]
        width, height = (int(side * random.uniform(least, 0.9)) for side in image.size)
        left, top = (
            random.integers(0, whole - part + 1)
            for whole, part in zip(image.size, (width, height), strict=True)
        )
        crop = image.crop((left, top, left + width, top + height))
        made.append(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else crop)
    return made


def charts(count: int) -> Pictures:
    """Bar charts: drawings of another style."""
    random = np.random.default_rng(1)
    made = []
    for _ in range(count):
        image = Image.new("RGB", (240, 180), "white")
        draw = ImageDraw.Draw(image)
        draw.line((20, 10, 20, 160, 230, 160), fill="black", width=2)
        for i, height in enumerate(random.integers(10, 140, random.integers(4, 12))):
            draw.rectangle((28 + 16 * i, 160 - int(height), 40 + 16 * i, 159), fill=(60, 110, 180))
        made.append(image)
    return made


def noise(count: int) -> Pictures:
    """Noise, more or less soft."""
    random = np.random.default_rng(2)
    pixels = random.integers(0, 256, (count, 160, 160, 3), np.uint8)
    return [Image.fromarray(one).filter(ImageFilter.GaussianBlur(i % 4)) for i, one in enumerate(pixels)]


def planted() -> Iterator[tuple[str, Pictures]]:
    """What is planted, and its name."""
    for count in (5, 40, 150):
        yield f"{count} photographs", photographs(count)
    yield "20 crops of one photograph", photographs(20, of=0)
    yield "1 photograph", photographs(1, of=1)
    yield "30 charts", charts(30)
    yield "10 of noise", noise(10)


def sample_pictures() -> Pictures:
    """The sample's pictures, in the order of its atlas."""
    return [Image.open(DATA / "images" / name).convert("RGB") for name in clipper.open(DATA).ids]


def looks_of(pictures: Pictures) -> dict[str, np.ndarray]:
    """The measures of pictures."""
    measured = [measure(one) for one in pictures]
    return {name: np.array([one[name] for one in measured]) for name in MEASURES}


def joined(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Measures of both, one after the other."""
    return {name: np.concatenate([one[name], other[name]]) for name in one}


def report_outliers() -> None:
    """Print the AUROC of planted images, by vectors alone and with their looks, and how many stand apart."""
    from sklearn.metrics import roc_auc_score

    vectors, looks = clipper.open(DATA).vectors, looks_of(sample_pictures())
    clip = Clip(find(Settings.load(DATA)))
    alone = int((score_outliers(vectors, looks=looks) >= STANDS_APART).sum())
    print(f"\nOutliers: {alone} of the sample's {len(vectors):,} stand apart\n")
    print("| planted | 5 neighbors | vectors | vectors and looks | stand apart | of these planted |")
    print("|---|---|---|---|---|---|")
    for name, pictures in planted():
        together = np.concatenate([vectors, clip.embed_images(pictures)])
        new = np.arange(len(together)) >= len(vectors)
        plain = build_graph(together).distances[:, :5].mean(axis=1)
        scores = score_outliers(together, looks=joined(looks, looks_of(pictures)))
        auroc = [roc_auc_score(new, by) for by in (plain, score_outliers(together), scores)]
        apart = scores >= STANDS_APART
        shown = " | ".join(f"{one:.3f}" for one in auroc)
        print(f"| {name} | {shown} | {apart.sum()} | {(apart & new).sum()} |", flush=True)


def report_labels() -> None:
    """Print how well swapped labels are found, with and without the names of the classes."""
    from sklearn.metrics import roc_auc_score

    atlas = clipper.open(DATA)
    vectors, graph = atlas.vectors, build_graph(atlas.vectors)
    clip = Clip(find(Settings.load(DATA)))
    print("\nLabels: 5 % swapped, three seeds\n")
    print(
        "| column | names | AUROC | precision at n | called wrong | of these swapped | clean: called wrong |"
    )
    print("|---|---|---|---|---|---|---|")
    for column in ("group", "subgroup"):
        names, codes = np.unique(atlas.metadata[column].to_numpy(str), return_inverse=True)
        texts = clip.embed_texts([name.replace("-", " ").replace("&", "and") for name in names])
        for say in (None, texts):
            clean = int(doubt_labels(vectors, codes, texts=say).wrong.sum())
            for seed in SEEDS:
                given = swapped(codes, seed)
                wrong, found = given != codes, doubt_labels(vectors, given, texts=say)
                first = np.argsort(-found.confidence, kind="stable")[: wrong.sum()]
                print(
                    f"| {column}, seed {seed} | {'no' if say is None else 'yes'} "
                    f"| {roc_auc_score(wrong, found.confidence):.4f} | {wrong[first].mean():.3f} "
                    f"| {found.wrong.sum()} | {(found.wrong & wrong).sum()} of {wrong.sum()} | {clean} |",
                    flush=True,
                )
    buckets = np.random.default_rng(0).integers(0, 5, len(vectors))
    print(f"\nFive classes by chance are skipped: {reason_to_skip(buckets, graph)}")


def swapped(codes: np.ndarray, seed: int) -> np.ndarray:
    """Labels of which some are another class's."""
    random = np.random.default_rng(seed)
    rows = random.permutation(len(codes))[: round(SWAPPED * len(codes))]
    classes, given = codes.max() + 1, codes.copy()
    given[rows] = (given[rows] + random.integers(1, classes, len(rows))) % classes
    return given


def times(factor: float) -> Callable[[Image.Image], Image.Image]:
    """Make pictures so much lighter, cut at white."""
    return lambda image: image.point(lambda value: min(255, int(value * factor)))


def soft(radius: float) -> Callable[[Image.Image], Image.Image]:
    """Blur pictures."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def shaken(pixels: int) -> Callable[[Image.Image], Image.Image]:
    """Blur pictures as a camera that moves sideways does."""

    def shake(image: Image.Image) -> Image.Image:
        values = np.asarray(image, np.float32)
        moved = [np.roll(values, i, axis=1) for i in range(pixels)]
        return Image.fromarray((sum(moved) / pixels).astype(np.uint8))

    return shake


def damage() -> Iterator[tuple[str, str, Callable[[Image.Image], Image.Image]]]:
    """What is done to pictures, which issue that is, and how it is done."""
    for radius in (1.5, 3, 6):
        yield f"blur of {radius} pixels", "blurred", soft(radius)
    yield "motion of 9 pixels", "blurred", shaken(9)
    yield "motion of 21 pixels", "blurred", shaken(21)
    yield "a fifth of the light", "dark", times(0.2)
    yield "three times the light", "blown_out", times(3.0)
    yield "blank", "blank", lambda image: Image.new("RGB", image.size, (200, 120, 90))
    yield "a ninth of the side", "tiny", lambda image: image.resize([max(s // 9, 12) for s in image.size])
    yield "a strip", "extreme_shape", lambda image: image.crop((0, 0, image.width, image.height // 5))


def as_thumbnail(image: Image.Image) -> Image.Image:
    """The thumbnail of a picture, as a home keeps it."""
    small = image.copy()
    small.thumbnail((128, 128), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return Image.open(buffer).convert("RGB")


def report_quality() -> None:
    """Print recall and precision of each issue, on decoded pixels and on thumbnails."""
    photos = photographs(200, least=0.6)
    print("\nQuality: a twentieth of the pictures is damaged\n")
    print("| dataset | measured | damage | recall | precision |\n|---|---|---|---|---|")
    for dataset, pictures in (("sample", sample_pictures()), ("photographs", photos)):
        for seen, view in (("pixels", lambda image: image), ("thumbnail", as_thumbnail)):
            looks, sizes = looks_of([view(one) for one in pictures]), np.array([one.size for one in pictures])
            chosen = np.random.default_rng(0).permutation(len(pictures))[: max(len(pictures) // 20, 10)]
            for name, issue, done in damage():
                bad = [done(pictures[i]) for i in chosen]
                both = joined(looks, looks_of([view(one) for one in bad]))
                wide, high = np.concatenate([sizes, [one.size for one in bad]]).T
                found = flag(both, widths=wide, heights=high)[issue]
                right = found[len(pictures) :]
                share = right.sum() / max(found.sum(), 1)
                print(f"| {dataset} | {seen} | {name} | {right.mean():.2f} | {share:.2f} |", flush=True)


def main() -> None:
    """Measure what is asked for, or all."""
    reports = {"outliers": report_outliers, "labels": report_labels, "quality": report_quality}
    for name in sys.argv[1:] or reports:
        reports[name]()


if __name__ == "__main__":
    main()
