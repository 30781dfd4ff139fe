import io
import struct
from typing import Any

import pytest
from effort import ratio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipper.images.decode import decode, read_gps
from clipper.images.exif import camera_facts, gps_facts

DATE, OFFSET, ISO, FOCAL_LENGTH = 0x9003, 0x9011, 0x8827, 0x920A
MAKE, MODEL, ORIENTATION, MAKER_NOTE = 0x010F, 0x0110, 0x0112, 0x927C


def exif_of(
    *, shot: dict[int, Any] | None = None, gps: dict[int, Any] | None = None, **top: Any
) -> Image.Exif:
    exif = Image.Exif()
    for name, value in top.items():
        exif[{"make": MAKE, "model": MODEL, "orientation": ORIENTATION}[name]] = value
    for tag, values in ((0x8769, shot), (0x8825, gps)):
        exif.get_ifd(tag).update(values or {})
    return exif


def facts_of(exif: Image.Exif, kind: str = "JPEG", size: tuple[int, int] = (60, 40)) -> dict[str, Any]:
    """The facts of a file that was written with this EXIF."""
    return facts_in(file_of(exif, kind, size))


def facts_in(data: bytes) -> dict[str, Any]:
    return decode(data, max_pixels=1_000_000, min_side=32).facts


def file_of(exif: Image.Exif, kind: str, size: tuple[int, int] = (60, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind, exif=exif.tobytes())
    return buffer.getvalue()


def place(latitude: Any, longitude: Any, refs: tuple[Any, Any] = ("N", "E")) -> dict[int, Any]:
    return {1: refs[0], 2: latitude, 3: refs[1], 4: longitude}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_is_a_fact_beside_the_upright_size(kind: str, orientation: int):
    facts = facts_of(exif_of(orientation=orientation), kind)
    assert facts["orientation"] == orientation
    assert (facts["width"], facts["height"]) == ((60, 40) if orientation == 3 else (40, 60))


@pytest.mark.parametrize("orientation", [0, 9, 65_535, "6", (1, 6)])
def test_an_orientation_that_is_none_is_absent(orientation: Any):
    assert "orientation" not in camera_facts(FakeExif({ORIENTATION: orientation}))


def test_an_image_without_exif_tells_neither_shot_nor_place():
    assert set(facts_of(Image.Exif())) == {"width", "height", "format"}


@pytest.mark.parametrize(
    ("date", "offset", "expected"),
    [
        ("2024:05:06 07:08:09", None, "2024-05-06T07:08:09"),
        ("2024:05:06 07:08:09", "+02:00", "2024-05-06T07:08:09+02:00"),
        ("2024:05:06 07:08:09", "-09:30\x00", "2024-05-06T07:08:09-09:30"),
        ("2024:05:06 07:08:09", "Z", "2024-05-06T07:08:09Z"),
        ("2024:05:06 07:08:09", "   :  ", "2024-05-06T07:08:09"),
        ("2024:05:06 07:08:09", "+99:00", "2024-05-06T07:08:09"),
        ("2024:05:06 07:08:09", "Berlin", "2024-05-06T07:08:09"),
        ("2024:05:06 07:08:09.123", None, "2024-05-06T07:08:09"),
        ("2024-05-06T07:08:09.5+01:00", None, "2024-05-06T07:08:09+01:00"),
        ("2024:05:06 07:08:09\x00\x00", None, "2024-05-06T07:08:09"),
        ("0000:00:00 00:00:00", "+02:00", None),
        ("2024:02:30 07:08:09", None, None),
        ("٢٠٢٤:05:06 07:08:09", None, None),
    ],
)
def test_the_time_is_the_cameras_clock_with_its_offset_where_it_has_one(
    date: str, offset: str | None, expected: str | None
):
    shot = {DATE: date} | ({OFFSET: offset} if offset else {})
    assert camera_facts(FakeExif({}, {0x8769: shot})).get("taken_at") == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [(400, 400), ((800, 800), 800), ((), None), (0, None), ("many", None), (float("nan"), None)],
)
def test_iso_is_an_int_above_zero_or_absent(written: Any, expected: int | None):
    iso = camera_facts(FakeExif({}, {0x8769: {ISO: written}})).get("iso")
    assert iso == expected
    assert iso is None or type(iso) is int


