import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_metadata import entries_of, join, keys_of

from clipper.errors import ImagesError
from clipper.metadata.entries import Source
from clipper.metadata.tables import read_csv, read_parquet


def from_csv(data: str | bytes) -> Source:
    encoded = data.encode() if isinstance(data, str) else data
    return read_csv(encoded, name="metadata.csv", source="the/metadata.csv")


def from_parquet(table: pa.Table, *, max_bytes: int = 1_000_000) -> Source:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return read_parquet(
        buffer.getvalue(), name="metadata.parquet", source="the/metadata.parquet", max_bytes=max_bytes
    )


def rows(source: Source) -> dict[str, dict[str, Any]]:
    """The values of each key, without missing ones."""
    return dict(zip(keys_of(source), entries_of(source), strict=True))


def cells(*values: str) -> tuple[list[Any], list[str]]:
    """A CSV column of these cells: its values, and the problems reported."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["file_name", "v"], *([f"{i}.jpg", cell] for i, cell in enumerate(values))])
    source = from_csv(buffer.getvalue())
    return [row.get("v") for row in rows(source).values()], source.problems


def parquet_column(values: Sequence[Any], kind: pa.DataType | None = None) -> tuple[list[Any], list[str]]:
    names = [f"{i}.jpg" for i in range(len(values))]
    source = from_parquet(pa.table({"file_name": names, "v": pa.array(values, kind)}))
    return [row.get("v") for row in rows(source).values()], source.problems


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter: str):
    lines = [["file_name", "mood", "note"], ["a.jpg", "glad", "x,y;z,\t,"], ["b.jpg", "sad", "1,5"]]
    quoted = "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert rows(from_csv(quoted)) == {
        "a.jpg": {"mood": "glad", "note": "x,y;z,\t,"},
        "b.jpg": {"mood": "sad", "note": "1,5"},
    }


def test_a_quoted_delimiter_of_the_header_does_not_count():
    assert rows(from_csv('file_name;"a,b,c,d"\nx.jpg;1\n')) == {"x.jpg": {"a,b,c,d": 1}}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_line_endings_and_blank_lines_are_no_matter(ending: str, mark: bytes):
    lines = ["", "file_name,größe", "a.jpg,1", "", "b.jpg,2"]
    assert rows(from_csv(mark + ending.join(lines).encode())) == {
        "a.jpg": {"größe": 1},
        "b.jpg": {"größe": 2},
    }


@pytest.mark.parametrize(
    "name", ["file_name", "File_Name", " FILENAME ", "file", "Path", "image", "ID", "name"]
)
def test_the_column_that_names_images_may_be_called_many_ways(name: str):
    assert rows(from_csv(f"v,{name}\n1,a.jpg\n")) == {"a.jpg": {"v": 1}}


def test_of_several_columns_that_may_name_images_the_first_of_the_list_does():
    assert rows(from_csv("id,name,file_name\n7,Cat,a.jpg\n")) == {"a.jpg": {"id": 7, "name": "Cat"}}


def test_a_table_that_names_no_images_tells_how_to_call_the_column():
    with pytest.raises(ImagesError, match=r"the/metadata\.csv has no column .*file_name.*'title', 'year'"):
        from_csv("title,year\na,1\n")
    with pytest.raises(ImagesError, match=r"the/metadata\.parquet has no column .*file_name"):
        from_parquet(pa.table({"title": ["a"]}))


def test_quoted_line_breaks_quotes_and_delimiters_are_text():
    assert rows(from_csv('file_name,v\na.jpg,"one\ntwo, ""three"""\n')) == {
        "a.jpg": {"v": 'one\ntwo, "three"'}
    }


def test_an_empty_cell_is_missing_and_blanks_around_a_cell_do_not_count():
    assert cells("", "  ", '""', " a ") == ([None, None, '""', "a"], [])
    assert cells("", " ", "\t") == ([None] * 3, [])


