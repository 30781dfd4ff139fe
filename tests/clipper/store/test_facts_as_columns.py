"""Facts and measures of many contents are read as columns: one value each, in the order that is asked for."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clipper.errors import StoreError
from clipper.images.picture.measures import MEASURES
from clipper.store import facts
from clipper.store.home import Home
from clipper.store.shards import KEY


def hashes(*numbers: int) -> pa.Array:
    return pa.array([number.to_bytes(16, "big") for number in numbers], pa.binary(16))


def test_facts_are_columns_in_the_order_of_the_contents_that_are_asked_for(tmp_path: Path):
    known = facts.store(Home(tmp_path))
    of = {
        1: {"width": 1, "iso": 100},
        2: {"width": 2, "_converted": True},
        3: {"width": 3, "taken_at": "2024"},
    }
    for number, said in of.items():
        row = facts.row(hashes(number)[0].as_py(), facts=json.dumps(said), reason=None, limits="10/10")
        known.append([row])
    failed = facts.row(hashes(3)[0].as_py(), facts=None, reason="too large", limits="1/1")
    known.append([failed])
    found = facts.read_columns(known, hashes(3, 1, 2, 3))
    assert {name: (values.at.tolist(), values.to_list()) for name, values in found.items()} == {
        "width": ([0, 1, 2, 3], [3, 1, 2, 3]),
        "taken_at": ([0, 3], ["2024", "2024"]),
        "iso": ([1], [100]),
    }
    assert facts.read_columns(known, hashes()) == {}
    with pytest.raises(StoreError, match="clipper index"):
        facts.read_columns(known, hashes(1, 4))


def test_a_content_that_was_not_measured_has_no_measures(tmp_path: Path):
    measures = facts.measures_store(Home(tmp_path))
    assert np.isnan(facts.read_measures(measures, hashes(1))[MEASURES[0]]).all()
    values = dict(zip(MEASURES, range(len(MEASURES)), strict=True))
    measures.append([
        {KEY: hashes(2)[0].as_py(), facts.MEASURES: json.dumps(values)},
        {KEY: hashes(5)[0].as_py(), facts.MEASURES: None},
    ])  # fmt: skip
    found = facts.read_measures(measures, hashes(5, 2, 9))
    assert list(found) == list(MEASURES)
    for number, name in enumerate(MEASURES):
        assert found[name].dtype == np.float32
        assert found[name].tolist()[1] == number
        assert np.isnan(found[name][[0, 2]]).all()
