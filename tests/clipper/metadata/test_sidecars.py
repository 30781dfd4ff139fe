"""What a file says of the one image beside it."""

import json
from typing import Any

import pytest

from clipper.metadata.sidecars import MAX_BYTES, parse_sidecar


def said(name: str, data: str | bytes, *, coordinates: bool = False) -> tuple[dict[str, Any], str]:
    raw = data.encode() if isinstance(data, str) else data
    return parse_sidecar(name, raw, coordinates=coordinates)


@pytest.mark.parametrize("name", ["x.txt", "x.caption", "x.jpg.TXT"])
def test_text_is_a_caption_however_it_is_saved(name: str):
    assert said(name, "  a cat\n") == ({"caption": "a cat"}, "")
    assert said(name, "1girl, solo, red hair") == ({"caption": "1girl, solo, red hair"}, "")
    assert said(name, "one\ntwo") == ({"caption": "one\ntwo"}, "")
    for encoding in ("utf-8-sig", "utf-16"):
        assert said(name, "né".encode(encoding)) == ({"caption": "né"}, "")
    assert said(name, "") == ({}, "")
    assert said(name, " \n") == ({}, "")


@pytest.mark.parametrize(
    "data",
    ["0 0.5 0.5 0.1 0.2", "0 0.5 0.5 0.1 0.2\n15 .1 .2 .3 .4 0.9\n", "3 0.1 0.1 0.2 0.1 0.2 0.2 1e-3 0.2\n"],
)
def test_rows_of_numbers_are_labels_and_no_caption(data: str):
    assert said("x.txt", data) == ({}, "holds numbers, no caption")


@pytest.mark.parametrize("data", ["7", "1984", "1 2 3 4", "0 0.5 0.5 0.1 0.2\nand words"])
def test_a_few_numbers_and_words_are_a_caption(data: str):
    assert said("x.txt", data) == ({"caption": data}, "")


def test_many_numbers_and_a_word_are_read_at_once():
    text = "-1 " * 200 + "x"
    assert parse_sidecar("a.txt", text.encode(), coordinates=False) == ({"caption": text}, "")


def test_an_object_has_the_values_of_its_image():
    values = {"caption": "a cat", "url": "https://h.org/x", "width": 640, "status": "success", "tags": ["a"]}
    assert said("x.json", json.dumps(values)) == (values, "")


@pytest.mark.parametrize(
    ("data", "lost"),
    [
        ("[1]", "is no JSON object"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("", "is no JSON"),
        (b"\xff\xfe\xfa", "is not UTF-8"),
        (b"\x80", "is not UTF-8"),
        ('{"shapes": [], "imagePath": "x.jpg", "imageData": "..."}', "holds labels of another tool"),
        ("x" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES:,} bytes"),
    ],
)
def test_what_cannot_be_read_has_a_reason(data: str | bytes, lost: str):
    assert said("x.json", data) == ({}, lost)


def test_coordinates_are_kept_only_where_they_are_wanted():
    values = {
        "title": "x",
        "geoData": {"latitude": 52.5, "longitude": 13.4},
        "lat": 52.5,
        "exif": json.dumps({"Model": "A", "GPS GPSLatitude": "[52, 30, 0]"}),
        "place": {"name": "home", "lng": 13.4},
    }
    kept, lost = said("x.json", json.dumps(values))
    assert kept == {"title": "x", "exif": '{"Model": "A"}', "place": {"name": "home"}}
    assert lost == "holds coordinates, which need gps = true"
    assert said("x.json", json.dumps(values), coordinates=True) == (values, "")
    assert said("x.json", '{"platitude": "so it goes"}') == ({"platitude": "so it goes"}, "")
    assert said("x.json", '{"exif": "{broken gps"}') == (
        {"exif": None},
        "holds coordinates, which need gps = true",
    )


@pytest.mark.parametrize(
    ("data", "label"),
    [(b"3\n", 3), (b"-1", -1), (b"tabby cat", "tabby cat"), (b"1e3", "1e3"), (b"--5", "--5")],
)
def test_a_cls_file_is_the_class_of_its_image(data: bytes, label: object):
    assert parse_sidecar("x.cls", data, coordinates=False) == ({"label": label}, "")
    assert parse_sidecar("x.cls", b"a\nb", coordinates=False) == ({}, "holds no class")
