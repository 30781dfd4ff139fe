"""Images too large to be decoded at once."""

import numpy as np
import pytest
from made_images import corners, near, picture, read, saved
from PIL import Image

from clipper.images import decode
from clipper.images.picture import pixels


@pytest.fixture
def _all_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat images of some thousand pixels as those of many millions, which take seconds."""
    monkeypatch.setattr(decode, "MAX_PIXELS_AT_ONCE", 10_000)
    monkeypatch.setattr(pixels, "MAX_PIXELS_AT_ONCE", 10_000)
    monkeypatch.setattr(pixels, "TILE", 100)
    monkeypatch.setattr(pixels, "MAX_SIDE", 1_000)


def steps(kind: str) -> Image.Image:
    """Four columns from black to white, 630 x 470."""
    values = np.repeat([0.0, 1 / 3, 2 / 3, 1.0], [158, 157, 158, 157])[None].repeat(470, axis=0)
    if kind == "I;16":
        return Image.fromarray((values * 65_535).astype(np.uint16))
    if kind == "F":
        return Image.fromarray(values.astype(np.float32) * 7 - 2)
    grey = Image.fromarray((values * 255).astype(np.uint8))
    return grey.convert(kind)


@pytest.mark.usefixtures("_all_is_large")
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("PNG", "LA"),
        ("TIFF", "F"),
        ("TIFF", "CMYK"),
    ],
)
def test_a_very_large_image_is_shrunk_on_the_way_and_looks_the_same(kind: str, mode: str):
    decoded = read(saved(steps(mode), kind))
    assert (decoded.facts["width"], decoded.facts["height"]) == (630, 470)
    assert decoded.pixels.size == (90, 68)  # by 7: the shorter side keeps at least twice `min_side`
    found = np.asarray(decoded.pixels)[:, [11, 33, 56, 78], 0]
    assert near(found, [[0, 85, 170, 255]] * 68, by=1)


@pytest.mark.usefixtures("_all_is_large")
def test_a_very_large_image_has_white_where_it_is_transparent():
    image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    image.paste((220, 20, 20, 255), (0, 0, 300, 600))
    decoded = read(saved(image, "PNG"))
    assert corners(decoded.pixels) == [(220, 20, 20), (255, 255, 255)] * 2


@pytest.mark.usefixtures("_all_is_large")
def test_of_a_very_large_jpeg_2000_only_so_much_is_decoded_as_is_needed():
    decoded = read(saved(picture(600, 600), "JPEG2000"))
    assert (decoded.facts["width"], decoded.facts["height"]) == (600, 600)
    assert decoded.pixels.size == (75, 75)
    assert near(corners(decoded.pixels), corners(picture()))


@pytest.mark.usefixtures("_all_is_large")
def test_a_very_long_line_of_pixels_becomes_a_short_one():
    decoded = read(saved(Image.new("L", (40_000, 1), 200), "TIFF"))
    assert (decoded.facts["width"], decoded.pixels.size) == (40_000, (1_000, 1))
    assert decoded.pixels.getpixel((9, 0)) == (200, 200, 200)
