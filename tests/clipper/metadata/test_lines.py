"""metadata.jsonl, as Hugging Face's ImageFolder has it: an object a line, its `file_name` the image."""

import json

import pytest
from joined_metadata import join

from clipper.errors import ImagesError
from clipper.metadata import sources
from clipper.metadata.entries import Source


def from_lines(text: str | bytes) -> Source:
    data = text if isinstance(text, bytes) else text.encode()
    return sources.read("metadata.jsonl", data, location="the/metadata.jsonl", max_bytes=1 << 20)


def test_each_line_describes_the_image_it_names_and_lists_stay_lists():
    lines = '{"file_name": "a/0.jpg", "tags": ["x", "y"], "n": 3}\n\n{"n": 4, "file_name": "1.png"}\n'
    joined = join(["1.png", "a/0.jpg"], [{}, {}], [from_lines(lines)])
    assert joined.rows == [{"n": 4}, {"folder": "a", "tags": ["x", "y"], "n": 3}]
    assert {column.name: column.type for column in joined.columns} == {
        "tags": "list[str]",
        "n": "int",
        "folder": "str",
    }


def test_a_line_that_names_no_file_is_reported_and_left_out():
    source = from_lines('{"n": 1}\n{"file_name": 7}\n{"file_name": "a.jpg", "n": 1e999, "n": 2}\n')
    assert list(source.keys) == ["a.jpg"]
    assert source.problems == [
        "metadata.jsonl: 'n' is there twice; the last one is used",
        "metadata.jsonl: no column can hold the number(s) '1e999'; left out",
        "metadata.jsonl: 2 line(s) name no file; left out",
    ]


@pytest.mark.parametrize("text", ["[1]\n", "{\n", '{"file_name": "a"}\nnull\n', b"\xff\xfe{}", "[" * 100_000])
def test_a_damaged_file_is_refused_and_its_line_named(text: str | bytes):
    with pytest.raises(ImagesError, match=r"the/metadata\.jsonl"):
        from_lines(text)


def test_the_metadata_of_a_fiftyone_dataset_describes_no_image():
    data = json.dumps({"name": "x", "media_type": "image", "sample_fields": {}, "info": {}}).encode()
    assert sources.parse(data, source="metadata.json") == ({}, [])
