"""After a query the best results lie around its mark, as long as they would cover each other elsewhere."""

import numpy as np
import pytest
from fakes import clustered
from test_overview import boxes, overview_of, seen, touching

from viewer.components.map.camera import read_boxes
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import RenderRequest, paint
from viewer.render.placing import Placed, QueryMark, place


@pytest.fixture(scope="module")
def crowded() -> Dataset:
    return Dataset(clustered(20_000, groups=9, parts=4))


def nearest(dataset: Dataset, x: float, y: float, n: int = 10) -> list[int]:
    index = dataset.index
    return np.argsort(np.hypot(index.x - x, index.y - y), kind="stable")[:n].tolist()


def asked(dataset: Dataset, view: Viewport, **options: object) -> tuple[Placed, QueryMark, list[int]]:
    x, y = map(float, dataset.atlas.xy[0])
    best, mark = nearest(dataset, x, y), QueryMark(x, y, 60.0, 38.0, 13.0)
    strong = {"strong": best, "dodging": 10, "marks": [mark], "best": best, **options}
    return place(overview_of(dataset), view, dataset.index, **strong), mark, best


def test_ten_results_fan_out_and_touch_neither_each_other_nor_names_nor_the_mark(crowded: Dataset):
    view = seen(crowded)
    placed, mark, best = asked(crowded, view)
    fanned = {spot.at for spot in placed.spots if spot.beside}
    assert fanned == set(best)
    marked = np.array([mark.box(view.units_per_pixel)]) / view.units_per_pixel
    assert touching(np.concatenate([boxes(placed, view), marked])) == 0


def test_results_keep_clear_of_the_cards_over_the_map_and_of_its_edges(crowded: Dataset):
    x, y = map(float, crowded.atlas.xy[0])
    unit = seen(crowded).units_per_pixel
    view = Viewport(x - 120 * unit, x + 880 * unit, y - 680 * unit, y + 120 * unit, 1000, 800)
    card = (x - 120 * unit, x + 30 * unit, y + 60 * unit, y + 120 * unit)
    placed, _mark, best = asked(crowded, view, covered=[card])
    fanned = [spot for spot in placed.spots if spot.beside]
    assert {spot.at for spot in fanned} == set(best)
    half = placed.face / 2 * unit
    for spot in fanned:
        assert view.x0 <= spot.x - half
        assert spot.y + half <= view.y1
        assert spot.x - half >= card[1] or spot.y + half <= card[2]


def test_results_that_have_room_lie_at_their_own_points(crowded: Dataset):
    x, y = map(float, crowded.atlas.xy[0])
    index, side = crowded.index, 120 * seen(crowded).units_per_pixel
    apart = [(x, y)]
    far: list[int] = []
    for at in nearest(crowded, x, y, len(index)):
        place_of = float(index.x[at]), float(index.y[at])
        if len(far) < 4 and all(np.hypot(place_of[0] - ox, place_of[1] - oy) > side for ox, oy in apart):
            apart.append(place_of)
            far.append(at)
    placed, _mark, _best = asked(crowded, seen(crowded), strong=far, best=far)
    assert {spot.at for spot in placed.spots} >= set(far)
    assert [spot.at for spot in placed.spots if spot.beside] == []
    closer, _mark, best = asked(crowded, seen(crowded, 4000.0))
    assert len({spot.at for spot in closer.spots if spot.beside} & set(best)) < 5


def test_lines_lead_from_the_results_to_their_points(crowded: Dataset):
    x, y = map(float, crowded.atlas.xy[0])
    rows = crowded.index.order[nearest(crowded, x, y)]
    mark = QueryMark(x, y, 60.0, 38.0, 13.0)
    request = RenderRequest(
        crowded, seen(crowded), "", dark=True, hits=rows, overview=overview_of(crowded), query_marks=(mark,)
    )
    picture = paint(request)
    tiles = [picture.tile_of(int(row)) for row in rows]
    assert all(tiles)
    px, py = map(float, (axis[0] for axis in request.viewport.pixels(np.array([x]), np.array([y]))))
    for _row, cx, cy, width, height in tiles:
        assert not (abs(cx - px) < width / 2 and abs(cy - py) < height / 2)  # the mark is on no face
        edge = max(width, height) / 2 / max(abs(cx - px), abs(cy - py))
        at = cx + (px - cx) * edge * 1.25, cy + (py - cy) * edge * 1.25
        around = picture.pixels[int(at[1]) - 4 : int(at[1]) + 5, int(at[0]) - 4 : int(at[0]) + 5, :3]
        assert around.max() > 110


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ([[0, 10, 5, 20]], ((0.0, 10.0, 5.0, 20.0),)),
        (None, ()), ("cards", ()), ([1, [2, 3], [0, 1, 2, "x"], [0, 1, 2, float("nan")]], ()),
        ([[0, 1, 0, 1]] * 100, ((0.0, 1.0, 0.0, 1.0),) * 8),
    ],
)  # fmt: skip
def test_a_browser_may_say_anything_about_its_cards(said: object, read: object):
    assert read_boxes(said) == read