def test_rows_with_other_cells_than_the_header_are_reported_and_left_out():
    source = from_csv("file_name,v\na.jpg,1\nb.jpg\nc.jpg,3,4\nd.jpg,4\n")
    assert rows(source) == {"a.jpg": {"v": 1}, "d.jpg": {"v": 4}}
    assert source.problems == [
        "metadata.csv: 2 row(s) lack or exceed the header's 2 cells (row 3: 1, row 4: 3); left out"
    ]


def test_of_many_rows_with_other_cells_the_first_three_are_named():
    source = from_csv("file_name,v\n" + "".join(f"{row}.jpg{',x' * row}\n" for row in range(2, 7)))
    assert source.problems == [
        "metadata.csv: 5 row(s) lack or exceed the header's 2 cells (row 2: 3, row 3: 4, row 4: 5); left out"
    ]


@pytest.mark.parametrize("name", ["v", '"v, of\nseveral, many, lines"'])
def test_the_header_alone_decides_what_separates_cells(name: str):
    source = from_csv(f"file_name;{name}\na.jpg;1,5 and 2,5 and 3,5 and 4,5\n")
    assert keys_of(source) == ["a.jpg"]
    (entry,) = entries_of(source)
    assert list(entry.values()) == ["1,5 and 2,5 and 3,5 and 4,5"]


def test_rows_that_name_no_file_are_reported():
    source = from_csv("file_name,v\n,1\na.jpg,2\n")
    assert rows(source) == {"a.jpg": {"v": 2}}
    assert source.problems == ["metadata.csv: 1 row(s) name no file; left out"]
    source = from_parquet(pa.table({"file_name": [None, "a.jpg", ""], "v": [1, 2, 3]}))
    assert rows(source) == {"a.jpg": {"v": 2}}
    assert source.problems == ["metadata.parquet: 2 row(s) name no file; left out"]


def test_a_column_that_stands_twice_is_reported_and_the_first_one_counts():
    source = from_csv("file_name,v,v\na.jpg,1,2\n")
    assert rows(source) == {"a.jpg": {"v": 1}}
    assert source.problems == ["metadata.csv: the column 'v' is there twice; the first one is used"]
    table = pa.Table.from_arrays([pa.array(["a.jpg"]), pa.array([1]), pa.array([2])], ["file_name", "v", "v"])
    assert rows(from_parquet(table)) == {"a.jpg": {"v": 1}}


def test_a_header_that_is_one_of_clippers_names_is_treated_as_a_key_of_metadata_json():
    source = from_csv("file_name,x, mood ,\na.jpg,1,glad,kept\n")
    made = join(["a.jpg"], [{}], [source])
    assert made.rows == [{"metadata_x": 1, "mood": "glad", "column_4": "kept"}]
    assert made.problems == [
        "metadata.csv: column 4 has no name; it is called 'column_4'",
        "metadata.csv: 'x' is a name Clipper uses; it became 'metadata_x'",
    ]


def test_names_are_matched_as_the_keys_of_metadata_json_are_and_never_guessed():
    source = from_csv("file_name,v\nsub/a.jpg,1\nb,2\nnobody.jpg,3\nc,4\n")
    made = join(["sub/a.jpg", "sub/b.png", "c.jpg", "sub/c.jpg"], [{}] * 4, [source])
    assert [row.get("v") for row in made.rows] == [1, 2, 4, None]
    assert made.problems == ["metadata.csv: no image is called 'nobody.jpg'"]


