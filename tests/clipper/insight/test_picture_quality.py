"""Bad pictures are flagged among good ones; a dataset that is all alike has none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from clipper.images.picture.measures import MEASURES, _quantile_of_counts, measure
from clipper.insight.picture_quality import ISSUES, flag

IMAGES = Path(__file__).resolve().parents[3] / "data" / "images"
Change = Callable[[Image.Image], Image.Image]


def columns(pictures: list[Image.Image]) -> dict[str, np.ndarray]:
    measured = [measure(one) for one in pictures]
    return {name: np.array([one[name] for one in measured]) for name in MEASURES}


def flagged(pictures: list[Image.Image]) -> dict[str, np.ndarray]:
    widths, heights = np.array([one.size for one in pictures]).T
    return flag(columns(pictures), widths=widths, heights=heights)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in sorted(IMAGES.glob("*.jpg"))[::15]]


def scene(width: int = 640, height: int = 480, *, seed: int = 0) -> Image.Image:
    """Many overlapping bars and a little noise, as sharp as pixels can be."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 120.0)
    for _ in range(60):
        top, left = random.integers(0, height - 20), random.integers(0, width - 20)
        pixels[top : top + random.integers(8, 150), left : left + random.integers(8, 150)] = random.integers(
            20, 235, 3
        )
    return Image.fromarray((pixels + random.normal(size=pixels.shape) * 3).clip(0, 255).astype(np.uint8))


def shaken(image: Image.Image) -> Image.Image:
    moved = [np.roll(np.asarray(image, np.float32), i, axis=1) for i in range(9)]
    return Image.fromarray(np.mean(moved, axis=0).astype(np.uint8))


CHANGES: list[tuple[str, Change]] = [
    ("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(2))),
    ("blurred", shaken),
    ("dark", lambda image: image.point(lambda value: value // 5)),
    ("blank", lambda image: Image.new("RGB", image.size, (20, 160, 160))),
    ("tiny", lambda image: image.resize((16, 16))),
    ("extreme_shape", lambda image: image.resize((image.width, image.height // 5))),
]


@pytest.mark.parametrize(("issue", "change"), CHANGES)
def test_what_is_damaged_is_flagged_and_nothing_else(pictures: list[Image.Image], issue: str, change: Change):
    found = flagged([*pictures, *map(change, pictures[:10])])[issue]
    assert found[-10:].sum() >= 9
    assert not found[:-10].any()


def test_what_is_blown_out_is_flagged_where_it_is_white(pictures: list[Image.Image]):
    white = [Image.fromarray(np.maximum(np.asarray(one), 225)) for one in pictures[:10]]
    assert flagged([*pictures, *white])["blown_out"][-10:].all()


def test_good_pictures_have_no_issue(pictures: list[Image.Image]):
    assert {name: int(found.sum()) for name, found in flagged(pictures).items()} == dict.fromkeys(ISSUES, 0)


@pytest.mark.parametrize("change", [change for _, change in CHANGES])
def test_a_dataset_that_is_all_alike_is_not_flagged_as_a_whole(pictures: list[Image.Image], change: Change):
    found = flagged([change(one) for one in pictures])
    assert all(found[name].mean() < 0.1 for name in ISSUES if name != "blank")


@pytest.mark.parametrize("radius", [1.5, 3, 6])
def test_a_blurred_photograph_is_less_sharp_at_any_size(radius: float):
    for image in (scene(), scene(1600, 1200)):
        blurred = image.filter(ImageFilter.GaussianBlur(radius * image.width / 640))
        assert measure(blurred)["sharpness"] < 0.75 * measure(image)["sharpness"]


def test_a_soft_background_is_no_fault():
    sharp = scene()
    soft = sharp.filter(ImageFilter.GaussianBlur(6))
    soft.paste(sharp.crop((160, 120, 480, 360)), (160, 120))
    assert measure(soft)["sharpness"] > 0.4


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 2), (7, 9), (40, 40), (2000, 1500)])
def test_a_picture_of_any_size_has_finite_measures(size: tuple[int, int]):
    measured = measure(Image.new("RGB", size, (10, 20, 30)))
    assert tuple(measured) == MEASURES
    assert np.isfinite(list(measured.values())).all()
    assert measured == measure(Image.new("RGB", size, (10, 20, 30)))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.98, 1.0])
@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_a_quantile_of_counts_is_that_of_all_values(share: float, dtype: type):
    chance = np.random.default_rng(0)
    for size in (1, 2, 9, 200):
        values = (chance.permutation(1000)[:size] / 3).astype(dtype)
        counts = chance.integers(0, 5, size)
        counts[chance.integers(size)] += 1
        expected = float(np.quantile(np.repeat(values, counts), share))
        assert _quantile_of_counts(values, counts, share) == pytest.approx(expected, rel=1e-6)


def test_pictures_that_were_not_measured_have_no_issue_but_of_size():
    nothing = {name: np.full(5, np.nan) for name in MEASURES}
    sizes = np.array([600, 600, 600, 600, 9])
    found = flag(nothing, widths=sizes, heights=np.full(5, 600))
    assert [name for name in ISSUES if found[name].any()] == ["tiny", "extreme_shape"]
    none = flag({name: np.empty(0) for name in MEASURES}, widths=np.empty(0), heights=np.empty(0))
    assert all(found.shape == (0,) for found in none.values())
    unknown = flag(nothing, widths=np.zeros(5), heights=np.zeros(5))
    assert not any(found.any() for found in unknown.values())
