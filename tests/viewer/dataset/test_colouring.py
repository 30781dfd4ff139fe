"""Which columns colour the map, and the colours that they give."""

import numpy as np
import pandas as pd
import pytest
from fakes import column_of

from viewer.components.map.controls import _options
from viewer.components.map.legend import legend_view
from viewer.dataset.columns.colouring import (
    CATEGORY_DARK,
    CATEGORY_LIGHT,
    MAX_CATEGORIES,
    MISSING,
    NO_VALUE_CODE,
    OTHER,
    SIMILARITY,
    colour_kind,
    column_colouring,
    default_colour_column,
)
from viewer.dataset.dataset import Dataset
from viewer.session.state import ViewState
from viewer.theme import rgb, tokens

# Machado, Oliveira and Fernandes 2009, severity 1.0.
BLINDNESS = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def test_categories_are_ordered_by_count_with_others_and_missing_last() -> None:
    values = [f"v{i}" for i in range(30) for _ in range(40 - i)] + [None] * 5
    colours = column_colouring("c", pd.Series(values), kind="category")
    labels = [entry.label for entry in colours.entries]
    assert labels == [f"v{i}" for i in range(MAX_CATEGORIES)] + ["10 others", "No value"]
    assert sum(entry.count for entry in colours.entries) == len(values)
    assert colours.codes[-1] == MISSING
    assert colours.codes[values.index("v29")] == OTHER


def test_numbers_have_a_robust_range_and_know_what_is_missing() -> None:
    values = [*np.linspace(0, 1, 999), 1e9, np.nan]
    colours = column_colouring("n", pd.Series(values), kind="number")
    assert colours.high < 2
    assert colours.missing == 1
    assert colours.codes[-1] == NO_VALUE_CODE
    assert np.isnan(colours.values[-1])
    assert colours.codes[-2] == 254
    shown = legend_view(colours, dark=True)
    assert shown["kind"] == "number"
    assert shown["entries"] == [{"label": "No value", "count": 1, "colour": shown["entries"][0]["colour"]}]


def test_constant_and_empty_numbers_do_not_break() -> None:
    assert column_colouring("n", pd.Series([3.0, 3.0]), kind="number").low == 3
    assert column_colouring("n", pd.Series([], dtype=float), kind="number").missing == 0


def test_booleans_are_two_categories() -> None:
    shown = legend_view(column_colouring("b", pd.Series([True, False, True]), kind="category"), dark=False)
    assert [(entry["label"], entry["count"]) for entry in shown["entries"]] == [("Yes", 2), ("No", 1)]


def test_which_columns_can_colour() -> None:
    names = pd.Series([f"name {i}" for i in range(500)])
    assert colour_kind(column_of("c", names, "str")) is None
    assert colour_kind(column_of("c", pd.Series([["a"], ["b"]]), "list[str]")) is None
    assert colour_kind(column_of("c", pd.Series(["a"] * 9), "str")) is None
    assert colour_kind(column_of("c", pd.Series(["a", "b"] * 9), "str")) == "category"
    assert colour_kind(column_of("c", pd.Series([1, 2, 3]), "int")) == "number"
    assert colour_kind(column_of("c", pd.Series([True, False]), "bool")) == "category"
    many = column_of("many", pd.Series([str(i % 300) for i in range(3000)]), "str")
    few = column_of("few", pd.Series(["a", "b", "c"] * 1000), "str")
    assert [colour_kind(column) for column in (many, few)] == ["category", "category"]
    assert default_colour_column([many, few]) == "few"
    assert default_colour_column([column_of("n", pd.Series([1, 2]), "int")]) == ""


def _oklab(linear: np.ndarray) -> np.ndarray:
    lms = (
        linear
        @ np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        ).T
    )
    return (
        np.cbrt(np.clip(lms, 0, None))
        @ np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        ).T
    )


@pytest.mark.parametrize("palette", [CATEGORY_DARK, CATEGORY_LIGHT])
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_first_ten_colours_stay_apart_for_the_colour_blind(
    palette: tuple[str, ...], blindness: str
) -> None:
    look = tokens(dark=palette is CATEGORY_DARK)
    share = np.array([rgb(colour) for colour in (*palette[:10], look.neutral, look.absent)]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = _oklab(np.clip(linear @ np.array(BLINDNESS[blindness]).T, 0, 1))
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert apart[:10, :10][np.triu_indices(10, 1)].min() > 0.08
    assert apart[10:, :10].min() > 0.06  # rare values, and none
    assert apart[10, 11] > 0.08


def test_a_column_called_as_one_of_ours_does_not_hide_it(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    title = state.colour_choices[SIMILARITY]
    assert _options(state)["Search"] == {title: SIMILARITY}
    dataset.colour_kinds[title] = "category"
    dataset.atlas.columns[title] = dataset.atlas.columns["group"]
    try:
        groups = _options(state)
    finally:
        del dataset.colour_kinds[title], dataset.atlas.columns[title]
    assert groups["Search"] == {f"{title} (Clipper)": SIMILARITY}