def test_a_table_of_names_alone_is_a_table():
    assert rows(from_csv("file_name\na.jpg\nb.jpg\n")) == {"a.jpg": {}, "b.jpg": {}}
    assert rows(from_csv("file_name")) == {}
    assert rows(from_csv("file_name,v")) == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        ("file_name,v\na.jpg,né\n".encode("latin-1"), r"not UTF-8 \(line 2, byte 0xe9\); save it as UTF-8"),
        ("file_name,v\na.jpg,1\n".encode("utf-16-le"), "has no column that names"),
        (b'file_name,v\na.jpg,1\nb.jpg,"open\nc.jpg,3\n', "a quote is opened and never closed, in row 3"),
        (b'file_name\n"a.jpg\nb.jpg\n', "a quote is opened and never closed, in row 2"),
        (b'file_name,v\n"a.jpg,1\nb.jpg,2\n', "a quote is opened and never closed, in row 2"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8"),
    ],
)
def test_what_is_no_csv_is_an_error_that_names_the_file_and_the_way_out(data: bytes, message: str):
    with pytest.raises(ImagesError, match=message) as raised:
        from_csv(data)
    assert "the/metadata.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["1", "-2", "30"], [1, -2, 30]),
        (["1", "2.5", "-.5", "1e3"], [1.0, 2.5, -0.5, 1000.0]),
        (["true", "False", "TRUE"], [True, False, True]),
        (["2024-05-06", "2023-01-02"], ["2024-05-06", "2023-01-02"]),
        (["007", "12"], ["007", "12"]),
        (["90210", "10115", "20095", "01067"], ["90210", "10115", "20095", "01067"]),
        (["1,5", "2,5"], ["1,5", "2,5"]),
        (["2", "3", "1,5"], ["2", "3", "1,5"]),
        (["20240305123456789", "", "20240305123456790"], [20240305123456789, None, 20240305123456790]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "5"], ["9223372036854775808", "5"]),
        (["12345678901234567890", "5", "6"], ["12345678901234567890", "5", "6"]),
        (["20240305123456789.0", "", "3.0"], [20240305123456789, None, 3]),
        (["20240305123456788", "0.5"], [20240305123456788.0, 0.5]),
        (["+49", "+1"], ["+49", "+1"]),
        (["1.", "2."], ["1.", "2."]),
        (["nan", "inf"], ["nan", "inf"]),
        (["yes", "no"], ["yes", "no"]),
        (["0x10", "1_000"], ["0x10", "1_000"]),
        (["٣", "٤"], ["٣", "٤"]),
        (["1", "a"], ["1", "a"]),
        (["a\x00b"], ["a\x00b"]),
    ],
)
def test_the_whole_column_decides_what_its_cells_are(given: list[str], kept: list[Any]):
    found, problems = cells(*given)
    assert found == kept
    assert [type(value) for value in found] == [type(value) for value in kept]
    assert problems == []


def test_large_whole_numbers_beside_fractions_are_kept_as_text_and_a_note_says_so():
    found, problems = cells("20240305123456789", "", "0.5", "20240305123456788")
    assert found == ["20240305123456789", None, "0.5", "20240305123456788"]
    assert len(problems) == 1
    assert problems[0].startswith("metadata.csv: 'v' is kept as text: ")
    assert "20240305123456789" in problems[0]


def test_a_cell_that_is_no_number_among_numbers_is_reported_and_left_out():
    assert cells("2001", "2002", "n/a", "2004") == (
        [2001, 2002, None, 2004],
        ["metadata.csv: 'v' is integer, 1 value(s) are not ('n/a'); left out"],
    )
    found, problems = cells(*["1.5"] * 9, "?", "?", "-", "unknown", *["?"] * 3)
    assert found == [1.5] * 9 + [None] * 7
    assert problems == [
        "metadata.csv: 'v' is number, 7 value(s) are not ('?', '?', '-' and 4 more); left out"
    ]
    assert cells("true", "false", "maybe")[0] == [True, False, None]


def test_words_for_no_value_are_no_other_type():
    assert cells(*["NA"] * 9, "5")[0] == [None] * 9 + [5]
    mixed = ["NA", "N/A", "nan", "NULL", "None", "#N/A", "\\N", "<NA>"]
    assert cells("1.5", "2", *mixed)[0] == [1.5, 2.0, *[None] * 8]
    assert cells("true", "NA", "NA")[0] == [True, None, None]
    assert cells("cat", "None", "NA") == (["cat", "None", "NA"], [])


