"""Thumbnails have the colours of their pictures, in few bytes."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from shown_pictures import PICTURES, picture

from clipper.images.decode import decode, shrink
from clipper.images.picture.webp import write_webp


def loss(small: Image.Image, written: bytes) -> float:
    with Image.open(io.BytesIO(written)) as image:
        return float(np.abs(np.asarray(image.convert("RGB"), int) - np.asarray(small, int)).mean())


def lines() -> Image.Image:
    """Thin lines in strong colours, of which WebP keeps half the colour."""
    image = Image.new("RGB", (128, 96), (200, 60, 40))
    draw = ImageDraw.Draw(image)
    for at in range(0, 128, 5):
        draw.line([at, 0, 128 - at, 96], fill=(30, 170, 250) if at % 2 else (60, 255, 20))
    return image


def grain() -> Image.Image:
    """A photo of sand: noise, which takes many bytes."""
    return Image.fromarray(np.random.default_rng(0).integers(60, 200, (128, 128, 3)).astype(np.uint8))


@pytest.mark.parametrize("name", [name for name in PICTURES if "turned" not in name])
def test_each_thumbnail_is_within_3_of_255(name: str):
    small = shrink(decode(PICTURES[name](), max_pixels=1 << 20, min_side=128).pixels)
    assert loss(small, write_webp(small)) <= 3


def test_a_drawing_whose_colours_would_fade_is_written_finer():
    written = write_webp(lines())
    assert loss(lines(), written) <= 3
    assert len(written) <= 6_144


def test_a_photo_is_not_made_larger_than_thumbnails_are():
    plain = io.BytesIO()
    grain().save(plain, "WEBP", quality=82, method=2)
    assert write_webp(grain()) == plain.getvalue()


def test_a_smooth_picture_stays_small():
    assert len(write_webp(picture().resize((128, 85)))) < 1_500
