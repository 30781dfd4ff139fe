"""Files of common formats that are rare in one thing: a name, a text, a code, a place for colours."""

import base64
import struct
import zlib

import numpy as np
import pytest
from made_images import read
from PIL import Image
from shown_pictures import picture, saved, see_through

from clipper.images.decoders.segments import bare, is_rare_jpeg

# 32 x 32 pixels of one colour in Display P3, which the box colr says.
HEIC = """
AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAX5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA
ACJpbG9jAAAAAERAAAEAAQAAAAABogABAAAAAAAAAB4AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt
AAAAAAABAAAA/mlwcnAAAADeaXBjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0ABDAH//wQIAAADAJ44AAAD
AAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAAHpAEECCy3VyU1zcMDQYEAAADAGQAAAMABCBiAAEACEQBwXMYMAiQAAAAE2NvbHJu
Y2x4AAwADQAGgAAAABRpc3BlAAAAAAAAAEAAAABAAAAAKGNsYXAAAAAgAAAAAQAAACAAAAAB////4AAAAAL////gAAAAAgAAABBw
aXhpAAAAAAMICAgAAAAYaXBtYQAAAAAAAAABAAEFgQIDBYQAAAAmbWRhdAAAABooAa8GOIkufC/uXH///l0/2X9GeTM1MJzjPw==
"""


def difference(one: object, other: object) -> float:
    return float(np.abs(np.asarray(one, int) - np.asarray(other, int)).mean())


def renamed(data: bytes, at: int, name: bytes) -> bytes:
    return data[:at] + name + data[at + len(name) :]


def test_textures_of_an_srgb_kind_are_read():
    data = saved("DDS", see_through(), pixel_format="BC3")
    assert struct.unpack_from("<I", data, 128)[0] in (76, 77)
    assert difference(read(renamed(data, 128, struct.pack("<I", 78))).pixels, read(data).pixels) == 0


def test_textures_whose_colours_are_multiplied_by_their_alpha_are_divided():
    image = picture().convert("RGBA")
    image.putalpha(128)
    multiplied = Image.frombytes("RGBA", image.size, image.convert("RGBa").tobytes())
    data = renamed(saved("DDS", multiplied, pixel_format="DXT5"), 84, b"DXT4")
    on_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    assert difference(read(data).pixels, on_white) < 5


def test_the_code_points_of_a_heic_are_its_colours():
    found = read(base64.b64decode("".join(HEIC.split())))
    assert found.facts["format"] == "HEIF"
    assert found.pixels.getpixel((16, 16)) == pytest.approx(
        (216, 47, 22), abs=6
    )  # (200, 60, 40) of Display P3


def with_frame(marker: int) -> bytes:
    data = saved("JPEG")
    return data.replace(b"\xff\xc0", bytes((0xFF, marker)), 1)


def test_jpegs_that_browsers_do_not_decode_are_told_from_others():
    assert not is_rare_jpeg(saved("JPEG"))
    assert not is_rare_jpeg(saved("JPEG", progressive=True))
    assert not is_rare_jpeg(b"\xff\xd8\xff\xe0")
    assert all(is_rare_jpeg(with_frame(marker)) for marker in (0xC3, 0xC9, 0xCA))


def test_a_jpeg_whose_notes_are_broken_is_read_without_them():
    data = saved("JPEG")
    assert data[2:4] == b"\xff\xe0"
    (size,) = struct.unpack_from(">H", data, 4)
    broken = data[:2] + b"\xff\xe0\x00\x07JFIF\0" + data[4 + size :]
    found = read(broken)
    assert difference(found.pixels, read(data).pixels) == 0
    assert "damage" not in found.facts


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize("where", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_png_with_a_bomb_before_or_behind_its_pixels_is_read_without_it(where: bytes, name: bytes):
    data = saved("PNG")
    at = data.index(where) - 4
    bomb = png_chunk(name, b"a\0\0" + zlib.compress(bytes(80_000_000), 9))
    found = read(data[:at] + bomb + data[at:])
    assert difference(found.pixels, picture()) == 0
    assert "damage" not in found.facts


def test_a_jpeg_whose_notes_are_broken_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved("JPEG", exif=exif)
    broken = b"\xff\xd8\xff\xe0\x00\x07JFIF\0" + data[2:]
    assert difference(read(broken).pixels, read(data).pixels) == 0
    assert read(broken).pixels.size == picture().size[::-1]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff"]
)
def test_what_is_left_of_nothing_is_nothing(data: bytes):
    assert not (bare(data) or b"").removeprefix(b"\x89PNG\r\n\x1a\n").removeprefix(b"\xff\xd8")


def test_a_frame_that_leaves_the_canvas_free_and_a_stand_in_are_embedded_again():
    from shown_pictures import behind_a_stand_in, small_first_frame

    for data in (small_first_frame(), behind_a_stand_in()):
        assert read(data).facts["_remade"]


def test_an_animation_without_sound_frames_is_its_stand_in():
    from shown_pictures import behind_a_stand_in

    data = behind_a_stand_in().replace(b"fdAT", b"fdAt")
    assert read(data).pixels.getpixel((5, 5)) == (0, 255, 0)
