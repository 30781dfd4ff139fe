"""Image files of every kind and condition, decoded or refused with a reason."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from made_images import corners, near, picture, read, saved
from PIL import Image

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import shrink
from clipper.images.picture.webp import write_webp

ORIENTATION = 0x0112
Draw = Callable[[], Image.Image]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("AVIF", {"quality": 95}),
        ("BMP", {}),
        ("PPM", {}),
        ("JPEG2000", {}),
        ("TGA", {}),
    ],
)
def test_every_format_gives_its_pixels_size_and_name(kind: str, options: dict[str, object]):
    decoded = read(saved(picture(), kind, **options))
    assert decoded.pixels.mode == "RGB"
    assert near(corners(decoded.pixels), corners(picture()), by=20)
    assert (decoded.facts["width"], decoded.facts["height"]) == (60, 40)
    assert decoded.facts["format"] == kind


def test_of_an_animation_the_first_frame_counts():
    frames = [picture(), Image.new("RGB", (60, 40), "black"), Image.new("RGB", (60, 40), "black")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert near(corners(read(data).pixels), corners(picture()), by=20), kind


def test_a_cmyk_jpeg_has_the_colours_it_was_made_with():
    data = saved(picture().convert("CMYK"), "JPEG", quality=95)
    assert near(corners(read(data).pixels), corners(picture()), by=25)


def transparent_palette() -> Image.Image:
    image = Image.new("P", (60, 40), 0)
    image.putpalette([0, 0, 0, 220, 20, 20])
    image.paste(1, (0, 0, 30, 40))
    image.info["transparency"] = 0
    return image


def transparent_rgb() -> Image.Image:
    image = Image.new("RGB", (60, 40), (0, 0, 0))
    image.paste((220, 20, 20), (0, 0, 30, 40))
    image.info["transparency"] = (0, 0, 0)
    return image


def transparent_rgba() -> Image.Image:
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    image.paste((220, 20, 20, 255), (0, 0, 30, 40))
    return image


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        ("PNG", transparent_palette),
        ("GIF", transparent_palette),
        ("PNG", transparent_rgb),
        ("PNG", transparent_rgba),
        ("WEBP", transparent_rgba),
        ("TIFF", transparent_rgba),
        ("AVIF", transparent_rgba),
    ],
)
def test_what_is_transparent_is_white(kind: str, draw: Draw):
    options = {"lossless": True} if kind == "WEBP" else {}
    if (transparency := draw().info.get("transparency")) is not None:
        options["transparency"] = transparency
    pixels = read(saved(draw(), kind, **options)).pixels
    assert near(pixels.getpixel((10, 20)), (220, 20, 20))
    assert near(pixels.getpixel((50, 20)), (255, 255, 255))


def test_a_grey_image_with_alpha_lies_on_white():
    image = Image.new("LA", (60, 40), (0, 0))
    image.paste((100, 255), (0, 0, 30, 40))
    pixels = read(saved(image, "PNG")).pixels
    assert pixels.getpixel((10, 20)) == (100, 100, 100)
    assert pixels.getpixel((50, 20)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_greys_keep_their_brightness(kind: str):
    ramp = np.repeat(np.linspace(0, 65535, 64)[None], 64, axis=0).astype(np.uint16)
    pixels = np.asarray(read(saved(Image.fromarray(ramp), kind)).pixels)
    assert near(pixels[0, :, 0], np.linspace(0, 255, 64), by=1)


def test_a_dark_sixteen_bit_image_stays_dark():
    dark = Image.fromarray(np.full((16, 16), 2_570, np.uint16))
    assert read(saved(dark, "PNG")).pixels.getpixel((3, 3)) == (10, 10, 10)


def test_floats_are_stretched_over_their_range_and_nan_is_its_low_end():
    ramp = np.linspace(-2, 5, 64, dtype=np.float32)[None].repeat(8, axis=0)
    ramp[0, 5] = np.nan
    ramp[1, 5] = np.inf
    pixels = np.asarray(read(saved(Image.fromarray(ramp), "TIFF")).pixels)
    assert near(pixels[4, :, 0], np.linspace(0, 255, 64), by=1)
    assert tuple(pixels[0, 5]) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_every_plain_mode_becomes_rgb(mode: str):
    made = Image.new("I;16", (8, 8), 300) if mode == "I;16" else picture().convert(mode)
    assert read(saved(made, "PNG")).pixels.mode == "RGB"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_upright_whatever_its_exif_orientation(kind: str, orientation: int):
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = picture() if back is None else picture().transpose(back)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    decoded = read(saved(stored, kind, exif=exif.tobytes() if kind != "TIFF" else exif, **options))
    assert near(corners(decoded.pixels), corners(picture()), by=25)
    assert decoded.pixels.size == (60, 40)
    assert (decoded.facts["width"], decoded.facts["height"]) == (60, 40)


def test_a_large_jpeg_is_decoded_smaller_and_its_full_size_is_a_fact():
    data = saved(picture(1600, 1200), "JPEG")
    decoded = read(data, max_pixels=10_000_000, min_side=64)
    assert (decoded.facts["width"], decoded.facts["height"]) == (1600, 1200)
    assert 128 <= min(decoded.pixels.size) < 400


def test_a_turned_large_jpeg_tells_its_upright_size():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = saved(picture(1600, 1200), "JPEG", exif=exif)
    assert read(data, max_pixels=10_000_000).facts["height"] == 1600


def test_facts_of_the_shot_come_from_exif():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 5D\x00"
    exposure = exif.get_ifd(0x8769)
    exposure[0x9003], exposure[0x8827], exposure[0x920A] = "2024:05:06 07:08:09", 400, 50.0
    exposure[0xA434] = "EF50mm\x1b[31m f/1.8"
    facts = read(saved(picture(), "JPEG", exif=exif)).facts
    assert facts["taken_at"] == "2024-05-06T07:08:09"
    assert facts["camera"] == "Canon EOS 5D"
    assert (facts["iso"], facts["focal_length"]) == (400, 50)
    assert facts["lens"] == "EF50mm [31m f/1.8"


@pytest.mark.parametrize(
    "taken", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "2024:13:45 99:99:99"]
)
def test_an_impossible_date_is_left_out(taken: str):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    assert "taken_at" not in read(saved(picture(), "JPEG", exif=exif)).facts


@pytest.mark.parametrize(
    "garbage",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00II",
        b"Exif\x00\x00not a tiff header at all",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + bytes(20),
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x12\x01\x05\x00\xff\xff\xff\xff" * 40,
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x05\x00\x00\x00\x01\xff\xff\xff\xf0",
    ],
)
def test_broken_exif_costs_only_itself(garbage: bytes):
    whole = saved(picture(), "JPEG", quality=95)
    segment = b"\xff\xe1" + struct.pack(">H", len(garbage) + 2) + garbage
    decoded = read(whole[:2] + segment + whole[2:])
    assert near(corners(decoded.pixels), corners(picture()), by=25)


def test_too_many_pixels_are_refused_before_they_are_decoded():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    bomb += struct.pack(">I", 4) + b"IDAT" + zlib.compress(b"")[:4] + bytes(4)
    with pytest.raises(BadImageError, match=r"60,000 x 60,000 pixels.*max_pixels"):
        read(bomb)


def test_exactly_the_limit_of_pixels_is_allowed():
    assert read(saved(picture(), "PNG"), max_pixels=60 * 40).facts["width"] == 60
    with pytest.raises(BadImageError, match="max_pixels"):
        read(saved(picture(), "PNG"), max_pixels=60 * 40 - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP"])
def test_a_file_of_which_next_to_nothing_is_left_is_refused_with_a_reason(kind: str):
    data = saved(picture(), kind)
    with pytest.raises(BadImageError) as raised:
        read(data[: max(len(data) // 20, 60)])
    assert str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"this is only text\n" * 50, b"%PDF-1.4", b"<!DOCTYPE html><html></html>", bytes(1000)],
)
def test_what_is_no_image_is_refused_with_a_reason(data: bytes):
    with pytest.raises(BadImageError, match="not an image"):
        read(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), "begins as HEIF, but what follows is not"),
        (b"\x00\x00\x00\x18ftypcrx " + bytes(100), "is camera raw"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is EPS"),
        (b"8BPS\x00\x01" + bytes(20), "begins as Photoshop"),
        (b"<?xml version='1.0'?>\n<svg></svg>", "SVG, a drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\nwhat follows is nothing", "begins as PNG"),
        (b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", "begins as TIFF"),
    ],
)
def test_a_format_known_by_its_first_bytes_is_named_in_the_reason(data: bytes, reason: str):
    with pytest.raises(BadImageError, match=reason):
        read(data)


def test_an_icon_that_holds_more_than_it_says_is_refused():
    icon = bytearray(saved(picture(), "ICO", sizes=[(40, 40)]))
    large = saved(Image.new("L", (2_000, 2_000)), "PNG")
    offset = struct.unpack_from("<I", icon, 18)[0]
    struct.pack_into("<I", icon, 14, len(large))
    with pytest.raises(BadImageError, match="max_pixels"):
        read(bytes(icon[:offset]) + large)


def test_memory_that_is_refused_is_no_fault_of_the_file():
    def refuse(*_: object) -> None:
        raise MemoryError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clipper.images.decode.upright", refuse)
        with pytest.raises(MemoryError):
            read(saved(picture(), "PNG"))


def test_a_thumbnail_is_a_small_webp_of_the_same_shape():
    small = Image.open(io.BytesIO(write_webp(shrink(picture(600, 400)))))
    assert (small.format, small.size) == ("WEBP", (128, 85))
    tiny = Image.open(io.BytesIO(write_webp(shrink(picture(8, 6)))))
    assert tiny.size == (8, 6)
    assert Image.open(io.BytesIO(write_webp(shrink(Image.new("RGB", (4000, 2)))))).size == (128, 1)


def test_equal_bytes_have_equal_hashes():
    assert content_hash(b"a") == content_hash(b"a") != content_hash(b"b")
    assert len(content_hash(b"")) == 16
