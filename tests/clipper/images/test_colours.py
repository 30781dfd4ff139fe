"""Every file's colours become sRGB. tests/browser/test_same_pictures.py compares them with a browser's."""

import io

import colour_profiles as profiles
import numpy as np
import pytest
from made_images import read
from PIL import Image
from shown_pictures import drawing, picture, saved, see_through

from clipper.images.picture import colours


def pixels(data: bytes, *, min_side: int = 64) -> np.ndarray:
    return np.asarray(read(data, min_side=min_side, max_pixels=1 << 27).pixels, int)


@pytest.mark.parametrize("space", profiles.SPACES)
def test_the_same_colours_in_another_space_are_the_same_pixels(space: str):
    """The inverse: sRGB written in the space, and read again."""
    from PIL import ImageCms

    source = ImageCms.createProfile("sRGB")
    target = ImageCms.ImageCmsProfile(io.BytesIO(profiles.rgb(space)))
    dull = Image.blend(picture(), Image.new("RGB", (96, 64), (128, 128, 128)), 0.5)
    written = ImageCms.profileToProfile(dull, source, target)
    assert np.abs(np.asarray(written, int) - np.asarray(dull, int)).mean() > 3
    read_again = pixels(saved("PNG", written, icc_profile=profiles.rgb(space)))
    assert np.abs(read_again - np.asarray(dull, int)).mean() < 2


def test_a_profile_of_srgb_changes_nothing_and_costs_no_new_vector():
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = read(saved("PNG", icc_profile=srgb))
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(picture()))
    assert "_remade" not in decoded.facts


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"x",
        bytes(200),
        profiles.rgb("p3")[:200],
        b"\xff" * 3000,
        profiles.rgb("p3").replace(b"RGB ", b"XYZ "),
    ],
)
def test_a_broken_profile_is_as_good_as_none(broken: bytes):
    decoded = read(saved("PNG", icc_profile=broken) if broken else saved("PNG"))
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(picture()))


def test_a_large_image_is_converted_tile_by_tile_to_the_same_colours():
    large = picture().resize((6_000, 6_000), Image.Resampling.NEAREST)
    data = saved("PNG", large, icc_profile=profiles.rgb("wide"), compress_level=1)
    small = pixels(saved("PNG", icc_profile=profiles.rgb("wide")))
    found = pixels(data)
    assert len(found) < 1_000
    shrunk = np.asarray(Image.fromarray(found.astype(np.uint8)).resize((96, 64), Image.Resampling.BOX), int)
    assert np.abs(shrunk - small).mean() < 3


def test_a_shrunken_jpeg_has_the_colours_of_its_profile():
    large = picture().resize((1_920, 1_280), Image.Resampling.NEAREST)
    data = saved("JPEG", large, icc_profile=profiles.rgb("p3"))
    decoded = read(data, max_pixels=1 << 23, min_side=64)
    assert decoded.pixels.width < 500
    at = (decoded.pixels.width // 4, decoded.pixels.height // 2 - 4)
    expected = pixels(saved("PNG", icc_profile=profiles.rgb("p3")))[28, 24]
    assert np.abs(np.array(decoded.pixels.getpixel(at)) - expected).max() <= 4


def test_a_profile_is_read_once_for_many_files():
    colours._transform.cache_clear()
    for _ in range(3):
        pixels(saved("PNG", icc_profile=profiles.rgb("adobe")))
    assert colours._transform.cache_info().misses == 1


@pytest.mark.parametrize("colour", ["white", "#fffef8", "#e8eeff"])
def test_a_drawing_that_white_would_hide_lies_on_black(colour: str):
    round_one, narrow_one = (pixels(saved("PNG", drawing(colour, kind=kind))) for kind in ("round", "narrow"))
    assert tuple(round_one[2, 2]) == (0, 0, 0)
    assert np.abs(round_one - narrow_one).mean() > 20


@pytest.mark.parametrize("colour", ["black", "red", "yellow", "#a0a0a0"])
def test_every_other_drawing_lies_on_white(colour: str):
    assert tuple(pixels(saved("PNG", drawing(colour)))[2, 2]) == (255, 255, 255)


def test_a_faint_black_drawing_lies_on_white():
    assert tuple(pixels(saved("PNG", drawing("#00000014")))[2, 2]) == (255, 255, 255)


def test_black_on_white_with_clear_margins_lies_on_white():
    page = drawing("white", kind="round")
    page.paste((0, 0, 0, 255), (20, 20, 44, 24))
    assert tuple(pixels(saved("PNG", page))[2, 2]) == (255, 255, 255)


def test_thin_white_lines_on_a_large_ground_are_found():
    image = Image.new("RGBA", (4_000, 3_000), (255, 255, 255, 0))
    for top in range(10, 3_000, 200):
        image.paste((255, 255, 255, 255), (0, top, 4_000, top + 3))
    assert pixels(saved("PNG", image, compress_level=1)).min() == 0


def test_the_ground_is_the_same_for_a_thumbnail_and_a_large_view():
    data = saved("PNG", drawing("white").resize((900, 900)))
    assert pixels(data, min_side=32)[1, 1, 0] == pixels(data, min_side=900)[1, 1, 0] == 0


def test_an_opaque_image_with_an_alpha_channel_is_sent_as_it_is():
    opaque = picture().convert("RGBA")
    assert "_converted" not in read(saved("PNG", opaque)).facts
    assert read(saved("PNG", see_through())).facts["_converted"]
