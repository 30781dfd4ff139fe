"""Decoded thumbnails: opaque whatever the file is, cut where they are too long, kept while they are used."""

import io

import numpy as np
import pytest
from PIL import Image

from viewer.dataset.thumbnails import Thumbnails


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind, lossless=True)
    return out.getvalue()


def decoded(data: bytes, *, pixels: float = 1000.0) -> np.ndarray | None:
    return Thumbnails(lambda _row: data).get([0], pixels=pixels).get(0)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_transparent_image_lies_on_white_and_an_opaque_one_keeps_its_pixels(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 4), np.uint8)
    on_white = Image.new("RGBA", (24, 20), "white")
    on_white.alpha_composite(Image.fromarray(pixels))
    for image, wanted in (
        (Image.fromarray(pixels), on_white),
        (Image.fromarray(pixels).convert("RGB"), Image.fromarray(pixels).convert("RGB").convert("RGBA")),
    ):
        found = decoded(encoded(image, kind))
        assert found is not None
        assert np.abs(found.astype(int) - np.array(wanted)).max() <= 1
        assert (found[..., 3] == 255).all()


def test_a_colour_of_a_palette_may_be_transparent() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    image.info["transparency"] = 0
    found = decoded(encoded(image))
    assert found is not None
    assert found[4, 4].tolist() == [255, 255, 255, 255]
    assert found[0, 0].tolist() == [40, 50, 60, 255]


def test_a_small_one_is_half_as_large_and_what_cannot_be_read_is_left_out() -> None:
    data = encoded(Image.new("RGB", (64, 32), "red"))
    whole, half = decoded(data), decoded(data, pixels=20.0)
    assert whole is not None
    assert half is not None
    assert (whole.shape, half.shape) == ((32, 64, 4), (16, 32, 4))
    assert decoded(b"no image") is None


def test_small_and_large_ones_of_an_image_are_both_kept_and_each_is_decoded_once() -> None:
    data, reads = encoded(Image.new("RGB", (64, 32), "red")), []
    thumbnails = Thumbnails(lambda row: reads.append(row) or data)
    for pixels in (20.0, 60.0, 20.0, 60.0):
        found = thumbnails.get([0], pixels=pixels)[0]
        assert found.shape == ((16, 32, 4) if pixels == 20.0 else (32, 64, 4))
    assert reads == [0, 0]


def test_only_those_that_were_used_last_are_kept() -> None:
    data, reads = encoded(Image.new("RGB", (8, 8), "red")), []
    thumbnails = Thumbnails(lambda row: reads.append(row) or data, capacity=2)
    for row in (0, 1, 0, 2, 0, 1):
        thumbnails.get([row], pixels=8.0)
    assert reads == [0, 1, 2, 1]