def test_a_focal_length_of_nothing_over_nothing_is_absent():
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "JPEG", exif=rational_exif(FOCAL_LENGTH, 0, 0))
    assert "focal_length" not in decode(data.getvalue(), max_pixels=100, min_side=8).facts
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "JPEG", exif=rational_exif(FOCAL_LENGTH, 355, 10))
    assert decode(data.getvalue(), max_pixels=100, min_side=8).facts["focal_length"] == 35.5


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        (place((52.0, 31.0, 12.0), (13.0, 24.0, 18.0)), (52.52, 13.405)),
        (place((33.0, 52.0, 10.5), (151.0, 12.0, 30.0), ("S", "E")), (-33.869583, 151.208333)),
        (place((40.0, 42.767, 0.0), (74.0, 0.36, 0.0), ("N\x00", "w")), (40.712783, -74.006)),
        (place((52.5,), (13.25,)), (52.5, 13.25)),
        (place(52.5, 13.25), (52.5, 13.25)),
        (place((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), ("S", "W")), (0.0, 0.0)),
        (place((90.0, 0.0, 0.0), (180.0, 0.0, 0.0)), (90.0, 180.0)),
        (place((90.0, 0.0, 1.0), (13.0, 0.0, 0.0)), None),
        (place((52.0, 0.0, 0.0), (180.0, 1.0, 0.0)), None),
        (place((52.0, 61.0, 0.0), (13.0, 0.0, 0.0)), None),
        (place((-52.0, 0.0, 0.0), (13.0, 0.0, 0.0)), None),
        (place((float("nan"), 0.0, 0.0), (13.0, 0.0, 0.0)), None),
        (place((52.0, 0.0, 0.0), (13.0, 0.0, 0.0), ("E", "N")), None),
        (place((52.0, 0.0, 0.0), (13.0, 0.0, 0.0), ("", "E")), None),
        (place((52.0, 0.0, 0.0, 0.0), (13.0, 0.0, 0.0)), None),
        (place((), ()), None),
        (place("52 N", "13 E"), None),
        ({2: (52.0, 0.0, 0.0), 4: (13.0, 0.0, 0.0)}, None),
        ({1: "N", 2: (52.0, 0.0, 0.0)}, None),
    ],
)
def test_a_place_is_signed_degrees_and_what_is_malformed_is_absent(
    gps: dict[int, Any], expected: tuple[float, float] | None
):
    found = gps_facts(FakeExif({}, {0x8825: gps}))
    assert found == ({"latitude": expected[0], "longitude": expected[1]} if expected else {})
    assert all(str(value) != "-0.0" for value in found.values())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_place_is_read_from_a_real_file_only_when_it_is_asked_for(kind: str):
    exif = exif_of(gps=place((52.0, 31.0, 12.0), (13.0, 24.0, 18.0), ("S", "W")))
    assert read_gps(file_of(exif, kind)) == {"latitude": -52.52, "longitude": -13.405}
    assert set(facts_of(exif, kind)) == {"width", "height", "format"}


def test_what_is_no_image_tells_no_place():
    assert read_gps(b"no image") == {}


def test_text_loses_nuls_and_control_characters_and_is_cut():
    facts = facts_of(exif_of(make="ACME\x00\x00", model="\x1b[31mX 1\r\n" + "y" * 5_000))
    assert facts["camera"].startswith("ACME [31mX 1 yyy")
    assert len(facts["camera"]) < 300


def test_the_work_of_reading_megabytes_of_exif_grows_with_their_number_and_not_with_its_square():
    def file(size: int) -> bytes:
        return file_of(exif_of(orientation=6, shot={MAKER_NOTE: bytes(size), DATE: bytes(size // 2)}), "PNG")

    small, large = file(1_000_000), file(8_000_000)
    assert facts_in(large)["orientation"] == 6
    assert ratio(lambda: facts_in(large), lambda: facts_in(small)) < 40  # the square's would be 64


scalars = st.none() | st.integers() | st.floats() | st.text() | st.binary()
anything = scalars | st.lists(scalars, max_size=4).map(tuple) | st.lists(scalars, max_size=2)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, min_size=12, max_size=12))
def test_no_value_of_any_kind_breaks_the_reading(values: list[Any]):
    shot = dict(zip((DATE, OFFSET, ISO, FOCAL_LENGTH, 0xA434), values, strict=False))
    gps = dict(zip((1, 2, 3, 4), values[5:], strict=False))
    exif = FakeExif(
        dict(zip((MAKE, MODEL, ORIENTATION), values[9:], strict=True)), {0x8769: shot, 0x8825: gps}
    )
    facts = camera_facts(exif)
    assert all(isinstance(value, str | int | float) for value in facts.values())
    assert set(gps_facts(exif)) in (set(), {"latitude", "longitude"})


class FakeExif(dict[int, Any]):
    """EXIF with values that Pillow would not write, but may give for files that others wrote."""

    def __init__(self, top: dict[int, Any], directories: dict[int, dict[int, Any]] | None = None) -> None:
        super().__init__(top)
        self.directories = directories or {}

    def get_ifd(self, tag: int) -> dict[int, Any]:
        return self.directories.get(tag, {})


def rational_exif(tag: int, numerator: int, denominator: int) -> bytes:
    """EXIF with one rational in its exposure directory, byte by byte: Pillow would not write 0/0."""
    header = b"II*\x00" + struct.pack("<I", 8)
    first = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    exposure = struct.pack("<HHHIII", 1, tag, 5, 1, 44, 0)
    return b"Exif\x00\x00" + header + first + exposure + struct.pack("<II", numerator, denominator)