def test_decimal_commas_are_read_where_no_comma_separates_cells():
    def read(*values: str) -> tuple[list[Any], list[str]]:
        lines = ["file_name;v", *(f"{i}.jpg;{value}" for i, value in enumerate(values))]
        source = from_csv("\n".join(lines))
        return [row.get("v") for row in rows(source).values()], source.problems

    assert read("1,5", "2,25", "12", "-0,5")[0] == [1.5, 2.25, 12.0, -0.5]
    assert read("1.234,5", "1.000", "n/a")[0] == [1234.5, 1000.0, None]
    assert read("1 234,50", "1\u202f000", "99,9")[0] == [1234.5, 1000.0, 99.9]
    assert read("0,123", "1,234") == (
        [0.123, 1.234],
        ["metadata.csv: 'v' is read with decimal commas, as in '0,123'"],
    )
    found, problems = read("1,234", "2,500")
    assert found == ["1,234", "2,500"]
    assert "for decimals or for thousands" in problems[0]
    for other in (["1,5", "2.5"], ["1,5,7", "2,3"], ["1,5", "a", "b"], ["007,5", "1,5"]):
        assert read(*other) == (other, [])


def test_commas_between_thousands_are_read_where_they_are_nothing_else():
    assert cells("1,234,567", "999", "12,345") == (
        [1234567, 999, 12345],
        ["metadata.csv: 'v' is read with commas between thousands, as in '1,234,567'"],
    )
    assert cells("1,234.50", "3.25")[0] == [1234.5, 3.25]
    found, problems = cells("1,234", "2,500", "12")
    assert found == ["1,234", "2,500", "12"]
    assert "for decimals or for thousands" in problems[0]
    for other in (["1,234,567", "1,5"], ["1,2,3", "4,5"], ["1,234,567", "a"]):
        assert cells(*other) == (other, [])


def test_zeros_that_a_spreadsheet_keeps_by_a_formula_are_kept():
    assert cells('="00123"', '="00124"') == (["00123", "00124"], [])


def test_lists_in_cells_are_lists_as_json_and_as_python_writes_them():
    assert cells('["a", "b"]', '["c"]', "")[0] == [["a", "b"], ["c"], None]
    assert cells("['a', 'b']", '["it\'s"]', "['say \"x\"', 'it\\'s']")[0] == [
        ["a", "b"],
        ["it's"],
        ['say "x"', "it's"],
    ]
    assert cells("[1, 2]", "[3]")[0] == [[1, 2], [3]]
    for other in (["[a, b]", "[c]"], ["[1]", "x"], ["[[1]]", "[2]"], ["[1]", '["a"]'], ["[" * 99_999 + "]"]):
        assert cells(*other) == (other, [])
    for hostile in (
        "[a" + " " * 99_999 + "b]",
        "['" + "\\" * 99_999 + "]",
        "[" + "a," * 99_999 + "']",
        '["\\ud800"]',
    ):
        assert cells(hostile) == ([hostile], [])


def test_a_text_that_an_export_kept_from_spreadsheets_is_what_it_was():
    assert cells("'=1+1", "'-x", "'quoted'", "'-ing' form") == (
        ["=1+1", "-x", "'quoted'", "'-ing' form"],
        [],
    )


def test_a_column_of_numbers_and_many_other_words_is_text_and_nothing_of_it_is_lost():
    houses = ["12", "12a", "14", "14b", "15", "16", "17", "18", "18a", "19", "20", "20c"]
    assert cells(*houses) == (houses, [])


def test_a_cell_as_long_as_a_book_is_kept():
    long = "x" * 3_000_000
    assert cells(long, "b")[0] == [long, "b"]


