import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.columns import (
    binaries,
    booleans,
    decode_name,
    encode_name,
    integers,
    json_rows,
    numbers,
    rows_of,
    truths,
)
from clipper.hashing import digest

NAMES = st.lists(st.text(st.characters(categories=["L", "N", "P", "Cc", "Cs", "S"]), max_size=5), max_size=9)


@given(NAMES)
def test_names_are_kept_and_sorted_as_python_does_whatever_is_in_them(names: list[str]):
    encoded = [encode_name(name) for name in names]
    assert [decode_name(name) for name in sorted(encoded)] == sorted(names)
    assert binaries(encoded).to_pylist() == encoded


@given(NAMES)
def test_a_digest_of_columns_is_that_of_the_same_rows(names: list[str]):
    keys = [os.urandom(16) for _ in names]
    sizes = [-len(name) for name in names]
    ids, hashes = binaries([encode_name(name) for name in names]), pa.array(keys, pa.binary(16))
    rows = [(name, key.hex(), size, None) for name, key, size in zip(names, keys, sizes, strict=True)]
    assert digest("x", json_rows(ids, hashes, integers(sizes), None), {"a": 1}) == digest("x", rows, {"a": 1})
    assert digest(json_rows(hashes)) == digest([key.hex() for key in keys])
    assert digest(json_rows(ids[1:], hashes[1:])) == digest([row[:2] for row in rows[1:]])


def test_a_digest_of_more_rows_than_a_piece_has_is_that_of_all():
    values = list(range((1 << 16) + 1))
    assert digest(json_rows(integers(values))) == digest(values)
    assert digest(json_rows(integers(values[:-1]))) == digest(values[:-1])


@pytest.mark.parametrize("start", [0, 1, 7, 8, 11])
def test_numbers_and_truths_come_back_from_any_piece_of_a_column(start: int):
    values, flags = np.arange(12), np.arange(12) % 3 == 0
    assert numbers(integers(values)[start:]).tolist() == values[start:].tolist()
    assert truths(booleans(flags)[start:]).tolist() == flags[start:].tolist()
    assert truths(pa.chunked_array([booleans(flags)[start:], booleans(flags)])).tolist() == [
        *flags[start:].tolist(),
        *flags.tolist(),
    ]


def test_rows_are_found_by_their_values():
    known = pa.array(["b", "a", "c"], pa.large_string())
    assert rows_of(pa.array(["c", "x", "b"], pa.large_string()), known).tolist() == [2, -1, 0]
    assert rows_of(known, known).tolist() == [0, 1, 2]
    assert rows_of(known[:0], known).tolist() == []
    assert rows_of(known, known[:0]).tolist() == [-1, -1, -1]
