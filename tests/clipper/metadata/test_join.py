import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_metadata import Joined, join

from clipper.errors import ImagesError
from clipper.metadata import join as metadata_join
from clipper.metadata.entries import Source
from clipper.metadata.join import without_missing
from clipper.metadata.sources import parse
from clipper.metadata.tables import read_csv

IDS = ["cat.jpg", "sub/dog.jpg", "sub/owl.v2.png"]


def joined(entries: dict[str, dict[str, Any]], ids: list[str] = IDS, **facts: Any) -> Joined:
    return join(ids, [facts] * len(ids), [Source.of_entries("metadata.json", entries)])


def column(values: list[Any], *, name: str = "v") -> tuple[str | None, list[Any], list[str]]:
    """The type a column of these values gets, its values, and the problems reported."""
    ids = [f"{i}.jpg" for i in range(len(values))]
    made = joined({str(i): {name: value} for i, value in enumerate(values)}, ids)
    kinds = {c.name: c.type for c in made.columns}
    assert made.table(ids).num_rows == len(values)
    return kinds.get(name), [row.get(name) for row in made.rows], made.problems


def test_an_entry_is_matched_by_name_by_path_without_ending_and_by_path():
    made = joined({"cat": {"v": 1}, "sub/dog": {"v": 2}, "sub/owl.v2.png": {"v": 3}})
    assert [row["v"] for row in made.rows] == [1, 2, 3]
    assert [row["v"] for row in joined({"dog": {"v": 2}, "owl.v2": {"v": 3}}).rows[1:]] == [2, 3]
    assert made.problems == []


def test_a_column_of_many_long_texts_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch):
    ids = [f"{i:03}.jpg" for i in range(100)]
    made = joined(
        {image_id: {"v": f"{i} " * 50, "tags": [str(i)]} for i, image_id in enumerate(ids[:90])}, ids
    )
    whole = made.table(ids)
    monkeypatch.setattr(metadata_join, "_PIECE_BYTES", 600)
    parted = made.table(ids)
    assert parted.equals(whole)
    assert parted["v"].num_chunks > 10 > whole["v"].num_chunks


def test_a_key_that_fits_nothing_is_reported():
    made = joined({"horse": {"v": 1}, "cat.txt": {"v": 1}})
    assert [row.get("v") for row in made.rows] == [None] * 3
    assert "'horse'" in made.problems[0]
    assert "'cat.txt'" in made.problems[0]


def test_a_key_that_fits_several_is_reported_and_not_guessed():
    ids = ["a/x.jpg", "b/x.jpg", "b/y.jpg", "b/y.png"]
    made = joined({"x": {"v": 1}, "b/y": {"v": 1}, "a/x": {"v": 2}}, ids)
    assert [row.get("v") for row in made.rows] == [2, None, None, None]
    assert "several images" in made.problems[0]
    assert "'x'" in made.problems[0]
    assert "'b/y'" in made.problems[0]


def test_accents_are_the_same_however_they_are_written():
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert joined({composed: {"v": 1}}, [f"{apart}.jpg"]).rows[0]["v"] == 1
    assert joined({f"{apart}.jpg": {"v": 1}}, [f"{composed}.jpg"]).rows[0]["v"] == 1
    both = joined({composed: {"v": 1}, apart: {"v": 2}}, [f"{apart}.jpg", f"{composed}.jpg"])
    assert [row["v"] for row in both.rows] == [2, 1]  # where both are there, each means itself


def test_two_keys_of_one_image_are_joined():
    assert joined({"cat": {"a": 1}, "cat.jpg": {"b": 2}}).rows[0] | {} == {"a": 1, "b": 2}


def test_two_keys_of_one_image_that_disagree_are_reported_and_the_last_one_counts():
    made = joined({"cat": {"a": 1, "b": 1}, "cat.jpg": {"a": 2, "b": 1}})
    assert made.rows[0] == {"a": 2, "b": 1}
    assert made.problems == [
        "metadata.json: 1 image(s) have several entries that differ ('cat.jpg'); the last one is used"
    ]


SOURCES = ("metadata.json", "metadata.parquet", "metadata.csv")


def joined_from(*entries: dict[str, dict[str, Any]], **facts: Any) -> Joined:
    sources = [Source.of_entries(name, source) for name, source in zip(SOURCES, entries, strict=True)]
    return join(IDS, [facts] * len(IDS), sources)


