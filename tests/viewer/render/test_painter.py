"""Which thumbnails a picture of the map shows, and where."""

import numpy as np
import pytest
from PIL import Image

from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import RenderRequest, paint
from viewer.render.placing import QueryMark
from viewer.render.tiles import choose_tiles, move_off, place_tile


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


def test_the_star_of_a_query_is_never_on_the_face_of_its_best_image(dataset: Dataset) -> None:
    x, y = map(float, dataset.atlas.xy[7])
    mark = QueryMark(x, y, 40.0, 38.0, 13.0)
    for zoom in (1, 6, 40):
        unit = Viewport.fitted(dataset.view, width=500, height=400).units_per_pixel / zoom
        view = Viewport(x - 250 * unit, x + 250 * unit, y - 200 * unit, y + 200 * unit, 500, 400)
        hits = np.array([7])
        picture = paint(RenderRequest(dataset, view, "group", dark=True, hits=hits, query_marks=(mark,)))
        _row, cx, cy, width, height = picture.tile_of(7)
        assert not (abs(cx - 250) < width / 2 + 13 and abs(cy - 200) < height / 2 + 13)


def test_a_thumbnail_moves_the_shortest_way_off_a_box() -> None:
    box = (100.0, 200.0, 100.0, 120.0)
    assert move_off((150.0, 95.0, 40.0, 40.0), [box]) == (150.0, 79.0, 40.0, 40.0)
    assert move_off((205.0, 110.0, 40.0, 40.0), [box]) == (221.0, 110.0, 40.0, 40.0)
    assert move_off((300.0, 110.0, 40.0, 40.0), [box]) == (300.0, 110.0, 40.0, 40.0)
