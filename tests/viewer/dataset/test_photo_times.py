"""A photo belongs to the day that its own clock showed, in every chart and filter of the viewer."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from clipper.metadata.columns import FILE, Column, with_roles
from clipper.predicate.fields import Field, fields_of
from clipper.predicate.reading import read_predicate
from viewer.dataset.columns.binning import format_time
from viewer.dataset.columns.facets import ScaleFacet, column_facet
from viewer.dataset.columns.filters import filter_rows
from viewer.dataset.summary import time_bars

DAYS = [f"2024-03-{day:02d}" for day in range(1, 11)]
OFFSETS = ("", "+09:00", "Z", "-08:00", "+0530")
TAKEN = pd.Series([f"{day}T08:00:00{OFFSETS[i % len(OFFSETS)]}" for i, day in enumerate(DAYS)])


@pytest.fixture
def taken() -> ScaleFacet:
    (column,) = with_roles([Column("taken_at", "str", FILE)], pa.table({"taken_at": pa.array(TAKEN)}))
    assert column.role == "time"
    facet = column_facet(column, TAKEN)
    assert isinstance(facet, ScaleFacet)
    return facet


def test_each_day_has_its_photo_in_the_overview_and_in_the_histogram(taken: ScaleFacet):
    assert time_bars(TAKEN) == [[day, 1] for day in DAYS]
    assert [format_time(value) for value in taken.values.tolist()] == DAYS
    assert np.diff(taken.values).tolist() == [86_400] * 9


@pytest.mark.parametrize("offset", ["", "Z", "+09:00"])
def test_a_filter_that_is_typed_finds_the_photo_of_a_day(taken: ScaleFacet, offset: str):
    fields = fields_of([Field("taken_at", "time")])
    for row, day in enumerate(DAYS):
        for text in (f"taken_at = {day}", f"taken_at between {day}T08:00{offset} and {day}T08:00{offset}"):
            kept = filter_rows({"taken_at": taken}, read_predicate(text, fields), masks={})
            assert kept is not None
            assert np.flatnonzero(kept).tolist() == [row]