def test_the_strongest_source_counts_and_each_disagreement_is_reported_once():
    made = joined_from(
        {"cat": {"a": 1}},
        {"cat.jpg": {"a": 2, "b": 2}, "dog": {"a": 2}},
        {"cat": {"a": 3, "b": 3, "c": 3}, "dog": {"a": 2.0}, "owl.v2": {"a": 3}},
    )
    assert [row["a"] for row in made.rows] == [1, 2, 3]
    assert (made.rows[0]["b"], made.rows[0]["c"]) == (2, 3)
    by_parquet, by_csv = made.problems
    assert by_parquet == (
        "metadata.parquet: 1 value(s) differ from those of metadata.json, which are used ('a of cat.jpg')"
    )
    assert by_csv == (
        "metadata.csv: 2 value(s) differ from those of metadata.json and metadata.parquet, which are used "
        "('a of cat.jpg', 'b of cat.jpg')"
    )


def test_a_columns_origin_names_every_source_that_tells_it():
    made = joined_from({"cat": {"a": 1}}, {"dog": {"a": 2, "b": 1}}, {"cat": {"a": 9}}, width=3)
    assert {column.name: column.origin for column in made.columns} == {
        "a": "metadata.json and metadata.parquet",
        "b": "metadata.parquet",
        "folder": "folder",
        "width": "file",
    }


def test_what_a_stronger_source_leaves_open_a_weaker_one_tells():
    made = joined_from({"cat": {"a": None, "b": [], "c": math.nan}}, {}, {"cat": {"a": 1, "b": "x", "c": 2}})
    assert made.rows[0] == {"a": 1, "b": "x", "c": 2}
    assert made.problems == []


def test_sources_that_differ_in_type_make_two_columns():
    made = joined_from({"cat": {"v": "x"}}, {}, {"dog": {"v": 2}, "owl.v2": {"v": 3}})
    assert made.rows[0] == {"metadata_v": "x"}
    assert [row.get("v") for row in made.rows] == [None, 2, 3]
    said = (
        "'v' is a number in metadata.csv, and 1 value(s) are text ('x'); these are in the column 'metadata_v'"
    )
    assert made.problems == [f"metadata.json: {said}"]


def test_a_column_tells_how_many_images_have_it_and_an_example():
    made = joined({"cat": {"tags": ["a", "b"]}, "dog": {"long": "x" * 1_000}}, width=160)
    shown = {column.name: (column.filled, column.example) for column in made.columns}
    assert shown["tags"] == (1, "a, b")
    assert shown["width"] == (3, "160")
    assert shown["folder"] == (2, "sub")
    assert len(shown["long"][1]) == 60


def test_a_place_is_no_example_even_if_a_source_gives_one_too():
    told = {column.name: column for column in joined({"cat": {"latitude": 1}}, latitude=52.5).columns}
    assert told["latitude"].example == ""


def test_a_place_is_no_example():
    columns = {column.name: column for column in joined({}, latitude=52.5, longitude=13.4).columns}
    assert (columns["latitude"].filled, columns["latitude"].example) == (3, "")
    assert columns["longitude"].example == ""


def test_many_unknown_keys_are_reported_in_one_line():
    made = joined({f"no-{i}": {} for i in range(500)})
    assert len(made.problems) == 1
    assert len(made.problems[0]) < 400
    assert "497 more" in made.problems[0]


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        (["a", "b"], "str", ["a", "b"]),
        ([1, 2], "int", [1, 2]),
        ([1, 2.5], "float", [1.0, 2.5]),
        ([True, False], "bool", [True, False]),
        ([["a"], ["b", "c"]], "list[str]", [["a"], ["b", "c"]]),
        ([["a"], "b"], "list[str]", [["a"], ["b"]]),
        ([[1, 2.5], [3]], "list[float]", [[1.0, 2.5], [3.0]]),
        ([["a", 1]], "list[str]", [["a", "1"]]),
        ([None, "a"], "str", [None, "a"]),
        ([math.nan, 1.5], "float", [None, 1.5]),
        ([math.inf, 1.5], "float", [None, 1.5]),
        ([[], ["a"]], "list[str]", [None, ["a"]]),
        ([["a", None]], "list[str]", [["a"]]),
    ],
)
def test_a_columns_type_follows_from_its_values(values: list[Any], kind: str, kept: list[Any]):
    assert column(values) == (kind, kept, [])


