"""CSV tables as spreadsheets, R, databases and people write them; and no table is emptied unsaid."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_metadata import join

from clipper.errors import ImagesError
from clipper.metadata import sources
from clipper.metadata.keys.match import ImageKeys

IDS = ["p0.jpg", "p1.jpg", "7.jpg"]


def described(data: str | bytes, name: str = "metadata.csv") -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The values of each image that a file describes, and the problems."""
    raw = data.encode() if isinstance(data, str) else data
    source = sources.read(name, raw, location=f"the/{name}", max_bytes=1 << 20, images=ImageKeys(IDS))
    made = join(IDS, [{}] * len(IDS), [source])
    return {one: row for one, row in zip(IDS, made.rows, strict=True) if row}, made.problems


BOTH = {"p0.jpg": {"v": "cät"}, "p1.jpg": {"v": "dog"}}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_with_a_byte_order_mark_is_read_whatever_separates_its_cells(encoding: str, delimiter: str):
    table = "file_name,v\r\np0.jpg,cät\r\np1.jpg,dog\r\n".replace(",", delimiter)
    assert described(table.encode(encoding)) == (BOTH, [])


def test_json_in_utf_16_is_read():
    assert described(json.dumps({"p0": {"v": 1}}).encode("utf-16"), "metadata.json")[0] == {
        "p0.jpg": {"v": 1}
    }
    line = '{"file_name": "p0.jpg", "v": 1}\n'.encode("utf-16")
    assert described(line, "metadata.jsonl")[0] == {"p0.jpg": {"v": 1}}


def test_a_tsv_without_a_tab_is_separated_by_what_its_header_shows():
    assert described("file_name,v\np0.jpg,cät\np1.jpg,dog\n", "metadata.tsv") == (BOTH, [])


@pytest.mark.parametrize(
    "before",
    ["# made by a tool\n", "# made by a tool, version 2\n#\n", "My pictures,,\n,,\n", "\n\nPhotos\n\n"],
)
def test_titles_and_remarks_before_the_header_are_passed_over_and_named(before: str):
    rows, problems = described(f"{before}file_name,v\np0.jpg,cät\np1.jpg,dog\n")
    assert rows == BOTH
    assert len(problems) == 1
    assert "before the header are left out" in problems[0]


@pytest.mark.parametrize("first", ["Datei,v", "#,v", "# Datei,v"])
def test_a_header_of_other_words_is_the_first_line_though_a_row_has_a_word_like_a_columns(first: str):
    rows, _ = described(f"{first}\np0.jpg,photo\np1.jpg,image\n")
    assert [list(row.values()) for row in rows.values()] == [["photo"], ["image"]]


@pytest.mark.parametrize(("first", "second"), [("p0.jpg", "p1.jpg"), ("p0", "p1"), ("7", "p1.jpg")])
def test_the_first_image_of_a_table_without_a_header_is_no_name_of_a_column(first: str, second: str):
    rows, problems = described(f"{first},cat,1\n{second},dog,2\n")
    assert sorted(rows.values(), key=str) == [
        {"column_2": "cat", "column_3": 1},
        {"column_2": "dog", "column_3": 2},
    ]
    assert problems[0] == "metadata.csv has no header; its columns are called column_1, column_2, ..."


@pytest.mark.parametrize("header", ['file_name,"a\r\nb"', "file_name," + "x" * 200_000, 'file_name,"a\rb\n"'])
def test_a_header_may_hold_line_breaks_and_long_names(header: str):
    assert list(described(f"{header}\np0.jpg,1\n")[0]["p0.jpg"].values()) == [1]


def test_a_delimiter_at_the_end_of_each_row_makes_no_cell():
    assert described("file_name,v\np0.jpg,cät,\np1.jpg,dog,\n") == (BOTH, [])


def test_quotes_within_cells_are_read_as_mysql_and_spark_write_them():
    rows, problems = described('file_name,v\n"p0.jpg","say \\"hi, you\\""\n"p1.jpg","C:\\\\x"\n')
    assert rows == {"p0.jpg": {"v": 'say "hi, you"'}, "p1.jpg": {"v": "C:\\x"}}
    assert problems == []
    plain = 'file_name,v,w\np0.jpg,"C:\\dir\\","{""a"": ""\\""b\\""""}"\n'
    assert described(plain)[0] == {"p0.jpg": {"v": "C:\\dir\\", "w": '{"a": "\\"b\\""}'}}


def test_the_header_that_r_writes_has_no_cell_above_the_names_of_rows():
    assert described('"file_name","v"\n"1","p0.jpg","cät"\n"2","p1.jpg","dog"\n') == (BOTH, [])
    assert described('"v"\n"p0.jpg","cät"\n"p1.jpg","dog"\n')[0] == BOTH


