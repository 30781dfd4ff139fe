"""The part of a dataset that is counted: what it is called, and which values stand out in it."""

import numpy as np
import pytest

from clipper.query_filter import AnyOf, InRange
from viewer.dataset.columns.facets import ScaleFacet, ValueFacet, scale_facet
from viewer.dataset.columns.filters import count_values, filter_rows
from viewer.dataset.columns.part import FLOOR, Part, over_representation, over_represented_first


def test_a_columns_own_filter_takes_nothing_from_its_own_counts() -> None:
    codes = np.array([0, 0, 1, 1, 2], np.int32)
    facets: dict[str, ValueFacet | ScaleFacet] = {
        "group": ValueFacet("group", ["a", "b"], codes, 5),
        "size": scale_facet("size", np.array([1.0, 2, 3, 4, np.nan])),
    }
    masks = {}
    kept = filter_rows(facets, {"group": AnyOf(("a",)), "size": InRange(2, None)}, masks=masks)
    within = np.array([True, True, True, False, True])
    counts = count_values(facets, masks, within)
    assert kept.tolist() == [False, True, False, False, False]
    assert counts["group"].tolist() == [1, 1, 0]
    assert (counts["size"].sum(), counts["size"][-1]) == (2, 0)
    assert count_values(facets, {}, within)["group"].tolist() == [2, 1, 1]
    assert count_values(facets, {})["group"].tolist() == [2, 2, 1]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(np.ones(4, bool), selected=4), "4 selected of 4"),
        (Part(np.arange(9) < 3, filtered=True), "Strong: what passes. Faint: all."),
        (Part(np.arange(2000) < 1500, limited=True), "1,500 of 2,000 are similar enough"),
        (Part(np.arange(9) < 3, 5, filtered=True), "3 of 5 selected pass the filters"),
        (Part(np.arange(9) < 3, 5, limited=True), "3 of 5 selected are similar enough"),
        (
            Part(np.arange(9) < 3, filtered=True, limited=True),
            "3 of 9 pass the filters and are similar enough",
        ),
    ],
)
def test_a_part_says_what_it_is(part: Part, words: str) -> None:
    assert part.caption == words


def test_a_value_of_one_image_does_not_win_against_many() -> None:
    whole = np.array([120, 1, 5, 874, 0])
    part = np.array([60, 1, 2, 37, 0])
    excess = over_representation(part, whole)
    assert excess[0] == pytest.approx((60 + FLOOR) / (12 + FLOOR))
    assert excess.argmax() == 0
    assert 1 < excess[1] < 1.5
    assert excess[4] == 1
    assert over_represented_first(part, whole, most=2).tolist() == [0, 2]
    assert over_represented_first(part, whole, most=20).tolist() == [0, 2, 1, 3]


def test_awkward_parts_are_ranked_without_nan() -> None:
    nothing = np.zeros(4, np.int64)
    assert over_representation(nothing, nothing).tolist() == [1.0] * 4
    assert over_represented_first(nothing, nothing, most=2).tolist() == [0, 1]
    assert over_represented_first(np.zeros(1, np.int64), np.zeros(1, np.int64), most=5).tolist() == []
    same = np.array([5, 5, 5, 5, 0])
    assert over_represented_first(same, same, most=3).tolist() == [0, 1, 2]
    assert over_represented_first(same, same, most=0).tolist() == []
