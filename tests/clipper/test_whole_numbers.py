"""Integers are the same, to the last of 64 bits, wherever an atlas shows, filters or exports them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from homes import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_metadata import join

import clipper
from clipper.atlas import Atlas
from clipper.atlas.exports import select
from clipper.errors import ClipperError
from clipper.export.drawing.colours import colour_by
from clipper.export.formats.folders import csv_text
from clipper.export.page.data import columns as page_columns
from clipper.metadata.columns import Column, with_roles
from clipper.metadata.entries import Source
from clipper.metadata.matching import match_cells
from clipper.metadata.sources import read
from clipper.metadata.values.integers import as_offsets, to_frame
from clipper.predicate.fields import Field, fields_of
from clipper.predicate.reading import read_predicate
from clipper.query_filter import AnyOf, InRange, as_where, parse_condition, to_link

ONE, NEXT = 20240305123456789, 20240305123456790
LEAST, MOST = -(2**63), 2**63 - 1
BATCH = [ONE, NEXT, None, LEAST, MOST, 0]
DAYS = [ONE, NEXT, ONE, None, NEXT + 1, None]
NAMES = [f"{number}.png" for number in range(6)]
int64 = st.one_of(st.integers(LEAST, MOST), st.sampled_from([LEAST, MOST, ONE, NEXT, 2**53, 2**53 + 1, 0]))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Atlas]:
    folder = tmp_path_factory.mktemp("integers") / "pictures"
    for name, colour in zip(NAMES, ("red", "lime", "blue", "white", "black", "yellow"), strict=True):
        draw(folder / name, colour)
    entries = {
        name: {
            **({} if batch is None else {"batch": batch}),
            **({} if day is None else {"day": day}),
            "ids": [ONE, NEXT][: number + 1],
        }
        for number, (name, batch, day) in enumerate(zip(NAMES, BATCH, DAYS, strict=True))
    }
    (folder / "metadata.json").write_text(json.dumps(entries))
    return clipper.index(folder, home=folder.parent / "home", model=str(model_folder), progress=False)


def passing(atlas: Atlas, where: Any) -> list[int]:
    found = atlas.search("red", k=6, where=where)
    return sorted(NAMES.index(image_id) for image_id in found["id"])


def test_python_has_every_integer_and_a_gap_is_no_number(atlas: Atlas):
    assert atlas.metadata["batch"].dtype == pd.Int64Dtype()
    assert [None if pd.isna(number) else number for number in atlas.metadata["batch"]] == BATCH
    assert atlas.metadata["ids"].tolist()[1] == [ONE, NEXT]
    places = atlas.axes("column:batch", "column:day")
    assert [None if pd.isna(number) else number for number in places["x"]] == BATCH
    assert [None if pd.isna(number) else number for number in places["y"]] == DAYS


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (f"batch = {ONE}", [0]),
        (f"batch = {ONE}.0", [0]),
        (f"batch > {ONE}", [1, 4]),
        (f"batch < {NEXT}", [0, 3, 5]),
        (f"batch between {ONE} and {NEXT}", [0, 1]),
        (f"batch = {LEAST}", [3]),
        (f"batch >= {MOST}", [4]),
        (f"batch <= {MOST + 1}", [0, 1, 3, 4, 5]),
        (f"batch > {MOST}", []),
        ("batch is missing", [2]),
        (f"ids contains {NEXT}", [1, 2, 3, 4, 5]),
        ({"batch": ONE}, [0]),
        ({"batch": np.int64(NEXT)}, [1]),
        ({"batch": {"$gte": np.int64(NEXT)}}, [1, 4]),
        ({"batch": {"range": [NEXT, None]}}, [1, 4]),
        ({"batch": {"range": [str(NEXT), str(NEXT)]}}, [1]),
        ({"batch": {"range": [float(ONE), 2.0**80]}}, [0, 1, 4]),  # the float is 20240305123456788
        ({"batch": {"range": [MOST + 1, None]}}, []),
        ({"ids": {"values": [str(NEXT)]}}, [1, 2, 3, 4, 5]),
    ],
)
def test_filters_tell_neighbours_apart(atlas: Atlas, where: Any, rows: list[int]):
    assert passing(atlas, where) == rows


def test_exports_have_every_digit(atlas: Atlas, tmp_path: Path):
    for kind in ("csv", "parquet", "imagefolder", "coco", "fiftyone"):
        atlas.export(tmp_path / kind, format=kind)
    assert pq.read_table(tmp_path / "parquet")["batch"].to_pylist() == BATCH
    cells = [row["batch"] for row in csv.DictReader((tmp_path / "csv").open())]
    assert [int(cell) if cell else None for cell in cells] == BATCH
    lines = [json.loads(line) for line in (tmp_path / "imagefolder/metadata.jsonl").read_text().splitlines()]
    assert [line.get("batch") for line in lines] == BATCH
    images = json.loads((tmp_path / "coco/annotations.json").read_text())["images"]
    assert [image["attributes"].get("batch") for image in images] == BATCH
    samples = json.loads((tmp_path / "fiftyone/samples.json").read_text())["samples"]
    assert [sample.get("batch") for sample in samples] == BATCH


def test_a_drawn_map_and_a_page_tell_neighbours_apart(atlas: Atlas):
    engine = atlas._engine
    colours = colour_by(engine, "day")
    assert colours.texts == (str(ONE), str(NEXT + 1))
    assert len(set(colours.codes[[0, 1, 4]].tolist())) == 3
    charts = {about["name"]: about for about, _ in page_columns(engine, select(engine))}
    assert (charts["day"]["edges"][0], charts["day"]["edges"][-1]) == (str(ONE), str(NEXT + 1))
    assert len(charts["day"]["bins"]) == 25
    json.dumps(charts["batch"], allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.none(), int64), min_size=1, max_size=12).filter(
        lambda found: any(number is not None for number in found)
    ),
    st.sampled_from(["metadata.json", "metadata.jsonl", "metadata.csv", "metadata.parquet"]),
    st.data(),
)
def test_integers_go_round_from_a_file_to_frames_filters_and_exports(
    numbers: list[int | None], kind: str, data: st.DataObject
):
    column, table = indexed(numbers, kind)
    cells = table["n"]
    assert (column.type, column.role, cells.to_pylist()) == ("int", "number", numbers)

    series = to_frame(table)["n"]
    assert [None if pd.isna(number) else int(number) for number in series] == numbers

    end, other = data.draw(int64), data.draw(st.sampled_from([n for n in numbers if n is not None]))
    low, high = sorted((end, other))
    known = Field("n", "number", whole=True)
    for written, test in [
        (f"n = {other}", lambda n: n == other),
        (f"n >= {low}", lambda n: n >= low),
        (f"n > {low}", lambda n: n > low),
        (f"n < {high}", lambda n: n < high),
        (f"n between {low} and {high}", lambda n: low <= n <= high),
    ]:
        condition = read_predicate(written, fields_of([known]))["n"]
        linked = parse_condition(json.loads(json.dumps(to_link(condition))))
        assert linked == condition
        found = match_cells(column, cells, condition)
        assert found.tolist() == [n is not None and test(n) for n in numbers], written
        where = as_where({"n": to_link(condition)}, {"n": "int"})
        for part in where.get("$and", [where]):
            ((_, operand),) = part["n"].items()
            assert LEAST <= operand <= MOST
    assert match_cells(column, cells, AnyOf((other,))).tolist() == [n == other for n in numbers]
    assert not match_cells(column, cells, AnyOf((MOST + 1,))).any()

    again = list(csv.reader(io.StringIO(csv_text([[n] for n in numbers if n is not None]))))
    assert [int(cell) for (cell,) in again] == [n for n in numbers if n is not None]
    assert json.loads(json.dumps(numbers)) == numbers


def indexed(numbers: list[int | None], kind: str) -> tuple[Column, pa.Table]:
    """Read and join one column from a file of a kind; return it as an index has it."""
    ids = [f"{row}.png" for row in range(len(numbers))]
    joined = join(ids, [{} for _ in ids], [source_of(dict(zip(ids, numbers, strict=True)), kind)])
    assert joined.problems == []
    table = joined.table(ids)
    (column,) = (one for one in with_roles(joined.columns, table) if one.name == "n")
    return column, table


def source_of(numbers: dict[str, int | None], kind: str) -> Source:
    if kind == "metadata.parquet":
        buffer = io.BytesIO()
        pq.write_table(
            pa.table({"file_name": [*numbers], "n": pa.array(numbers.values(), pa.int64())}), buffer
        )
        data = buffer.getvalue()
    elif kind == "metadata.csv":
        data = csv_text([["file_name", "n"], *numbers.items()]).encode()
    elif kind == "metadata.json":
        data = json.dumps({name: {"n": number} for name, number in numbers.items()}).encode()
    else:
        lines = [json.dumps({"file_name": name, "n": number}) for name, number in numbers.items()]
        data = "\n".join(lines).encode()
    return read(kind, data, location=kind, max_bytes=10**9)


@given(st.lists(int64, min_size=1, max_size=20), st.data())
def test_offsets_keep_the_order_and_tell_neighbours_apart(numbers: list[int], data: st.DataObject):
    missing = np.array([data.draw(st.booleans()) for _ in numbers], bool)
    offsets, base = as_offsets(np.array(numbers, np.int64), missing)
    assert np.isnan(offsets).tolist() == missing.tolist()
    known = [(n, at) for n, at, none in zip(numbers, offsets.tolist(), missing, strict=True) if not none]
    if base or all(abs(n) < 2**53 for n, _ in known):
        assert [base + int(at) for _, at in known] == [n for n, _ in known]
    ordered = sorted(known)
    assert [at for _, at in ordered] == sorted(at for _, at in ordered)


def test_the_ends_of_a_range_of_floats_may_be_integers_between_two_floats():
    cells = pa.chunked_array([[2.0**53, 2.0**53 + 2, None]])
    column = with_roles([Column("n", "float", "file")], pa.table({"n": cells}))[0]
    for condition, found in [
        (InRange(2**53 + 1, None), [False, True, False]),
        (InRange(None, 2**53 + 1), [True, False, False]),
        (InRange(2**53 + 1, 2**53 + 1), [False, False, False]),
    ]:
        assert match_cells(column, cells, condition).tolist() == found
    with pytest.raises(ClipperError):
        match_cells(column, cells, AnyOf(("cat",)))