def test_a_column_of_nothing_is_no_column():
    assert column([None, [], math.nan, [None]]) == (None, [None] * 4, [])


def test_what_does_not_fit_its_column_is_reported_and_left_out():
    kind, kept, problems = column([1, 2, "three", 4])
    assert (kind, kept) == ("int", [1, 2, None, 4])
    assert len(problems) == 1
    assert "'v' is integer, 1 value(s) are not ('three'); left out" in problems[0]


def test_true_is_not_one():
    kind, kept, problems = column([1, 2, True])
    assert (kind, kept) == ("int", [1, 2, None])
    assert problems


def test_what_is_nested_is_kept_as_json_text():
    kind, kept, _ = column([{"b": [1, {"c": None}], "a": "é"}, {"a": 1}])
    assert kind == "str"
    assert json.loads(kept[0]) == {"a": "é", "b": [1, {"c": None}]}
    kind, kept, _ = column([[[1, 2], [3]]])
    assert (kind, json.loads(kept[0])) == ("str", [[1, 2], [3]])


def test_a_number_too_large_for_any_number_is_reported_and_left_out():
    for first in (1, 0.5):
        _, kept, problems = column([first, 10**400])
        assert kept == [first, None]
        assert "1 value(s) are not" in problems[0]
    _, kept, problems = column([[0.5, 1e308], [1e308]])
    assert kept == [[0.5], None]
    assert "1 value(s) are not" in problems[0]


def test_integers_have_all_of_64_bits():
    ends = [20240305123456789, 20240305123456790, None, 2**63 - 1, -(2**63)]
    assert column(ends) == ("int", ends, [])
    assert column([ends[:2], [ends[4]]]) == ("list[int]", [ends[:2], [ends[4]]], [])


@pytest.mark.parametrize(
    "values",
    [
        [1, 2**63],
        [1, -(2**63) - 1],
        [2**53 + 1, 0.5],
        [2**63, 0.1, 2**64 + 1],
        [20240305123456789, 1.5, None],
    ],
)
def test_integers_that_no_type_of_numbers_holds_beside_the_others_are_kept_as_text_and_a_note_says_so(
    values: list[Any],
):
    texts = [None if value is None else repr(value) for value in values]
    kind, kept, problems = column(values)
    assert (kind, kept) == ("str", texts)
    assert len(problems) == 1
    assert "'v' is kept as text" in problems[0]
    kind, kept, problems = column([[value] for value in values])
    assert (kind, kept) == ("list[str]", [None if text is None else [text] for text in texts])


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([2**53, 0.5], "float", [2.0**53, 0.5]),
        ([2**60, 0.5], "float", [2.0**60, 0.5]),
        ([100000000000000000000, 0.5], "float", [1e20, 0.5]),  # as JavaScript writes 1e20
        ([2**53 + 1, 3.0, math.nan], "int", [2**53 + 1, 3, None]),
        ([2**53 + 1, 1e17], "int", [2**53 + 1, 10**17]),
        ([2**53 + 1, "odd", 1], "int", [2**53 + 1, None, 1]),
    ],
)
def test_integers_beside_floats_become_floats_only_if_these_hold_them(
    values: list[Any], kind: str, kept: list[Any]
):
    assert column(values)[:2] == (kind, kept)
    assert [type(value) for value in column(values)[1]] == [type(value) for value in kept]


def test_large_whole_numbers_that_a_table_has_as_floats_are_kept_and_a_note_says_what_may_be_lost():
    for values in ([20240305123456788.0, None, 1.0], [2.0**60]):
        kind, kept, problems = column(values)
        assert (kind, kept) == ("float", values)
        assert len(problems) == 1
        assert f"saved as floats ({int(values[0] or 0)})" in problems[0]
        assert "Int64" in problems[0]
    assert column([1.7e18, 0.5])[2] == column([6e23])[2] == column([1e15])[2] == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("20240305123456789.0", 20240305123456789),
        ("2.0240305123456789e16", 20240305123456789),
        ("20240305123456788.0", 20240305123456788.0),
        ("9223372036854775807.0", 2**63 - 1),
        ("1e17", 1e17),
        ("4.611686018427388e+18", 4.611686018427388e18),
        ("12345678901234567890123.0", 1.2345678901234568e22),
        ("0.1234567890123456789", 0.12345678901234568),
    ],
)
def test_a_whole_number_of_json_that_is_written_as_a_float_keeps_its_digits(written: str, kept: float):
    entries, problems = parse(f'{{"cat": {{"v": {written}}}}}'.encode(), source="m")
    assert (entries["cat"]["v"], problems) == (kept, [])
    assert type(entries["cat"]["v"]) is type(kept)