def test_columns_without_a_name_are_called_by_their_number():
    rows, problems = described("file_name,,v,\np0.jpg,a,1,b\n")
    assert rows == {"p0.jpg": {"column_2": "a", "v": 1, "column_4": "b"}}
    assert len(problems) == 2
    assert described("file_name,v,,\np0.jpg,1,,\n") == ({"p0.jpg": {"v": 1}}, [])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", "file_name,v\np0.jpg,1,2\np1.jpg,2,3\n"),
        ("metadata.csv", "file_name,v\n,1\n,2\n"),
        ("metadata.csv", "file_name,v\n'p0.jpg','a, b'\n"),
        ("metadata.jsonl", '{"file_name": ["p0.jpg"], "v": 1}\n'),
        ("metadata.json", '[{"file_name": null, "v": 1}]'),
    ],
)
def test_a_file_none_of_whose_rows_can_be_used_is_refused(name: str, data: str):
    with pytest.raises(ImagesError, match=r"describes no image, and nothing was changed: .*left out"):
        described(data, name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.json", '{"file_name": "p0.jpg", "v": 1}\n{"file_name": "p1.jpg", "v": 2}\n'),
        ("metadata.jsonl", '[{"file_name": "p0.jpg", "v": 1},\n {"file_name": "p1.jpg", "v": 2}]'),
        (
            "metadata.json",
            '{"columns": ["file_name", "v"], "index": [0, 1], "data": [["p0.jpg", 1], ["p1.jpg", 2]]}',
        ),
        ("metadata.json", '{"columns": ["v"], "index": ["p0.jpg", "p1.jpg"], "data": [[1], [2]]}'),
        ("metadata.jsonl", '{"image": {"path": "p0.jpg"}, "v": 1}\n{"image": {"path": "p1.jpg"}, "v": 2}\n'),
    ],
)
def test_json_and_json_lines_are_told_apart_by_what_they_hold(name: str, data: str):
    assert described(data, name)[0] == {"p0.jpg": {"v": 1}, "p1.jpg": {"v": 2}}


def test_columns_of_json_that_leave_out_cells_keep_each_cell_in_its_row():
    document = {
        "file_name": {"0": "p0.jpg", "1": "p1.jpg", "2": "7.jpg"},
        "v": {"1": 5},
        "w": {"2": 6, "0": 7},
    }
    rows, problems = described(json.dumps(document), "metadata.json")
    assert rows == {"p0.jpg": {"w": 7}, "p1.jpg": {"v": 5}, "7.jpg": {"w": 6}}
    assert problems == []


def test_the_parts_of_a_split_in_one_json_file_are_all_read():
    document = {
        "train": [{"file_name": "p0.jpg", "v": 1}],
        "val": [{"file_name": "p1.jpg", "v": 2}],
        "by": "me",
    }
    rows, problems = described(json.dumps(document), "metadata.json")
    assert rows == {"p0.jpg": {"split": "train", "v": 1}, "p1.jpg": {"split": "val", "v": 2}}
    assert problems == ["metadata.json: 'by' is not read"]


def test_objects_of_objects_by_part_or_under_a_key_are_read():
    document = {"train": {"p0.jpg": {"v": 1}}, "val": {"p1": {"v": 2}}}
    assert described(json.dumps(document), "metadata.json")[0] == {
        "p0.jpg": {"split": "train", "v": 1},
        "p1.jpg": {"split": "val", "v": 2},
    }
    assert described(json.dumps({"data": {"p0.jpg": {"v": 1}}, "by": 1}), "metadata.json") == (
        {"p0.jpg": {"v": 1}},
        ["metadata.json: 'by' is not read"],
    )


def test_names_of_columns_are_trimmed():
    assert described(json.dumps({"p0": {" v ": 1}}), "metadata.json")[0] == {"p0.jpg": {"v": 1}}


def test_whole_numbers_that_pandas_made_floats_name_images():
    rows, _ = described('[{"id": 7.0, "v": 1}, {"id": null, "v": 2}]', "metadata.json")
    assert rows == {"7.jpg": {"v": 1}}
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": [7.0, None, 8.0], "v": [1, 2, 3]}), buffer)
    assert described(buffer.getvalue(), "metadata.parquet")[0] == {"7.jpg": {"v": 1}}


@settings(max_examples=150, deadline=None)
@given(st.text('",;\t|\n\r\\a01.-[]#= \u202f', max_size=30), st.sampled_from(["csv", "tsv", "json", "jsonl"]))
def test_any_text_is_metadata_or_an_error_that_names_the_file(data: str, ending: str):
    refused = f"the/metadata.{ending}"
    try:
        described(data, f"metadata.{ending}")
    except ImagesError as error:
        refused = str(error)
    assert refused.startswith(f"the/metadata.{ending}")
