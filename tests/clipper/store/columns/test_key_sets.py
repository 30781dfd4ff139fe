import os
import pickle
from hashlib import blake2b

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.store.columns.keys import Keys, first_rows

# Hashes of few first halves: real ones hardly ever share theirs, and are told apart all the same.
HASHES = st.sets(
    st.builds(
        lambda half, rest: bytes([half]) * 8 + bytes([rest]) * 8, *[st.sampled_from([0, 1, 127, 255])] * 2
    )
)


@given(HASHES, HASHES)
def test_a_set_of_hashes_is_like_a_set_of_bytes(one: set[bytes], other: set[bytes]):
    ones, others = Keys.of(one), Keys.of(other)
    assert list(ones) == sorted(one)
    assert ones == one
    assert set(ones & others) == one & other
    assert set(ones - others) == set(ones - other) == set(one - others) == one - other
    assert set(ones | others) == one | other
    assert set(ones ^ others) == one ^ other
    assert (ones <= others) == (one <= other)
    assert [key in ones for key in other] == [key in one for key in other]
    assert ones.mask(sorted(other)).tolist() == [key in one for key in sorted(other)]
    assert [ones[at] for at in range(-len(one), len(one))] == 2 * sorted(one)


def test_hashes_are_taken_from_any_piece_of_a_column():
    keys = [os.urandom(16) for _ in range(9)]
    column = pa.array(keys, pa.binary(16))
    pieces = pa.chunked_array([column[4:6], column[:0], column[2:9]])
    assert list(Keys.of(pieces)) == sorted(keys[2:])
    assert Keys.of(column[3:5]).mask(column[2:6]).tolist() == [False, True, True, False]
    assert pa.array(Keys.of(column), pa.binary(16)).to_pylist() == sorted(keys)
    assert list(pickle.loads(pickle.dumps(Keys.of(column)))) == sorted(keys)  # noqa: S301 - as Dask sends it


def test_what_is_no_content_hash_is_in_no_set_and_makes_none():
    keys = Keys.of([bytes(16)])
    assert b"" not in keys
    assert "0" * 16 not in keys
    assert Keys.of([]) == set()
    assert keys != "0" * 16
    assert keys != {1}
    assert not Keys.of([]).mask([bytes(16)]).any()
    with pytest.raises(ValueError, match="16 bytes"):
        Keys.of([b"short", b"and one of 27 bytes, in all 32"[:27]])


def test_the_first_row_of_each_content_is_found():
    keys = [blake2b(letter.encode(), digest_size=16).digest() for letter in "abacab"]
    assert first_rows(pa.array(keys, pa.binary(16))).tolist() == [0, 1, 3]
