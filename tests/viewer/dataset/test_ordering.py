"""The order of images in a list."""

import numpy as np
import pandas as pd
import pytest
from fakes import column_of

from viewer.dataset.columns.facets import (
    Facet,
    column_facet,
    list_facet,
    scale_facet,
    text_facet,
    value_facet,
)
from viewer.dataset.columns.ordering import SortKey, first_codes, order_rows, sort_key
from viewer.dataset.geometry.curve import curve_positions

ROWS = np.arange(5)


def sorted_by(facet: Facet, *, ascending: bool = True) -> list[int]:
    return order_rows(ROWS, values=sort_key(facet).values, ascending=ascending).tolist()


def test_numbers_sort_by_value_and_rows_without_one_come_last_either_way() -> None:
    facet = scale_facet("size", np.array([3.0, np.nan, 1.0, 3.0, 2.0]))
    assert sorted_by(facet) == [2, 4, 0, 3, 1]
    assert sorted_by(facet, ascending=False) == [0, 3, 4, 2, 1]
    assert [sort_key(facet).text_of(row) for row in (2, 1)] == ["1", ""]


def test_categories_and_texts_sort_by_the_alphabet_whatever_the_case() -> None:
    groups = value_facet("group", pd.Series(["pear", "Apple", None, "banana", "fig"]))
    assert sorted_by(groups) == [1, 3, 4, 0, 2]
    assert sorted_by(text_facet("name", pd.Series(["b", None, "C", "a", "A"]))) == [3, 4, 0, 2, 1]


def test_of_several_values_the_commonest_counts() -> None:
    facet = list_facet("tags", pd.Series([["x", "y"], ["y"], [], ["z", "y"], ["x"]]))
    assert facet.labels == ["y", "x", "z"]
    assert first_codes(facet).tolist() == [0, 0, 3, 0, 1]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_many_rows_and_few_have_the_same_order(share: float, ascending: bool) -> None:
    random = np.random.default_rng(0)
    values = np.where(random.random(1000) < 0.1, np.nan, random.integers(0, 50, 1000))
    rows = np.flatnonzero(random.random(1000) < share)
    found = SortKey(values).sorted(rows, ascending=ascending)
    assert found.tolist() == order_rows(rows, values=values, ascending=ascending).tolist()


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_integers_sort_to_the_last_digit_and_rows_without_one_come_last_either_way(share: float) -> None:
    ends = [-(2**63), 2**63 - 1, 20240305123456789, 20240305123456790, None, 0]
    cells = pd.Series([*ends, *[7] * 94], dtype="Int64")
    facet = column_facet(column_of("n", cells, "int"), cells)
    assert facet is not None
    rows = np.arange(6) if share < 1 else np.arange(100)
    for ascending in (True, False):
        found = sort_key(facet).sorted(rows, ascending=ascending).tolist()
        known = [row for row in rows.tolist() if not pd.isna(cells[row])]
        order = sorted(known, key=lambda row: cells[row] if ascending else -int(cells[row]))
        assert found == [*order, 4]


def test_groups_come_one_after_the_other_and_keep_the_order_within() -> None:
    values, groups = np.array([1.0, 5.0, 3.0, 2.0, 4.0]), np.array([1, 0, 1, 0, 0])
    assert order_rows(ROWS, values=values, groups=groups).tolist() == [1, 4, 3, 2, 0]
    assert order_rows(ROWS[::-1], values=None, groups=groups).tolist() == [4, 3, 1, 2, 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points_have_an_order_on_the_map_too(n: int) -> None:
    assert len(curve_positions(np.zeros((n, 2), np.float32))) == n


def test_the_walk_over_the_map_goes_from_neighbor_to_neighbor() -> None:
    side = 64
    grid = np.array([(x, y) for x in range(side) for y in range(side)], np.float64)
    order = np.argsort(curve_positions(grid), kind="stable")
    steps = np.abs(np.diff(grid[order], axis=0)).sum(1)
    assert np.mean(steps) < 1.2
    assert len(np.unique(curve_positions(grid))) == side * side
