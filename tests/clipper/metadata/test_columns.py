"""A column's role: decided from its cells when it is written, or when it is read from an earlier Clipper."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.metadata.columns import FILE, Column, columns_of, with_roles
from clipper.metadata.values.types import arrow_type

# Texts of which Python or pandas read some as times, and not the same ones.
NEARLY_TIMES = (
    "2020-01-01", "2020-02-30", "2020-01-01T10:00", "2020-01-01 10:00:00", "2020-01-01T10:00:00Z",
    "2020-01-01T10:00:00+02:00", "2020-01-01T10:00:00+0200", "2020-01-01T10:00:00+02", "1800-01-01",
    "2020-01-01 10:00:00 +02:00", "2020-01-01 10:00:00 UTC", "2020-01-01T10:00:00.123456789", "2261-12-31",
    "2020-01-01T10:00:00,5", "2020-01-01T24:00", "2020-01-01T10:00 or so", "2020-01-01T10:00:60",
    "2020-01-01T10:00:00z", "2020-01-01T10:00:00.", "2020-01-01T10:00:00+02:00:30",
    "2020-01-01T10:00:00+25:00", "2020-01-01T10:00:0", " 2020-01-01", "2020", "0000-01-01", "٢٠٢٠-01-01",
)  # fmt: skip


def column(values: Sequence[Any], kind: str) -> Column:
    table = pa.table({"c": pa.array(values, arrow_type(kind))})
    return with_roles([Column("c", kind, FILE)], table)[0]


@pytest.mark.parametrize(
    ("values", "kind", "role"),
    [
        ([1, 2, None], "int", "number"),
        ([0.5], "float", "number"),
        ([True, None], "bool", "category"),
        ([["a", "b"], None], "list[str]", "list"),
        (["a", "b"] * 9, "str", "category"),
        (["a"] * 9, "str", "category"),
        ([f"name {i}" for i in range(100)], "str", "text"),
        ([f"class {i % 45}" for i in range(100)], "str", "category"),
        ([f"name {i}" for i in range(40)], "str", "category"),
        (["2019-02-03T10:00:00", "2020-05-01T00:00:00", None] * 50, "str", "time"),
        (["2019-02-03", "2020-05-01T00:00:00+02:00"], "str", "time"),
        (["0001-01-01", "9999-12-31"], "str", "time"),
        (["2019", "2020"] * 50, "str", "category"),
        (["2019-01-01 or so", "2020-01-01"] * 50, "str", "category"),
        (["2019-01-01"] * 9, "str", "category"),
        ([None, None], "str", "category"),
    ],
)
def test_a_columns_role_follows_from_its_type_and_its_values(values: list[Any], kind: str, role: str):
    assert column(values, kind).role == role


@pytest.mark.parametrize(("wrong", "role"), [(0, "time"), (9, "time"), (30, "text")])
def test_a_few_values_that_are_no_times_leave_a_column_of_times_one(wrong: int, role: str):
    days = pd.date_range("2001-01-01", periods=1000).strftime("%Y-%m-%d").to_list()
    days[1 : 5 * wrong : 5] = [f"no day {i}" for i in range(wrong)]
    assert column(days, "str").role == role


@given(st.lists(st.sampled_from(NEARLY_TIMES), min_size=2, max_size=6))
def test_pandas_reads_every_value_of_a_small_column_of_times(texts: list[str]):
    if column(texts, "str").role == "time":
        assert pd.to_datetime(pd.Series(texts), format="ISO8601", errors="coerce", utc=True).notna().all()


def test_values_are_counted_without_what_is_missing():
    numbers = column([3, 3, 4, None], "int")
    assert (numbers.filled, numbers.distinct) == (3, 2)
    lists = column([["a", "b"], ["b"], None], "list[str]")
    assert (lists.filled, lists.distinct) == (2, 2)
    close = column([2**60, 2**60 + 1], "int")  # one and the same as floats
    assert close.distinct == 2


def test_a_column_is_read_as_it_was_written():
    table = pa.table({"n": np.arange(9), "c": ["a", "b", "c"] * 3})
    written = with_roles([Column("n", "int", FILE, 9, "0"), Column("c", "str", "metadata.json")], table)
    entries = [vars(each) for each in written]

    def never() -> pa.Table:
        pytest.fail("the table is not needed")

    assert columns_of(entries, never) == written
    assert columns_of([{**entry, "of a later Clipper": 1} for entry in entries], never) == written


def test_a_column_of_an_earlier_clipper_gets_its_role_from_the_table():
    table = pa.table({"n": np.arange(9), "c": ["a", "b", "c"] * 3})
    early = [{"name": "n", "type": "int", "origin": "metadata"}, {"name": "c", "type": "str", "origin": "x"}]
    number, category = columns_of(early, lambda: table)
    assert (number.role, number.filled, number.distinct) == ("number", 9, 9)
    assert (category.role, category.filled, category.distinct) == ("category", 9, 3)


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (["a", "b"], "str", "text"),
        ([1, 2], "int", "integer"),
        ([0.5], "float", "number"),
        ([True], "bool", "yes or no"),
        ([["a"], ["b"]], "list[str]", "list of texts"),
        ([[1]], "list[int]", "list of integers"),
        (["2024-03-01", "2024-03-02T08:00:00+09:00"], "str", "time"),
    ],
)
def test_a_columns_type_is_said_in_words(values: list[Any], kind: str, words: str):
    assert column(values, kind).kind == words
