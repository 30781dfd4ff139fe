"""Icons and cursors give their largest picture, with all its colours and its transparency."""

import io
import struct

import numpy as np
import pytest
from made_images import read
from PIL import Image
from shown_pictures import picture


def icon(*entries: tuple[int, int, bytes], kind: int = 1) -> bytes:
    """An icon of a side, the bits that its list says, and bytes, for each picture; or a cursor (`kind` 2)."""
    at, table, body = 6 + 16 * len(entries), b"", b""
    for side, bits, data in entries:
        table += struct.pack("<4BHHII", side, side, 0, 0, 1, bits, len(data), at + len(body))
        body += data
    return struct.pack("<3H", 0, kind, len(entries)) + table + body


def square(side: int, *, alpha: int = 255) -> Image.Image:
    image = picture().resize((side, side)).convert("RGBA")
    image.putalpha(alpha)
    return image


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def as_bitmap(image: Image.Image, bits: int) -> bytes:
    """The bitmap of an icon, opaque: 32 bits, or 8 in few greys."""
    side = image.width
    head = struct.pack("<IiiHHIIiiII", 40, side, 2 * side, 1, bits, 0, 0, 0, 0, 0, 0)
    if bits == 32:
        pixels = np.asarray(image)[::-1, :, [2, 1, 0, 3]].tobytes()
    else:
        palette = b"".join(bytes((grey, grey, grey, 0)) for grey in range(256))
        pixels = palette + (np.asarray(image.convert("L"))[::-1] // 128 * 255).tobytes()
    return head + pixels + bytes((side + 31) // 32 * 4 * side)


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, int) - np.asarray(other.convert("RGB"), int)).mean())


def test_of_pictures_of_one_size_the_one_with_the_most_colours_counts():
    wanted = square(48)
    data = icon(
        (32, 32, as_bitmap(square(32), 32)), (48, 8, as_bitmap(wanted, 8)), (48, 32, as_bitmap(wanted, 32))
    )
    assert difference(read(data).pixels, wanted) < 1


def test_a_list_that_leaves_out_the_bits_does_not_cost_the_transparency():
    found = read(icon((48, 0, as_bitmap(square(48, alpha=128), 32)))).pixels
    on_white = Image.alpha_composite(Image.new("RGBA", (48, 48), "white"), square(48, alpha=128))
    assert difference(found, on_white) < 1


@pytest.mark.parametrize("as_file", [as_png, lambda image: as_bitmap(image, 32)])
def test_a_cursor_has_its_largest_picture_and_its_transparency(as_file: object):
    data = icon((32, 3, as_file(square(32))), (0, 9, as_file(square(256, alpha=128))), kind=2)  # type: ignore[operator]
    found = read(data)
    assert found.facts["format"] == "CUR"
    on_white = Image.alpha_composite(Image.new("RGBA", (256, 256), "white"), square(256, alpha=128))
    assert difference(found.pixels, on_white) < 1


def test_an_icon_that_holds_a_larger_picture_than_icons_do_is_refused():
    from clipper.errors import BadImageError

    with pytest.raises(BadImageError):
        read(icon((48, 32, as_png(Image.new("RGBA", (5_000, 5_000))))), max_pixels=10_000)


def test_the_size_is_that_of_the_picture_where_the_list_has_no_room_for_it():
    found = read(icon((0, 32, as_png(square(512)))))
    assert (found.facts["width"], found.facts["height"]) == (512, 512)