def test_parquet_types_become_those_of_metadata():
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    for values, kind, kept in [
        (["a", None], pa.string(), ["a", None]),
        (["a", "b"], pa.large_string(), ["a", "b"]),
        (["a", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", "a"]),
        ([1, 2], pa.uint8(), [1, 2]),
        ([1.5, 2.0], pa.float32(), [1.5, 2.0]),
        ([True, False], pa.bool_(), [True, False]),
        ([2**63 - 1, None], pa.uint64(), [2**63 - 1, None]),
        ([-(2**63), None, 2**63 - 1], pa.int64(), [-(2**63), None, 2**63 - 1]),
        ([[2**63 - 1], None], pa.list_(pa.uint64()), [[2**63 - 1], None]),
        ([Decimal("1.50")], pa.decimal128(5, 2), [1.5]),
        ([Decimal("0.125000000000000000")], pa.decimal128(38, 18), [0.125]),
        ([Decimal(20240305123456789), None], pa.decimal128(20, 0), [20240305123456789, None]),
        ([Decimal(20240305123456789), None], pa.decimal128(38, 10), [20240305123456789, None]),
        (
            [[Decimal(20240305123456789)], [Decimal(1)]],
            pa.list_(pa.decimal128(38, 9)),
            [[20240305123456789], [1]],
        ),
        ([[Decimal(7)]], pa.list_(pa.decimal128(5, 0)), [[7]]),
        (
            [{"n": Decimal(20240305123456789)}],
            pa.struct([("n", pa.decimal128(20, 0))]),
            ['{"n": 20240305123456789}'],
        ),
        ([date(2024, 5, 6)], pa.date32(), ["2024-05-06"]),
        ([moment], pa.timestamp("ms", "UTC"), ["2024-05-06T07:08:09Z"]),
        ([moment], pa.timestamp("ns", "Europe/Berlin"), ["2024-05-06T09:08:09+02:00"]),
        ([datetime(2024, 5, 6, 7, 8, 9, 120_000)], pa.timestamp("us"), ["2024-05-06T07:08:09.120000"]),  # noqa: DTZ001
        ([["a", "b"], None, []], pa.list_(pa.string()), [["a", "b"], None, []]),
        ([[date(2024, 5, 6)]], pa.list_(pa.date32()), [["2024-05-06"]]),
        ([{"b": 1, "a": "é"}], None, ['{"a": "é", "b": 1}']),
        ([[[1], [2]]], None, ["[[1], [2]]"]),
    ]:
        found = parquet_column(values, kind)
        assert found == (kept, []), kind
        assert [type(value) for value in found[0]] == [type(value) for value in kept]


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([2**63, 1, None], pa.uint64(), [str(2**63), "1", None]),
        ([[2**63, 1], None], pa.list_(pa.uint64()), [[str(2**63), "1"], None]),
        ([Decimal(10**25), None], pa.decimal128(38, 0), ["1" + "0" * 25, None]),
        ([Decimal("20240305123456789.5"), Decimal(1)], pa.decimal128(20, 1), ["20240305123456789.5", "1.0"]),
        ([[Decimal(10**25)]], pa.list_(pa.decimal128(38, 0)), [["1" + "0" * 25]]),
    ],
)
def test_numbers_of_parquet_that_no_type_holds_are_kept_as_text_and_a_note_says_so(
    values: list[Any], kind: pa.DataType, kept: list[Any]
):
    found, problems = parquet_column(values, kind)
    assert found == kept
    assert len(problems) == 1
    assert "'v' is kept as text" in problems[0]


def test_bytes_and_what_holds_them_are_reported_and_left_out():
    for values in ([b"x"], [[b"x"]], [{"bytes": b"x", "path": "p"}]):
        found, problems = parquet_column(values)
        assert found == [None]
        assert len(problems) == 1
        assert "'v' is" in problems[0]
        assert "binary" in problems[0]
        assert "left out" in problems[0]


def test_numbers_may_name_images_in_parquet_and_anything_else_may_not():
    assert rows(from_parquet(pa.table({"id": [7, 8], "v": [1, 2]}))) == {"7": {"v": 1}, "8": {"v": 2}}
    with pytest.raises(ImagesError, match=r"the column 'id' is double, but it must hold file names"):
        from_parquet(pa.table({"id": [7.5]}))
    with pytest.raises(ImagesError, match=r"the column 'image' is struct<.*, but it must hold file names"):
        from_parquet(pa.table({"image": [{"bytes": b"x"}]}))