def test_half_a_surrogate_pair_is_replaced():
    entries, _ = parse(
        b'{"cat": {"k\\ud83d": "v\\ud83d", "l": ["\\udc00"], "n": {"\\udc00": 1}}}', source="m"
    )
    made = joined(entries)
    json.dumps(made.rows, ensure_ascii=False).encode()
    assert made.table(IDS).num_rows == 3
    assert made.rows[0]["k?"] == "v?"


def test_names_that_are_clippers_own_or_chromas_get_a_prefix_and_a_note_says_so():
    made = joined({"cat": {"id": "x", "x": 1, "path": "p", "#a": 1, "chroma:document": "d", "fine": 1}})
    assert set(made.rows[0]) == {
        "metadata_id", "metadata_x", "metadata_path", "metadata_#a", "metadata_chroma:document", "fine",
    }  # fmt: skip
    assert len(made.problems) == 5


def test_two_keys_that_would_become_one_are_both_kept_and_reported():
    made = joined({"cat": {"id": 1, "metadata_id": 2}})
    assert made.rows[0] == {"metadata_id": 1, "metadata_metadata_id": 2}
    assert len(made.problems) == 2


def test_an_empty_key_is_reported_and_left_out():
    made = joined({"cat": {"": 1, "  ": 2, "v": 3}})
    assert made.rows[0] == {"v": 3}
    assert len(made.problems) == 2


def test_what_the_file_says_gives_way_to_what_the_person_says_of_the_same_image():
    made = joined({"cat": {"width": 200, "camera": "Leica"}}, width=160, height=120, camera="Canon")
    kinds = {c.name: (c.type, c.origin, c.source) for c in made.columns}
    assert kinds["width"] == ("int", "file and metadata.json", "the files and metadata.json")
    assert kinds["height"] == ("int", "file", "the files")
    assert made.table(IDS)["width"].to_pylist() == [200, 160, 160]
    assert made.table(IDS)["camera"].to_pylist() == ["Leica", "Canon", "Canon"]
    assert made.problems == []
    everywhere = joined({key: {"width": 200} for key in ("cat", "dog", "owl.v2")}, width=160)
    assert {c.name: c.origin for c in everywhere.columns}["width"] == "metadata.json"


@pytest.mark.parametrize(
    ("name", "fact", "told"),
    [
        ("iso", 400, "Portra 400"),
        ("width", 160, "wide"),
        ("focal_length", 50.5, "fifty"),
        ("width", 160, True),
        ("latitude", 52.5, "52 N"),
        ("camera", "Canon", ["Leica", "Contax"]),
        ("camera", "Canon", 7),
        ("taken_at", "2024-03-01T08:00:00", "spring 1998"),
        ("taken_at", "2024-03-01T08:00:00", 1998),
    ],
)
def test_what_files_and_a_source_say_in_different_types_both_survive(name: str, fact: Any, told: Any):
    made = joined({"cat": {name: told}}, **{name: fact})
    table = made.table(IDS)
    assert table[name].to_pylist() == [fact] * 3
    assert table[f"metadata_{name}"].to_pylist() == [told, None, None]
    assert {c.name: c.origin for c in made.columns}[f"metadata_{name}"] == "metadata.json"
    (problem,) = made.problems
    assert repr(name) in problem
    assert f"'metadata_{name}'" in problem
    assert repr(told)[:5] in problem


def test_the_values_that_fit_the_files_column_stay_in_it_and_only_the_others_move():
    made = joined({"cat": {"iso": "Portra 400"}, "dog": {"iso": 800}}, iso=100)
    assert [row.get("iso") for row in made.rows] == [100, 800, 100]
    assert [row.get("metadata_iso") for row in made.rows] == ["Portra 400", None, None]


