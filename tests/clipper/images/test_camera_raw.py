"""Camera raws: what is recognised as one, which preview is shown, which way up."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import every_format
import numpy as np
import pytest
from every_format import FORMATS, SIZE, directories, preview, raw_tiff, written
from made_images import read
from PIL import Image

from clipper import settings
from clipper.errors import BadImageError
from clipper.images.decode import read_gps
from clipper.images.decoders import camera_raw
from clipper.settings import Settings

RAWS = [name for name, (_, kind) in FORMATS.items() if kind in {
    "NEF", "CR2", "CR3", "ARW", "DNG", "ORF", "RW2", "RAF", "PEF", "SRW",
}]  # fmt: skip


@pytest.mark.parametrize("name", RAWS)
def test_the_largest_preview_of_a_raw_is_its_picture(name: str):
    facts = read(FORMATS[name][0]()).facts
    assert (facts["width"], facts["height"]) == (320, 240)


def test_a_raw_stands_as_its_own_orientation_says():
    decoded = read(raw_tiff(orientation=6))
    assert (decoded.facts["width"], decoded.facts["height"]) == (240, 320)
    assert decoded.facts["orientation"] == 6
    width, height = decoded.pixels.size
    top, bottom = (decoded.pixels.getpixel((width // 2, height * part // 16)) for part in (1, 15))
    assert top[0] > top[2]  # red was on the left
    assert bottom[2] > bottom[0]


def test_the_orientation_in_the_preview_counts_where_the_raw_has_none():
    exif = Image.Exif()
    exif[0x0112] = 8
    large = written("JPEG", every_format.halves((320, 240)), exif=exif)
    decoded = read(b"FUJIFILMCCD-RAW ".ljust(160, b"\x00") + large)
    assert (decoded.facts["width"], decoded.facts["height"]) == (240, 320)


def test_camera_time_and_place_come_from_the_raw():
    def rational(*values: int) -> bytes:
        return b"".join(struct.pack("<II", value, 1) for value in values)

    # The sub-directories stand behind the file, where their tags point.
    whole = bytearray(raw_tiff(more={0x8769: (4, [0]), 0x8825: (4, [0])}))
    exposure = {0x9003: (2, b"2024:05:06 07:08:09\x00"), 0x8827: (3, [800])}
    gps = {1: (2, b"N\x00"), 3: (2, b"E\x00"), 2: (5, rational(48, 30, 0)), 4: (5, rational(9, 15, 0))}
    for tag, entries in ((0x8769, exposure), (0x8825, gps)):
        at = len(whole)
        body, values = struct.pack("<H", len(entries)), b""
        after = at + 2 + 12 * len(entries) + 4
        for name, (kind, value) in sorted(entries.items()):
            raw = value if isinstance(value, bytes) else struct.pack("<H", *value)
            count = len(raw) // {2: 1, 3: 2, 5: 8}[kind]
            field = raw.ljust(4, b"\x00") if len(raw) <= 4 else struct.pack("<I", after + len(values))
            values += raw if len(raw) > 4 else b""
            body += struct.pack("<HHI", name, kind, count) + field
        place = whole.index(struct.pack("<HHI", tag, 4, 1))
        struct.pack_into("<I", whole, place + 8, at)
        whole += body + bytes(4) + values
    facts = read(bytes(whole)).facts
    assert facts["camera"] == "NIKON CORPORATION Model X"
    assert (facts["taken_at"], facts["iso"]) == ("2024-05-06T07:08:09", 800)
    assert read_gps(bytes(whole)) == {"latitude": 48.5, "longitude": 9.25}


def test_the_tags_of_a_cr3_are_read_from_its_boxes():
    facts = read(every_format.cr3()).facts
    assert (facts["camera"], facts["iso"]) == ("Canon EOS R5", 400)


def test_a_file_that_has_only_a_preview_beside_its_tags_is_a_raw():
    large = preview()
    data = directories(b"II*\x00", [{271: (2, b"NIKON\x00"), 513: (4, [0]), 514: (4, [len(large)])}], [large])
    assert read(data).facts["format"] == "NEF"


@pytest.mark.parametrize(
    "make",
    [
        lambda: written("TIFF"),
        lambda: written("TIFF", compression="jpeg"),
        lambda: written("TIFF", every_format.halves((400, 300)), tiffinfo={271: "NIKON"}),
    ],
)
def test_a_plain_tiff_is_no_raw_whatever_its_maker(make: Callable[[], bytes]):
    assert read(make()).facts["format"] == "TIFF"


def test_a_thumbnail_in_a_scan_does_not_become_its_picture():
    small, pixels = preview((160, 120)), every_format.halves((400, 300)).tobytes()
    scan = {
        256: (4, [400]), 257: (4, [300]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2]),
        271: (2, b"NIKON\x00"), 273: (4, [0]), 277: (3, [3]), 278: (4, [300]), 279: (4, [len(pixels)]),
    }  # fmt: skip
    thumbnail = {254: (4, [1]), 259: (3, [6]), 513: (4, [1]), 514: (4, [len(small)])}
    facts = read(directories(b"II*\x00", [scan, thumbnail], [pixels, small])).facts
    assert (facts["format"], facts["width"]) == ("TIFF", 400)


def test_the_sensors_own_jpegs_are_not_taken_for_a_preview():
    sensor, small = preview((600, 400)), preview((160, 120))
    values = {
        256: (4, [600]),
        257: (4, [400]),
        259: (3, [7]),
        262: (3, [34892]),
        273: (4, [0]),
        279: (4, [9]),
    }
    shown = {
        254: (4, [1]),
        259: (3, [6]),
        513: (4, [1]),
        514: (4, [len(small)]),
        50706: (1, bytes([1, 4, 0, 0])),
    }
    facts = read(directories(b"II*\x00", [shown, values], [sensor, small])).facts
    assert (facts["format"], facts["width"]) == ("DNG", 160)


def test_bytes_that_only_begin_as_a_jpeg_are_passed_over():
    lossless = bytearray(preview((900, 700)))
    at = lossless.index(b"\xff\xc0")
    lossless[at + 1] = 0xC3
    data = (
        b"FUJIFILMCCD-RAW ".ljust(160, b"\x00") + bytes(lossless) + b"\xff\xd8\xff\xff\xff" * 50 + preview()
    )
    assert read(data).facts["width"] == 320


def test_a_raw_without_a_preview_names_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(camera_raw, "_can_develop", lambda: False)
    with pytest.raises(BadImageError, match=r"camera raw \(NEF\) without a preview.*clipper\[raw\]"):
        read(b"II*\x00" + directories(b"II*\x00", [{
            256: (4, [SIZE[0]]), 257: (4, [SIZE[1]]), 262: (3, [32803]), 271: (2, b"NIKON\x00"),
        }], [])[4:])  # fmt: skip


def test_a_raw_with_a_cut_preview_is_refused_and_not_shown_as_its_thumbnail():
    with pytest.raises(BadImageError):
        read(raw_tiff(size=(1600, 1200))[:-12_000])


def sensor_only(orientation: int) -> bytes:
    """A DNG that holds nothing but what the sensor measured: bright on the left, dark on the right."""
    width, height = 512, 384
    values = np.full((height, width), 300, "<u2")
    values[:, : width // 2] = 9_000
    return directories(b"II*\x00", [{
        254: (4, [0]), 256: (4, [width]), 257: (4, [height]), 258: (3, [16]), 259: (3, [1]),
        262: (3, [32803]), 271: (2, b"Make\x00"), 272: (2, b"Model\x00"), 273: (4, [0]),
        274: (3, [orientation]), 277: (3, [1]), 278: (4, [height]), 279: (4, [values.nbytes]),
        284: (3, [1]), 33421: (3, [2, 2]),
        33422: (1, bytes([0, 1, 1, 2])), 50706: (1, bytes([1, 4, 0, 0])), 50707: (1, bytes([1, 1, 0, 0])),
        50708: (2, b"Make Model\x00"), 50717: (4, [16_383]),
    }], [values.tobytes()])  # fmt: skip


@pytest.mark.parametrize(("orientation", "size"), [(1, (256, 192)), (6, (192, 256))])
def test_a_raw_without_a_preview_is_developed_upright(orientation: int, size: tuple[int, int]):
    pytest.importorskip("rawpy")
    decoded = read(sensor_only(orientation))
    assert (decoded.facts["width"], decoded.facts["height"], decoded.facts["format"]) == (*size, "DNG")
    assert decoded.facts["camera"] == "Make Model"
    dark_corner = (size[0] - 10, size[1] - 10) if orientation == 1 else (10, size[1] - 10)
    assert sum(decoded.pixels.getpixel((10, 10))) > sum(decoded.pixels.getpixel(dark_corner)) + 200


def test_circles_and_counts_without_end_cost_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(camera_raw, "_can_develop", lambda: False)
    whole = bytearray(raw_tiff())
    struct.pack_into("<H", whole, 8, 0xFFFF)
    assert camera_raw.format_of(bytes(whole)) in {"NEF", "RAW", None}
    circle = b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 330, 4, 1, 8, 8)
    assert camera_raw.format_of(circle) is None
    starts = b"IIRO" + b"\xff\xd8\xff\xe0\x00\x02" * 200_000
    assert camera_raw.format_of(starts) == "ORF"
    with pytest.raises(BadImageError, match="without a preview"):
        camera_raw.open_preview(starts, "ORF")


def test_a_failure_is_tried_again_when_a_decoder_was_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(settings, "find_spec", lambda name: None if name in settings.MORE_DECODERS else io)
    settings._decoders.cache_clear()
    before = Settings(home=tmp_path).limits
    monkeypatch.setattr(settings, "find_spec", lambda name: None if name == "imagecodecs" else io)
    settings._decoders.cache_clear()
    assert Settings(home=tmp_path).limits == f"{before}+rawpy"
    settings._decoders.cache_clear()