def test_the_index_that_pandas_adds_is_no_column():
    import pandas as pd

    frame = pd.DataFrame({"file_name": ["a.jpg", "b.jpg"], "v": [1, 2]}, index=[5, 9])
    assert rows(from_parquet(pa.Table.from_pandas(frame))) == {"a.jpg": {"v": 1}, "b.jpg": {"v": 2}}


def test_a_damaged_parquet_is_an_error_that_names_the_file_and_the_way_out():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"file_name": ["a.jpg"] * 1_000, "v": list(range(1_000))}), buffer)
    whole = buffer.getvalue()
    wrong_text = whole.replace(b"a.jpg", b"\xff.jpg")
    assert wrong_text != whole
    for data in (b"", b"PAR1", b"file_name,v\n", whole[:-20], whole[:40] + b"\xff" * 100, wrong_text):
        with pytest.raises(
            ImagesError, match=r"the/metadata\.parquet is not a readable Parquet table"
        ) as raised:
            read_parquet(data, name="m", source="the/metadata.parquet", max_bytes=1_000_000)
        assert "\n" not in str(raised.value)


def test_a_parquet_of_any_wrong_bits_is_read_or_is_a_clear_error():
    buffer = io.BytesIO()
    names = [f"{i}.jpg" for i in range(50)]
    nested = pa.array([{"a": [1, 2]}] * 50)
    pq.write_table(pa.table({"file_name": names, "v": range(50), "t": nested}), buffer)
    random = np.random.default_rng(0)
    read, refused = 0, []
    for _ in range(400):
        data = bytearray(buffer.getvalue())
        data[random.integers(len(data))] = random.integers(256)
        try:
            source = read_parquet(bytes(data), name="m", source="the/m", max_bytes=1_000_000)
        except ImagesError as error:
            refused.append(str(error))
            continue
        assert join(["1.jpg"], [{}], [source]).table(["1.jpg"]).num_rows == 1
        read += 1
    assert 50 < read < 350
    assert all(reason.startswith("the/m ") for reason in refused)


def test_a_parquet_that_is_large_once_unpacked_is_refused():
    table = pa.table({"file_name": ["a.jpg"] * 200_000})
    with pytest.raises(ImagesError, match=r"when unpacked, more than the limit of 1,000,000 \(max_bytes\)"):
        from_parquet(table)


text = st.text(st.characters(exclude_categories=["Cs"]))
# The quote that keeps a spreadsheet from reading a cell as a formula.
UNQUOTED = re.compile(r"^'(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20][^']*$)")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(text, text), min_size=1, max_size=6))
def test_cells_of_any_text_are_kept_typed_or_reported(pairs: list[tuple[str, str]]):
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([["file_name", "a", "b"], *([f"{i}.jpg", *pair] for i, pair in enumerate(pairs))])
    source = from_csv(buffer.getvalue())
    ids = [f"{i}.jpg" for i in range(len(pairs))]
    made = join(ids, [{}] * len(ids), [source])
    made.table(ids)
    assert keys_of(source) == ids
    kinds = {column.name: column.type for column in made.columns}
    for index, name in enumerate("ab"):
        for row, pair in zip(made.rows, pairs, strict=True):
            if kinds.get(name) == "str":
                assert row.get(name, "").split() == UNQUOTED.sub("", pair[index]).split()
            elif name in row:
                assert str(row[name]) == pair[index].strip() or float(row[name]) == float(
                    {"true": "1", "false": "0"}.get(pair[index].strip().lower(), pair[index])
                )
            else:
                assert not pair[index].strip() or "left out" in " ".join(made.problems)


@settings(max_examples=200, deadline=None)
@given(text)
def test_any_text_is_a_table_or_an_error_that_names_the_file(data: str):
    refused = ""
    try:
        source = from_csv(f"file_name,v\n{data}")
    except ImagesError as error:
        refused = str(error)
    else:
        assert join(["a.jpg"], [{}], [source]).table(["a.jpg"]).num_rows == 1
    assert not refused or refused.startswith("the/metadata.csv")
    assert not refused or not data.isalnum()
