"""Photoshop files of every depth and mode, with and without transparency."""

import struct

import colour_profiles as profiles
import numpy as np
import pytest
from made_images import read
from PIL import Image
from shown_pictures import picture

SIZE = (96, 64)


def photoshop(
    planes: np.ndarray,
    mode: int,
    *,
    depth: int = 8,
    layers: int = 0,
    profile: bytes = b"",
    large: bool = False,
) -> bytes:
    """A Photoshop file.

    Args:
        planes: (channels, height, bytes a row) uint8.
        mode: of its colours, by Adobe's number.
        depth: bits of a channel.
        layers: their count; below zero if the first further channel is the transparency of the picture.
        profile: of its colours.
        large: whether it is a PSB.
    """
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 2 if large else 1, len(planes), SIZE[1], SIZE[0], depth, mode)
    resource = b"8BIM" + struct.pack(">H", 1039) + b"\0\0" + struct.pack(">I", len(profile)) + profile
    resource = resource + bytes(len(profile) % 2) if profile else b""
    inner = struct.pack(">Qh" if large else ">Ih", 2, layers) if layers else b""
    size = struct.pack(">Q" if large else ">I", len(inner))
    return (
        head
        + bytes(4)
        + struct.pack(">I", len(resource))
        + resource
        + size
        + inner
        + bytes(2)
        + planes.tobytes()
    )


def planes(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    return np.moveaxis(values, 2, 0) if values.ndim == 3 else values[None]


def bytes_of(values: np.ndarray, kind: str) -> np.ndarray:
    return np.ascontiguousarray(values.astype(kind)).view(np.uint8)


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, int) - np.asarray(other.convert("RGB"), int)).mean())


@pytest.mark.parametrize("large", [False, True])
def test_a_selection_that_somebody_saved_is_no_transparency(large: bool):
    selection = np.zeros((1, 64, 96), np.uint8)
    data = photoshop(np.concatenate([planes(picture()), selection]), 3, large=large)
    assert difference(read(data).pixels, picture()) == 0


@pytest.mark.parametrize("large", [False, True])
def test_the_transparency_of_a_picture_with_layers_counts(large: bool):
    alpha = np.full((1, 64, 96), 128, np.uint8)
    data = photoshop(np.concatenate([planes(picture()), alpha]), 3, layers=-1, large=large)
    assert difference(read(data).pixels, Image.blend(Image.new("RGB", SIZE, "white"), picture(), 0.5)) < 1


@pytest.mark.parametrize("depth", [8, 16, 32])
def test_channels_of_each_depth_are_the_same_picture(depth: int):
    levels = planes(picture()).astype(np.uint16)
    if depth == 32:
        light = levels / 255
        light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
        data = photoshop(bytes_of(light, ">f4"), 3, depth=32)
    else:
        data = photoshop(bytes_of(levels * (257 if depth == 16 else 1), f">u{depth // 8}"), 3, depth=depth)
    assert difference(read(data).pixels, picture()) < 1


@pytest.mark.parametrize("depth", [8, 16])
def test_inks_are_stored_as_what_they_leave_white(depth: int):
    inks = picture().convert("CMYK")
    values = 255 - planes(inks).astype(np.uint16)
    data = photoshop(bytes_of(values * (257 if depth == 16 else 1), f">u{depth // 8}"), 4, depth=depth)
    assert difference(read(data).pixels, inks) < 1


@pytest.mark.parametrize("depth", [8, 16])
def test_the_colours_of_lab_have_a_sign(depth: int):
    lab = np.empty((3, 64, 96), np.uint16)
    lab[:] = np.array((160, 190, 90))[:, None, None]
    data = photoshop(bytes_of(lab * (257 if depth == 16 else 1), f">u{depth // 8}"), 9, depth=depth)
    assert read(data).pixels.getpixel((0, 0)) == pytest.approx((230, 101, 221), abs=3)


def test_in_a_bitmap_ones_are_black():
    is_black = np.asarray(picture().convert("L")) < 100
    found = np.asarray(read(photoshop(np.packbits(is_black, axis=1)[None], 0, depth=1)).pixels)
    assert np.array_equal(found[..., 0] == 0, is_black)


def test_the_profile_of_a_file_of_16_bits_counts():
    values = bytes_of(planes(picture()).astype(np.uint16) * 257, ">u2")
    plain, wide = (
        read(photoshop(values, 3, depth=16, profile=profile)).pixels
        for profile in (b"", profiles.rgb("wide"))
    )
    assert difference(plain, picture()) < 1
    assert difference(wide, picture()) > 5


def test_light_of_32_bits_is_encoded_once_though_a_profile_says_that_it_is_light():
    light = np.full((1, 64, 96), 0.2)
    data = photoshop(bytes_of(light, ">f4"), 1, depth=32, profile=profiles.grey(1.0))
    assert read(data).pixels.getpixel((0, 0)) == (124, 124, 124)


@pytest.mark.parametrize("size", [26, 30, 40, 400])
def test_a_cut_file_has_a_reason(size: int):
    from clipper.errors import BadImageError

    with pytest.raises(BadImageError, match="damaged"):
        read(photoshop(planes(picture()), 3, large=True)[:size])


def test_a_count_of_channels_that_makes_no_sense_takes_no_memory():
    from clipper.errors import BadImageError

    data = photoshop(planes(picture()), 3, large=True)
    many = data[:12] + struct.pack(">HII", 65_535, 900_000, 1) + data[22:]
    with pytest.raises(BadImageError, match="damaged"):
        read(many)
