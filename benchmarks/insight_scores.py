"""Print how well what is planted in the sample is found: odd images, swapped labels, bad pictures.

The sample must be indexed. Photographs are crops of the two that scikit-learn brings.

    python benchmarks/insight_scores.py [outliers] [labels] [quality]
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from figures import Figure, print_header, print_row
from insight_sample import DATA, Sample
from PIL import Image, ImageDraw, ImageFilter

from clipper.images.picture.measures import MEASURES, measure
from clipper.insight.labels import doubt_labels, reason_to_skip
from clipper.insight.outliers import STANDS_APART, score_outliers
from clipper.insight.picture_quality import flag
from clipper.projection.graph import build_graph

SWAPPED, SEEDS = 0.05, range(3)
# The least AUROC of planted images that are at most this share of the dataset; and of swapped labels, with
# the least precision of as many of the surest as were swapped.
LEAST_ODD, RARE = 0.97, 0.03
LEAST_SWAPPED, LEAST_FIRST = 0.99, 0.95

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


def sample_pictures(sample: Sample) -> Pictures:
    """The sample's pictures, in the order of its atlas."""
    return [Image.open(DATA / "images" / name).convert("RGB") for name in sample.atlas.ids]


def looks_of(pictures: Pictures) -> dict[str, np.ndarray]:
    """The measures of pictures."""
    measured = [measure(one) for one in pictures]
    return {name: np.array([one[name] for one in measured]) for name in MEASURES}


def joined(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Measures of both, one after the other."""
    return {name: np.concatenate([one[name], other[name]]) for name in one}


class Odd(NamedTuple):
    """How well planted images are found among the sample's."""

    planted: str
    count: int
    auroc: tuple[float, float, float]  # by five neighbors, by vectors, by vectors and looks
    apart: int  # images that stand apart
    right: int  # of these planted


def find_odd(sample: Sample) -> Iterator[Odd]:
    """Plant images of other kinds, and score all."""
    from sklearn.metrics import roc_auc_score

    vectors, looks = sample.vectors, looks_of(sample_pictures(sample))
    for name, pictures in planted():
        together = np.concatenate([vectors, sample.encoder.embed_images(pictures)])
        new = np.arange(len(together)) >= len(vectors)
        plain = build_graph(together).distances[:, :5].mean(axis=1)
        scores = score_outliers(together, looks=joined(looks, looks_of(pictures)))
        auroc = [float(roc_auc_score(new, by)) for by in (plain, score_outliers(together), scores)]
        apart = scores >= STANDS_APART
        yield Odd(name, len(pictures), tuple(auroc), int(apart.sum()), int((apart & new).sum()))


def report_outliers(sample: Sample) -> None:
    """Print the AUROC of planted images, by vectors alone and with looks, and how many stand apart."""
    looks = looks_of(sample_pictures(sample))
    alone = int((score_outliers(sample.vectors, looks=looks) >= STANDS_APART).sum())
    print_header(f"Outliers: {alone} of {len(sample.vectors):,} stand apart", "planted",
                 "5 neighbors", "vectors", "vectors, looks", "stand apart", "of these planted")  # fmt: skip
    for odd in find_odd(sample):
        print_row(odd.planted, *(f"{one:.3f}" for one in odd.auroc), odd.apart, odd.right)


def outlier_figures(sample: Sample) -> Iterator[Figure]:
    """Measure AUROC with vectors and looks, as a run scores images; a frequent kind has no bar."""
    for odd in find_odd(sample):
        rare = odd.count <= RARE * len(sample.vectors)
        yield Figure(f"Outliers, {odd.planted} planted: AUROC", odd.auroc[-1], LEAST_ODD if rare else None)


class Doubted(NamedTuple):
    """How well swapped labels are found."""

    auroc: float
    precision: float  # of as many of the surest as were swapped
    wrong: int  # labels called wrong
    right: int  # of these swapped
    swapped: int


def find_swapped(sample: Sample, column: str, seed: int, *, named: bool = True) -> Doubted:
    """Swap some labels of a column, and doubt all."""
    from sklearn.metrics import roc_auc_score

    names, codes = sample.classes(column)
    given = swapped(codes, seed)
    wrong, found = given != codes, doubt_labels(sample.vectors, given, texts=texts_of(sample, names, named))
    first = np.argsort(-found.confidence, kind="stable")[: wrong.sum()]
    auroc, precision = float(roc_auc_score(wrong, found.confidence)), float(wrong[first].mean())
    return Doubted(
        auroc, precision, int(found.wrong.sum()), int((found.wrong & wrong).sum()), int(wrong.sum())
    )


def texts_of(sample: Sample, names: Iterable[str], named: bool) -> np.ndarray | None:
    """Vectors of the names of classes, if they are to be known."""
    words = [name.replace("-", " ").replace("&", "and") for name in names]
    return sample.encoder.embed_texts(words) if named else None


def label_figures(sample: Sample, seeds: Iterable[int] = SEEDS) -> Iterator[Figure]:
    """Measure swapped labels of both columns."""
    for column in ("group", "subgroup"):
        for seed in seeds:
            found = find_swapped(sample, column, seed)
            name = f"{found.swapped} labels swapped, {column}, seed {seed}"
            yield Figure(f"{name}: AUROC", found.auroc, LEAST_SWAPPED, form=".4f")
            yield Figure(f"{name}: precision at n", found.precision, LEAST_FIRST)


def report_labels(sample: Sample) -> None:
    """Print how well swapped labels are found, with and without the names of the classes."""
    print_header("Labels: 5 % swapped, three seeds", "column", "names", "AUROC", "precision at n",
                 "called wrong", "of these swapped", "clean: called wrong")  # fmt: skip
    for column in ("group", "subgroup"):
        names, codes = sample.classes(column)
        for named in (False, True):
            clean = doubt_labels(sample.vectors, codes, texts=texts_of(sample, names, named)).wrong.sum()
            for seed in SEEDS:
                found = find_swapped(sample, column, seed, named=named)
                right = f"{found.right} of {found.swapped}"
                print_row(f"{column}, seed {seed}", "yes" if named else "no", f"{found.auroc:.4f}",
                          f"{found.precision:.3f}", found.wrong, right, clean)  # fmt: skip
    buckets = np.random.default_rng(0).integers(0, 5, len(sample.vectors))
    print(f"\nFive classes by chance are skipped: {reason_to_skip(buckets, sample.graph)}")


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


def as_webp(image: Image.Image) -> bytes:
    """The thumbnail of a picture, as a home keeps it."""
    small = image.copy()
    small.thumbnail((128, 128), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return buffer.getvalue()


def as_thumbnail(image: Image.Image) -> Image.Image:
    """A picture as its thumbnail shows it."""
    return Image.open(io.BytesIO(as_webp(image))).convert("RGB")


def report_quality(sample: Sample) -> None:
    """Print recall and precision of each issue, on decoded pixels and on thumbnails."""
    photos = photographs(200, least=0.6)
    print_header("Quality: a twentieth of the pictures is damaged",
                 "dataset", "measured", "damage", "recall", "precision")  # fmt: skip
    for dataset, pictures in (("sample", sample_pictures(sample)), ("photographs", photos)):
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
                print_row(dataset, seen, name, f"{right.mean():.2f}", f"{share:.2f}")


def main() -> None:
    """Measure what is asked for, or all."""
    reports = {"outliers": report_outliers, "labels": report_labels, "quality": report_quality}
    sample = Sample()
    for name in sys.argv[1:] or reports:
        reports[name](sample)


if __name__ == "__main__":
    main()