def test_whole_numbers_and_others_share_a_column_whichever_the_file_has():
    assert [row["v"] for row in joined({"cat": {"v": 2}}, v=0.5).rows] == [2.0, 0.5, 0.5]
    made = joined({"cat": {"v": 0.5}}, v=2)
    assert [row["v"] for row in made.rows] == [0.5, 2.0, 2.0]
    assert {c.name: c.type for c in made.columns}["v"] == "float"


def test_a_folder_stays_text_beside_a_sources_number():
    made = joined({"cat": {"folder": 3}, "dog": {"folder": "hand-picked"}})
    assert [row.get("folder") for row in made.rows] == [None, "hand-picked", "sub"]
    assert made.rows[0]["metadata_folder"] == 3
    assert {c.name: c.origin for c in made.columns}["folder"] == "folder and metadata.json"


def test_a_second_column_takes_no_name_that_is_there():
    made = joined({"cat": {"iso": "Portra 400", "metadata_iso": "mine"}}, iso=100)
    assert made.rows[0]["metadata_iso"] == "mine"
    assert made.rows[0]["metadata_metadata_iso"] == "Portra 400"


def test_a_time_of_one_source_and_words_of_another_are_two_columns():
    days = {"dog": {"shot": "2024-03-01"}, "owl.v2": {"shot": "2024-03-02"}}
    made = joined_from({"cat": {"shot": "spring 1998"}}, {}, days)
    assert [row.get("shot") for row in made.rows] == [None, "2024-03-01", "2024-03-02"]
    assert made.rows[0]["metadata_shot"] == "spring 1998"
    assert "is a time in metadata.csv" in made.problems[0]


def test_single_values_beside_another_sources_lists_are_lists():
    made = joined_from({"cat": {"v": "x"}}, {}, {"dog": {"v": ["y", "z"]}})
    assert [row.get("v") for row in made.rows] == [["x"], ["y", "z"], None]
    assert made.problems == []


def test_folders_and_facts_are_columns_too():
    made = joined({}, width=160, camera=None)
    assert [row.get("folder") for row in made.rows] == [None, "sub", "sub"]
    assert {c.name: c.origin for c in made.columns} == {"folder": "folder", "width": "file"}


def test_a_table_has_every_column_in_its_type():
    made = joined({"cat": {"s": "a", "i": 1, "f": 1.5, "b": True, "ls": ["a"], "li": [1], "lb": [True]}})
    table = made.table(IDS)
    assert table.schema.names[0] == "id"
    row = table.to_pylist()[0]
    assert without_missing(row) == {
        "id": "cat.jpg", "s": "a", "i": 1, "f": 1.5, "b": True, "ls": ["a"], "li": [1], "lb": [True],
    }  # fmt: skip


def test_a_key_that_stands_twice_is_reported_and_the_last_one_counts():
    entries, problems = parse(b'{"cat": {"v": 1}, "cat": {"v": 2, "v": 3}}', source="m.json")
    assert entries == {"cat": {"v": 3}}
    assert len(problems) == 2
    assert all("is there twice" in problem and "m.json" in problem for problem in problems)


def test_an_entry_that_is_no_object_is_reported():
    entries, problems = parse(b'{"cat": {"v": 1}, "dog": 3, "owl": null}', source="m.json")
    assert list(entries) == ["cat"]
    assert "'dog'" in problems[0]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"[" * 100_000, b'{"a": {"b": 1,}}']
)
def test_what_is_no_metadata_is_an_error_that_names_the_file(data: bytes):
    with pytest.raises(ImagesError, match=r"the/metadata\.json") as raised:
        parse(data, source="the/metadata.json")
    assert "\n" not in str(raised.value)


def test_numbers_that_no_column_can_hold_are_reported():
    numbers = {"v": "NaN", "w": "1e400", "n": "-Infinity", "i": "1" * 5000, "ok": "1.5", "k": "7", "e": "1E2"}
    data = ('{"a": {' + ", ".join(f'"{key}": {text}' for key, text in numbers.items()) + "}}").encode()
    entries, problems = parse(data, source="metadata.json")
    assert entries["a"] == {"v": None, "w": None, "n": None, "i": None, "ok": 1.5, "k": 7, "e": 100.0}
    assert type(entries["a"]["k"]) is int
    assert "no column can hold the number(s) 'NaN', '1e400'" in problems[0]


