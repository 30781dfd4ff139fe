"""Viewport, point index, thumbnails' choice, colours and legend: pure data."""

import numpy as np
import pandas as pd
import pytest
from bokeh.plotting import figure
from fakes import column_of
from PIL import Image

from clipper.query_syntax import parse
from viewer.components.map.controls import _options
from viewer.components.map.legend import DENSITY, format_number, legend_view, toggle_view
from viewer.components.map.overlays import LABEL_LENGTH, QueryStars, label_extent, short_label
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
    uniform_colouring,
)
from viewer.dataset.dataset import Dataset, format_short
from viewer.dataset.geometry.spatial_index import BANDS, PointIndex
from viewer.dataset.geometry.viewport import PADDING, Viewport
from viewer.render.painter import RenderRequest, paint
from viewer.render.tiles import choose_tiles, place_tile
from viewer.session.answers import Answer
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


# -- viewport


@pytest.mark.parametrize(("width", "height"), [(1000, 200), (200, 1000), (640, 480)])
def test_fitted_viewport_holds_the_view_with_one_unit(width: int, height: int) -> None:
    fitted = Viewport.fitted((-3, 5, 0, 2), width=width, height=height)
    assert fitted.square
    assert fitted.x0 < -3 < 5 < fitted.x1
    assert fitted.y0 < 0
    assert fitted.y1 > 2
    tight = min((fitted.x1 - fitted.x0) / 8, (fitted.y1 - fitted.y0) / 2)
    assert tight == pytest.approx(PADDING)


def test_pixels_and_positions_are_inverse() -> None:
    view = Viewport(-1, 3, 2, 4, 400, 200)
    px, py = view.pixels(np.array([0.5]), np.array([2.5]))
    assert view.position(float(px[0]), float(py[0])) == pytest.approx((0.5, 2.5))
    assert view.pixels(np.array([-1]), np.array([4]))[1][0] == 0


def test_unequal_units_are_noticed() -> None:
    assert not Viewport(0, 10, 0, 10, 400, 200).square


@pytest.mark.parametrize(
    ("width", "height", "valid"),
    [(5120, 2880, True), (8192, 8192, False), (10**7, 8, False), (500, 4, False)],
)
def test_only_what_fits_a_screen_is_drawn(width: int, height: int, valid: bool) -> None:
    assert Viewport(0, width, 0, height, width, height).valid is valid


# -- points


def test_within_and_nearest_agree_with_a_plain_scan() -> None:
    rng = np.random.default_rng(1)
    xy = rng.normal(size=(5000, 2)).astype(np.float32)
    index = PointIndex.build(xy)
    box = (-0.3, 0.4, -1.0, 0.1)
    inside = (xy[:, 0] >= -0.3) & (xy[:, 0] <= 0.4) & (xy[:, 1] >= -1.0) & (xy[:, 1] <= 0.1)
    assert set(index.order[index.inside(box)]) == set(np.flatnonzero(inside))
    assert index.nearest(0.2, -0.2, radius=0.5) == np.argmin(((xy - [0.2, -0.2]) ** 2).sum(1))
    assert index.nearest(50, 50, radius=1) is None
    assert (index.order[index.rank] == np.arange(5000)).all()


@pytest.mark.parametrize("xy", [np.zeros((0, 2)), np.zeros((1, 2)), np.ones((9, 2)), [[0, 0], [1e6, -1e6]]])
def test_odd_point_sets_are_indexed(xy: object) -> None:
    index = PointIndex.build(np.asarray(xy, np.float32))
    assert len(index.inside((-2e6, 2e6, -2e6, 2e6))) == len(index)


def test_bands_hold_every_point_of_a_box_and_no_other() -> None:
    rng = np.random.default_rng(4)
    xy = rng.normal(size=(3000, 2)).astype(np.float32)
    box = (-1.0, 1.5, -2.0, 1.0)
    bands = np.array(PointIndex.build(xy).bands(box))
    inside = xy[(xy[:, 0] >= -1) & (xy[:, 0] <= 1.5) & (xy[:, 1] >= -2) & (xy[:, 1] <= 1)]
    held = (inside[:, :1] >= bands[:, 0]) & (inside[:, :1] <= bands[:, 1])
    held &= (inside[:, 1:] >= bands[:, 2]) & (inside[:, 1:] <= bands[:, 3])
    assert held.sum(1).tolist() == [1] * len(inside)
    assert len(bands) == BANDS
    assert bands[:, 1].max() == inside[:, 0].max()
    assert (bands[:, 3] - bands[:, 2]).max() <= 3 / BANDS + 1e-6


@pytest.mark.parametrize("xy", [np.zeros((0, 2)), np.full((2, 2), 7.0)])
def test_a_box_without_points_has_no_bands(xy: np.ndarray) -> None:
    assert PointIndex.build(xy.astype(np.float32)).bands((-1, 1, -1, 1)) == []


