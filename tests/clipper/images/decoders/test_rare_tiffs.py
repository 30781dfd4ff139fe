"""TIFFs of scanners, satellites and microscopes, whose numbers are packed as Pillow does not unpack them."""

import io
import struct

import colour_profiles as profiles
import numpy as np
import pytest
from made_images import read
from PIL import Image
from shown_pictures import picture, saved

from clipper.images.decoders.tiff import codecs


def tiff(data: bytes, *, bits: int, samples: int = 3, photometric: int = 2, **tags: int) -> bytes:
    """A TIFF of 96 x 64 pixels and one strip; `tags` are `t` and a number."""
    entries = {
        256: 96,
        257: 64,
        258: bits,
        259: 1,
        262: photometric,
        273: 8,
        277: samples,
        278: 64,
        279: len(data),
    }
    entries |= {int(name[1:]): value for name, value in tags.items()}
    count = samples if samples > 2 else 1
    at = 8 + len(data) + len(data) % 2
    lists = struct.pack(f"<{samples}H", *[bits] * samples)
    table = struct.pack("<H", len(entries))
    for tag, value in sorted(entries.items()):
        where = at if tag == 258 and count > 2 else value
        table += struct.pack("<HHII", tag, 3 if tag == 258 else 4, count if tag == 258 else 1, where)
    head = b"II*\0" + struct.pack("<I", at + len(lists))
    return head + data + bytes(len(data) % 2) + lists + table + bytes(4)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Whole numbers, (rows, numbers), of some bits each; a row begins at a byte."""
    each = (values[:, :, None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(each.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("samples", [1, 3])
def test_numbers_of_any_bits_are_the_same_picture(bits: int, samples: int):
    image = picture() if samples == 3 else picture().convert("L")
    levels = np.asarray(image, np.uint32).reshape(64, -1)
    values = (levels * ((1 << bits) - 1) + 127) // 255
    data = tiff(packed(values, bits), bits=bits, samples=samples, photometric=2 if samples == 3 else 1)
    found = np.asarray(read(data).pixels, int)
    assert (
        np.abs(found - np.asarray(image.convert("RGB"), int)).max()
        <= 255 // ((1 << min(bits, 8)) - 1) // 2 + 1
    )


def lzw(data: bytes, width: int) -> bytes:
    """The strip that libtiff makes of rows of grey."""
    image = Image.frombytes("L", (width, len(data) // width), data)
    file = saved("TIFF", image, compression="tiff_lzw", tiffinfo={278: image.height})
    with Image.open(io.BytesIO(file)) as written:
        start, size = written.tag_v2[273][0], written.tag_v2[279][0]
    return file[start : start + size]


def test_lzw_of_many_bands_needs_no_further_package():
    levels = np.dstack([np.asarray(picture()), np.zeros((64, 96, 3), np.uint8)])
    data = tiff(lzw(levels.tobytes(), 96 * 6), bits=8, samples=6, t259=5)
    assert np.array_equal(np.asarray(read(data).pixels), np.asarray(picture()))


def test_floats_stored_as_differences_are_read():
    light = np.asarray(picture(), np.float32) / 255
    planes = np.ascontiguousarray(light.reshape(64, -1).astype(">f4")).view(np.uint8).reshape(64, -1, 4)
    planes = np.moveaxis(planes, 2, 1).reshape(64, -1, 3)
    changes = np.diff(planes, axis=1, prepend=np.uint8(0)).astype(np.uint8)
    data = tiff(lzw(changes.tobytes(), 96 * 12), bits=32, t259=5, t317=3, t339=3)
    assert np.abs(np.asarray(read(data).pixels, int) - np.asarray(picture(), int)).max() <= 1


def test_inks_of_16_bits_and_a_further_band_are_inks():
    inks = np.asarray(picture().convert("CMYK"), np.uint16) * 257
    values = np.dstack([inks, np.zeros((64, 96), np.uint16)]).astype("<u2")
    data = tiff(lzw(values.tobytes(), 96 * 10), bits=16, samples=5, photometric=5, t259=5)
    assert np.abs(np.asarray(read(data).pixels, int) - np.asarray(picture(), int)).max() <= 2


def grey() -> np.ndarray:
    return np.asarray(picture().convert("L"), np.uint32)


@pytest.mark.parametrize(
    ("data", "photometric", "bits"),
    [(255 - grey(), 0, 16), (grey(), 1, 32), (grey(), 1, 16)],
    ids=["zero is white", "32 bits without a sign", "16 bits"],
)
def test_wide_numbers_keep_their_brightness(data: np.ndarray, photometric: int, bits: int):
    values = (data * ((1 << bits) // 255)).astype(f"<u{bits // 8}")
    found = read(tiff(values.tobytes(), bits=bits, samples=1, photometric=photometric)).pixels
    assert np.abs(np.asarray(found, int)[..., 0] - grey().astype(int)).max() <= 2


@pytest.mark.parametrize("largest", [40_000, 3_000_000])
def test_counts_of_32_bits_are_not_black(largest: int):
    counts = np.linspace(0, largest, 64 * 96).astype("<u4")
    found = np.asarray(read(tiff(counts.tobytes(), bits=32, samples=1, photometric=1)).pixels)
    assert found.min() == 0
    assert found.max() == (255 if largest > 65_535 else largest >> 8)


def test_planes_of_16_bits_are_colours():
    planes = np.moveaxis(np.asarray(picture()), 2, 0).astype("<u2") * 257
    found = read(tifffile_written(planes, planarconfig="separate", photometric="rgb")).pixels
    assert np.array_equal(np.asarray(found), np.asarray(picture()))


def tifffile_written(values: np.ndarray, **options: object) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


@pytest.mark.filterwarnings("error")
def test_the_brightness_of_complex_numbers_is_their_length():
    light = grey().astype(np.float32)
    found = read(tifffile_written(light * np.exp(1j * light).astype(np.complex64))).pixels
    assert np.abs(np.asarray(found) - np.asarray(read(tifffile_written(light)).pixels, int)).max() <= 1


def test_a_tiff_of_floats_is_turned_and_has_its_camera_and_its_colours():
    light = np.asarray(picture(), np.float32) / 255
    profile = profiles.rgb("wide")
    tags = [(271, "s", 0, "Maker", True), (272, "s", 0, "Model", True), (274, "H", 1, 6, True)]
    found = read(tifffile_written(light, photometric="rgb", extratags=tags, iccprofile=profile))
    like = read(saved("PNG", picture().transpose(Image.Transpose.ROTATE_270), icc_profile=profile))
    assert found.facts["camera"] == "Maker Model"
    assert (found.facts["width"], found.facts["height"]) == (64, 96)
    assert np.abs(np.asarray(found.pixels, int) - np.asarray(like.pixels, int)).mean() < 1


def test_a_broken_strip_has_a_reason():
    from clipper.errors import BadImageError

    with pytest.raises(BadImageError, match="damaged"):
        read(tiff(b"\xff" * 4_000, bits=8, samples=6, t259=5))


def test_the_codecs_of_the_further_package_are_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch):
    import types

    import tifffile

    theirs = types.ModuleType("imagecodecs")
    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", theirs)
    codecs.install()
    assert not hasattr(theirs, "lzw_decode")