def test_a_zero_with_an_endless_exponent_is_no_crash():
    text = b'{"a.jpg": {"v": 0.00000000000000000000e99999999999999999999, "w": 1}}'
    assert parse(text, source="m.json")[0] == {"a.jpg": {"v": None, "w": 1}}


def test_a_byte_order_mark_is_no_error():
    assert parse(b'\xef\xbb\xbf{"a": {}}', source="m")[0] == {"a": {}}


@pytest.mark.parametrize("depth", [100, 500, 900, 980, 990])
def test_deep_nesting_is_kept_or_refused_but_does_not_crash(depth: int):
    data = b'{"cat": {"v": ' + b"[" * depth + b"]" * depth + b', "w": 1}}'
    try:
        rows = joined(parse(data, source="m")[0]).rows
    except ImagesError:
        assert depth > 500
    else:
        assert rows[0]["w"] == 1


def test_a_value_nested_too_deeply_to_be_kept_is_an_error_that_names_its_key():
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ImagesError, match=r"metadata\.json: v of cat\.jpg is nested too deeply; flatten it"):
        joined({"cat": {"v": nested, "w": 1}})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
entry = st.dictionaries(
    st.text(max_size=6) | st.sampled_from(["width", "folder", "id", "#x"]), values, max_size=5
)


@settings(max_examples=150, deadline=None)
@given(st.lists(entry, min_size=1, max_size=5))
def test_any_json_gives_a_table(entries: list[dict[str, Any]]):
    ids = [f"f/{i}.jpg" for i in range(len(entries))]
    data = json.dumps({str(i): entry for i, entry in enumerate(entries)}).encode()
    parsed, _ = parse(data, source="m")
    source = Source.of_entries("metadata.json", parsed)
    made = join(ids, [{"width": 1, "format": "JPEG"}] * len(ids), [source])
    back = made.table(ids).to_pylist()
    for row, kept in zip(made.rows, back, strict=True):
        assert without_missing(row) == {k: v for k, v in without_missing(kept).items() if k != "id"}


def test_texts_and_numbers_of_one_column_are_all_numbers_or_all_texts():
    def values(*given: Any) -> list[Any]:
        ids = [f"{i}.jpg" for i in range(len(given))]
        made = join(
            ids, [{}] * len(ids), [Source.of_entries("m", {str(i): {"v": v} for i, v in enumerate(given)})]
        )
        return [row.get("v") for row in made.rows]

    assert values("5", 6, 7) == [5, 6, 7]
    assert values("5.5", 6) == [5.5, 6.0]
    assert values("A1", 17, "B2", 3) == ["A1", "17", "B2", "3"]
    assert values("007", 8, 9) == ["007", "8", "9"]
    assert values(["a"], ["b", "c"], [2], 3) == [["a"], ["b", "c"], ["2"], ["3"]]
    assert values("N/A", "N/A", "N/A", 7) == [None, None, None, 7]
    assert values("20240305123456789", 1) == [20240305123456789, 1]


@pytest.mark.parametrize("data", [b"file_name,iso\na.jpg,200\nb.jpg,Portra 400\nc.jpg,800\n"])
def test_what_a_table_says_of_a_column_of_the_files_is_parted_value_by_value(data: bytes):
    ids = ["a.jpg", "b.jpg", "c.jpg"]
    source = read_csv(data, name="metadata.csv", source="m")
    made = join(ids, [{"iso": 100}, {"iso": 400}, {}], [source])
    assert made.rows == [{"iso": 200}, {"iso": 400, "metadata_iso": "Portra 400"}, {"iso": 800}]
    assert "'metadata_iso'" in made.problems[0]


def test_a_time_among_words_is_that_time_where_the_files_have_times():
    ids = ["a.jpg", "b.jpg", "c.jpg"]
    entries = {
        "a": {"taken_at": "1998:05:01 08:00:00"},
        "b": {"taken_at": "spring"},
        "c": {"taken_at": "unknown"},
    }
    facts = [{"taken_at": "2024-03-01T08:00:00"}] * 2 + [{}]
    made = join(ids, facts, [Source.of_entries("m", entries)])
    assert [row.get("taken_at") for row in made.rows] == ["1998-05-01T08:00:00", "2024-03-01T08:00:00", None]
    assert [row.get("metadata_taken_at") for row in made.rows] == [None, "spring", "unknown"]
