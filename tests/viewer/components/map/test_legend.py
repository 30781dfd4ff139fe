"""The words and figures beside the map: its legend and its queries' labels."""

import numpy as np
import pandas as pd
import pytest
from bokeh.plotting import figure

from clipper.query_syntax import parse
from viewer.components.map.legend import DENSITY, legend_view, toggle_view
from viewer.components.map.overlays import LABEL_LENGTH, QueryStars, label_extent, short_label
from viewer.dataset.columns.binning import format_number
from viewer.dataset.columns.colouring import (
    CATEGORY_DARK,
    column_colouring,
    uniform_colouring,
)
from viewer.dataset.geometry.viewport import Viewport
from viewer.dataset.image_words import format_short
from viewer.session.answers import Answer


def test_density_alone_has_no_legend() -> None:
    shown = legend_view(uniform_colouring(10), dark=True)
    assert shown["kind"] == "none"
    assert not shown["entries"]
    assert not shown["ramp"]
    assert not shown["chart"]


def test_the_folded_legend_still_tells_the_column_and_its_colours() -> None:
    groups = toggle_view(column_colouring("group", pd.Series(["a", "b", "a"]), kind="category"), dark=True)
    assert groups == {"label": "group", "colours": list(CATEGORY_DARK[:2]), "smooth": False}
    years = toggle_view(column_colouring("year", pd.Series([1.0, 2.0]), kind="number"), dark=False)
    assert (years["label"], years["smooth"]) == ("year", True)
    assert toggle_view(uniform_colouring(3), dark=True)["label"] == DENSITY


def test_a_querys_words_are_short_and_their_reach_is_known() -> None:
    assert short_label("red heart") == "red heart"
    assert len(short_label("x" * 300)) == LABEL_LENGTH
    assert label_extent("x" * 300) == label_extent("x" * LABEL_LENGTH) > label_extent("x")


def test_of_queries_on_one_another_the_newest_has_words() -> None:
    def query(text: str, x: float) -> Answer:
        return Answer(parse(text), np.array([3]), np.ones(1), x, 0.0, 0.1)

    fig, viewport = figure(), Viewport(0, 1000, -500, 500, width=1000, height=1000)
    queries = QueryStars(fig)
    history = [query("new", 100), query("beside it", 120), query("far", 600)]
    queries.show(history, history[0], dark=True)
    assert queries.arrange(viewport)
    queries.show(history, history[0], dark=True)
    assert sorted(queries.source.data["text"]) == ["", "far", "new"]
    assert not queries.arrange(viewport)
    assert queries.at(110, 25, viewport) is history[0]
    assert queries.at(120, 0, viewport) is history[1]  # its star
    closer = Viewport(0, 100, -50, 50, width=1000, height=1000)
    assert queries.arrange(closer)
    queries.show(history, history[1], dark=True)
    assert "" not in queries.source.data["text"]


@pytest.mark.parametrize(
    ("value", "text"), [(2024.0, "2024"), (0.6, "0.6"), (1234567.0, "1.23e+06"), (-3.14159, "-3.142")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert format_number(value) == text


def test_values_on_a_card_are_one_short_line() -> None:
    assert format_short(["a", "b"]) == "a, b"
    assert len(format_short("x" * 500)) == 60
