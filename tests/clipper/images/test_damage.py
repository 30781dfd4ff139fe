"""Files that end early or are broken: decoded as far as they go, and said to be damaged."""

import numpy as np
import pytest
from made_images import read, saved
from PIL import Image

from clipper.errors import BadImageError


def noisy(width: int = 320, height: int = 240) -> Image.Image:
    """A picture of which every row takes about as many bytes."""
    random = np.random.default_rng(5)
    pixels = random.integers(40, 220, (height // 4, width // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    return Image.fromarray(pixels)


KINDS = {
    "baseline JPEG": ("JPEG", {"quality": 90}),
    "progressive JPEG": ("JPEG", {"quality": 90, "progressive": True}),
    "JPEG of inks": ("JPEG", {"quality": 90}),
    "PNG": ("PNG", {}),
    "GIF in rows": ("GIF", {"interlace": 0}),
    "GIF interlaced": ("GIF", {"interlace": 1}),
    "BMP": ("BMP", {}),
    "TIFF": ("TIFF", {}),
    "PPM": ("PPM", {}),
    "TGA": ("TGA", {}),
}


def file_of(kind: str) -> tuple[Image.Image, bytes]:
    name, options = KINDS[kind]
    image = noisy().convert("CMYK") if kind == "JPEG of inks" else noisy()
    data = saved(image, name, **options)
    return read(data, min_side=500).pixels, data


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_there_is_of_a_cut_file_is_decoded_and_the_rest_is_white(kind: str):
    whole, data = file_of(kind)
    decoded = read(cut(data, 0.6), min_side=500)
    assert decoded.facts["damage"] == "ends early"
    assert decoded.facts["_reason"].startswith("is damaged: its data ends early")
    assert decoded.facts["_converted"]
    assert (decoded.facts["width"], decoded.facts["height"]) == whole.size == decoded.pixels.size
    if kind in ("BMP", "TGA"):
        return  # they begin at the bottom
    above = np.s_[: int(0.4 * whole.height)]
    near = 40 if kind in ("progressive JPEG", "GIF interlaced") else 1
    assert np.abs(np.asarray(decoded.pixels, int)[above] - np.asarray(whole, int)[above]).mean() <= near
    if near == 1:
        assert (np.asarray(decoded.pixels)[-20:] == 255).all()


@pytest.mark.parametrize("kind", ["baseline JPEG", "progressive JPEG", "PNG", "BMP"])
def test_a_file_without_its_last_bytes_loses_next_to_nothing(kind: str):
    whole, data = file_of(kind)
    decoded = read(data[:-2], min_side=500)
    assert decoded.facts["damage"] == "ends early"
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(whole, int)).mean() < 1


def test_a_jpeg_that_ends_in_zeros_was_not_written_to_its_end():
    _, data = file_of("baseline JPEG")
    preallocated = cut(data, 0.5).ljust(len(data), b"\0")
    decoded = read(preallocated, min_side=500)
    assert decoded.facts["damage"] == "ends early"
    assert (np.asarray(decoded.pixels)[-40:] == 255).all()
    assert "damage" not in read(data + bytes(500)).facts


def test_a_png_without_its_end_is_damaged_though_all_its_pixels_are_there():
    whole, data = file_of("PNG")
    decoded = read(data[:-12], min_side=500)
    assert decoded.facts["damage"] == "ends early"
    assert decoded.pixels.tobytes() == whole.tobytes()


def test_a_png_with_a_wrong_checksum_of_its_pixels_is_broken_and_shown():
    whole, data = file_of("PNG")
    spoiled = data[:-20] + bytes(4) + data[-16:]
    decoded = read(spoiled, min_side=500)
    assert decoded.facts["damage"] == "broken data"
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(whole, int)).mean() < 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_which_next_to_nothing_is_there_is_refused(kind: str):
    _, data = file_of(kind)
    with pytest.raises(BadImageError, match="is damaged"):
        read(data[:236] if kind == "progressive JPEG" else cut(data, 0.05), min_side=500)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000"])
def test_what_no_decoder_hands_over_in_part_is_refused_with_the_reason_of_the_first_try(kind: str):
    data = saved(noisy(), kind)
    with pytest.raises(BadImageError, match="is damaged"):
        read(cut(data, 0.9))


def test_a_whole_file_has_no_damage_and_a_later_file_is_not_forgiven_more():
    from PIL import ImageFile

    _, data = file_of("PNG")
    read(cut(data, 0.5))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert "damage" not in read(data).facts


def test_a_large_cut_image_is_decoded_in_one_go():
    data = saved(Image.effect_mandelbrot((7_000, 5_000), (-2, -1.5, 1, 1.5), 30), "PNG", compress_level=1)
    decoded = read(cut(data, 0.7), max_pixels=40_000_000, min_side=64)
    assert decoded.facts["damage"] == "ends early"
    assert (np.asarray(decoded.pixels)[-5:] == 255).all()


def test_an_empty_fourth_channel_of_a_cut_file_is_no_transparency():
    data = saved(Image.new("RGBA", (40, 40), (10, 200, 30, 0)), "TGA")
    decoded = read(data[:-2000])
    assert decoded.facts["damage"] == "ends early"
    assert decoded.pixels.getpixel((0, 39)) == (10, 200, 30)  # it begins at the bottom