# -- thumbnails on the map


def test_chosen_images_stay_when_panning_and_zooming_in() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 8, (2, 400))
    priority, hit = rng.random(400), np.zeros(400, bool)

    def shown(view: Viewport) -> set[int]:
        return {choice.at for choice in choose_tiles(x, y, priority, hit, view).choices}

    first = Viewport(1, 7, 1, 7, 600, 600)
    inner = (x > 2) & (x < 6) & (y > 2) & (y < 6)
    kept = {at for at in shown(first) if inner[at]}
    assert len(kept) > 10
    assert kept <= shown(Viewport(1.3, 7.3, 0.9, 6.9, 600, 600))
    assert kept <= shown(Viewport(2, 6, 2, 6, 600, 600))


def test_crowded_views_have_no_thumbnails_but_for_results() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 8, (2, 20_000))
    priority, hit = rng.random(20_000), np.zeros(20_000, bool)
    view = Viewport(0, 8, 0, 8, 600, 600)
    assert not choose_tiles(x, y, priority, hit, view).choices
    few = Viewport(0, 8, 0, 8, 600, 600)
    hit[:3], priority[:3] = True, [-3, -2, -1]
    close = (x < 8) & (np.arange(20_000) < 1500)
    chosen = choose_tiles(x[close], y[close], priority[close], hit[close], few)
    assert {choice.at for choice in chosen.choices} <= {0, 1, 2}
    assert chosen.legible == 0


@pytest.mark.parametrize("aspect", [0.1, 0.75, 1.0, 1.6, 9.0])
def test_a_thumbnail_stays_in_its_cell(aspect: float) -> None:
    chosen = choose_tiles(
        np.array([0.99]), np.array([0.01]), np.ones(1), np.zeros(1, bool), Viewport(0, 8, 0, 8, 600, 600)
    )
    choice = chosen.choices[0]
    cx, cy, width, height = place_tile(choice, 74.25, 599.0, aspect)
    assert abs(cx - choice.cx) + width / 2 <= choice.cell / 2
    assert abs(cy - choice.cy) + height / 2 <= choice.cell / 2


def test_painting_a_dataset_shows_tiles_only_when_zoomed_in(dataset: Dataset) -> None:
    first = Viewport.fitted(dataset.view, width=500, height=400)
    assert not paint(RenderRequest(dataset, first, "group", dark=True)).tiles
    x, y = map(float, dataset.atlas.xy[0])
    near = paint(
        RenderRequest(dataset, Viewport(x - 0.25, x + 0.25, y - 0.2, y + 0.2, 500, 400), "group", dark=True)
    )
    assert near.tiles
    row, cx, cy, *_ = near.tiles[0]
    assert near.tile_at(cx, cy)[0] == row == near.tile_of(row)[0]
    assert near.tile_at(-50, -50) is None


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_coarse_and_a_sharp_picture_show_the_same_in_the_same_places(
    dataset: Dataset, scale: float
) -> None:
    x, y = map(float, dataset.atlas.xy[0])
    request = RenderRequest(
        dataset, Viewport(x - 0.25, x + 0.25, y - 0.2, y + 0.2, 500, 400), "group", dark=True
    )
    plain, other = paint(request), paint(request, scale)
    assert other.tiles == plain.tiles
    assert other.viewport == plain.viewport
    assert other.pixels.shape == (400 * scale, 500 * scale, 4)
    pictures = [p.pixels[..., :3] for p in (plain, other)]
    alike = [np.asarray(Image.fromarray(p).resize((125, 100), Image.Resampling.BOX), float) for p in pictures]
    assert np.abs(alike[0] - alike[1]).mean() < 4


def test_results_get_the_thumbnails_first(dataset: Dataset) -> None:
    hits = np.array([7, 3])
    view = Viewport.fitted(dataset.view, width=500, height=400)
    picture = paint(RenderRequest(dataset, view, "group", dark=False, hits=hits))
    assert {tile[0] for tile in picture.tiles} <= {7, 3}
    assert picture.tile_of(7)


# -- colours and legend


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


@pytest.mark.parametrize(
    ("value", "text"), [(2024.0, "2024"), (0.6, "0.6"), (1234567.0, "1.23e+06"), (-3.14159, "-3.142")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert format_number(value) == text


def test_values_on_a_card_are_one_short_line() -> None:
    assert format_short(["a", "b"]) == "a, b"
    assert len(format_short("x" * 500)) == 60


def test_a_column_called_as_one_of_ours_does_not_hide_it(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    title = state.colour_choices[SIMILARITY]
    before = _options(state)
    assert before[title] == SIMILARITY
    dataset.colour_kinds[title] = "category"
    try:
        options = _options(state)
    finally:
        del dataset.colour_kinds[title]
    assert options[title] == title
    assert options[f"{title} (Clipper)"] == SIMILARITY
