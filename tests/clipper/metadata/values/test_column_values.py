"""The values of a column: an Arrow array where they are of one kind, and none is lost or changed."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from joined_metadata import rows_of

from clipper.metadata.values.column_values import Values, columns_of, columns_of_json, in_order

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), SCALARS | st.lists(SCALARS, max_size=2)), max_size=12)


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what counts as missing."""
    plain = {
        name: [item for item in value if item is not None] if isinstance(value, list) else value
        for name, value in row.items()
    }
    return {name: value for name, value in plain.items() if _is_there(value)}


def _is_there(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_there, value))
    return value is not None and value not in (float("inf"), float("-inf"))


@given(ROWS)
def test_rows_become_columns_and_lose_nothing(rows: list[dict[str, Any]]):
    found = columns_of(rows)
    assert rows_of(found, len(rows)) == [whole(row) for row in rows]
    first_seen = list(dict.fromkeys(name for row in rows for name in whole(row)))
    assert list(found) == first_seen


def test_json_of_many_images_is_parsed_once_for_each_text_and_block():
    texts = [json.dumps({"width": width, "format": "JPEG"}) for width in (1, 2, 1, 1)]
    found = columns_of_json([pa.array(texts[:3]), pa.array(["{}", *texts[3:]])])
    assert rows_of(found, 5) == [*map(json.loads, texts[:3]), {}, json.loads(texts[3])]
    assert found["width"].kind == "int"
    assert columns_of_json([]) == {}


def test_values_of_one_kind_are_arrows_and_others_stay_as_they_are():
    at = np.arange(3)
    assert Values.of_list(at, [1, None, 2]).kind == "int"
    assert Values.of_list(at, [1, "x", 2**80]).cells == [1, "x", 2**80]
    assert Values.of_list(at, [[1], ["x"], [None]]).to_list() == [[1], ["x"]]
    for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.list_(pa.string())):
        values = [["a"], None, ["b"]] if pa.types.is_list(kind) else [1, None, 2]
        made = Values.of_arrow(at, pa.array(values, kind))
        assert made.at.tolist() == [0, 2]
        assert made.kind is not None
    large = Values.of_arrow(at, pa.array([1, 2**64 - 1, None], pa.uint64()))
    assert large.to_list() == [1, 2**64 - 1]


def test_values_of_two_origins_are_joined_by_image():
    ours, theirs = (
        Values.of_list(np.array([1, 4]), ["a", "b"]),
        Values.of_list(np.array([0, 1, 4]), [7, "a", 8]),
    )
    is_new, here, there = ours.split(theirs)
    assert is_new.tolist() == [True, False, False]
    assert (here.tolist(), there.tolist()) == ([1], [2])
    joined = ours.with_others(theirs.where(is_new))
    assert (joined.at.tolist(), joined.to_list()) == ([0, 1, 4], [7, "a", "b"])


def test_a_column_of_no_images_is_none():
    assert in_order({"bytes": Values.of_list(np.arange(0), [])}) == {}
