"""Conditions on columns that Chroma does not have: they mean what they mean elsewhere."""

from typing import Any

import pyarrow as pa
import pytest

from clipper.errors import ClipperError
from clipper.metadata.columns import Column
from clipper.metadata.matching import match_cells
from clipper.query_filter import parse_condition

CELLS = {
    "word": ("str", pa.chunked_array([["cat", None], ["dog", "Cat face"]], pa.string())),
    "score": ("float", pa.chunked_array([[0.5, None, 1.0, 2.0]])),
    "apart": ("bool", pa.chunked_array([[True, False, None, True]])),
    "issues": ("list[str]", pa.chunked_array([[["dark"], None, ["dark", "tiny"], []]])),
}


@pytest.mark.parametrize(
    ("name", "written", "rows"),
    [
        ("word", "cat", [0]),
        ("word", {"$in": ["cat", "dog"]}, [0, 2]),
        ("word", {"values": ["cat", None]}, [0, 1]),
        ("word", {"except": ["cat"]}, [1, 2, 3]),
        ("word", {"except": ["cat", None]}, [2, 3]),
        ("word", {"text": "CAT"}, [0, 3]),
        ("score", {"$gte": 1}, [2, 3]),
        ("score", {"range": [0.5, 1]}, [0, 2]),
        ("score", {"range": [None, 0.7], "missing": True}, [0, 1]),
        ("score", {"values": ["0.5"]}, [0]),
        ("apart", True, [0, 3]),
        ("apart", {"values": ["No"]}, [1]),
        ("issues", {"$contains": "tiny"}, [2]),
        ("issues", {"values": ["dark"]}, [0, 2]),
        ("issues", {"$not_contains": "dark"}, [1, 3]),
        ("issues", {"values": [None]}, [1]),
    ],
)
def test_a_condition_passes_the_rows_it_means(name: str, written: Any, rows: list[int]):
    kind, cells = CELLS[name]
    condition = parse_condition(written)
    assert condition is not None
    found = match_cells(Column(name, kind, "insight"), cells, condition)
    assert found.nonzero()[0].tolist() == rows
    none = match_cells(Column(name, kind, "insight"), cells.slice(0, 0), condition)
    assert none.shape == (0,)


@pytest.mark.parametrize(
    ("name", "written"),
    [("word", {"$gte": 1}), ("word", 3), ("score", {"text": "1"}), ("score", {"values": ["one"]})],
)
def test_a_condition_that_a_column_cannot_have_is_told(name: str, written: Any):
    kind, cells = CELLS[name]
    condition = parse_condition(written)
    assert condition is not None
    with pytest.raises(ClipperError):
        match_cells(Column(name, kind, "insight"), cells, condition)
