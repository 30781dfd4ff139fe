"""The images and names that stand for a map: what is in view stays there, and nothing touches anything."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fakes import clustered

from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.names import AROUND, Name, ems
from viewer.render.overview import PLAIN, Overview, Overviews, closest_unit, face_size
from viewer.render.painter import RenderRequest, paint
from viewer.render.placing import GAP, Placed, QueryMark, place

WIDTH, HEIGHT = 1000, 800


@pytest.fixture(scope="module")
def crowded() -> Dataset:
    return Dataset(clustered(20_000, groups=9, parts=4))


def overview_of(dataset: Dataset, kept: np.ndarray | None = None, *, faces: bool = True) -> Overview:
    found = Overviews().of(dataset, kept, face=face_size(WIDTH), faces=faces, names=True)
    assert found is not None
    return found


def seen(dataset: Dataset, zoom: float = 1.0, x: float = 0.0, y: float = 0.0) -> Viewport:
    """The first view, zoomed, with its middle so many pixels beside an image."""
    first = Viewport.fitted(dataset.view, width=WIDTH, height=HEIGHT)
    unit = first.units_per_pixel / zoom
    cx, cy = map(
        float, dataset.atlas.xy[0] if zoom > 1 else ((first.x0 + first.x1) / 2, (first.y0 + first.y1) / 2)
    )
    cx, cy = cx + x * unit, cy + y * unit
    half_w, half_h = WIDTH / 2 * unit, HEIGHT / 2 * unit
    return Viewport(cx - half_w, cx + half_w, cy - half_h, cy + half_h, WIDTH, HEIGHT)


def shown(dataset: Dataset, view: Viewport, overview: Overview | None = None) -> Placed:
    return place(overview or overview_of(dataset), view, dataset.index)


def inside(placed: Placed, view: Viewport, pixels: float = 0.0) -> set[int]:
    """The images whose middles are in a view, so many pixels from its edges."""
    x0, x1, y0, y1 = view.expand(-pixels)
    return {spot.at for spot in placed.spots if x0 < spot.x < x1 and y0 < spot.y < y1}


def boxes(placed: Placed, view: Viewport) -> np.ndarray:
    """Everything in a picture as x0, x1, y0, y1 in pixels."""
    unit, side = view.units_per_pixel, placed.face * view.units_per_pixel / 2
    found = [(s.x - side, s.x + side, s.y - side, s.y + side) for s in placed.spots]
    return np.array([*found, *(name.box(unit) for name in placed.names)]) / unit


def touching(found: np.ndarray) -> int:
    x0, x1, y0, y1 = found.T[:, :, None]
    meets = (x0 < x1.T) & (x1 > x0.T) & (y0 < y1.T) & (y1 > y0.T)
    return int(meets.sum() - len(found)) // 2


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.3, 2.2, 5.0, 17.0, 60.0, 400.0])
def test_no_image_and_no_name_touches_another(crowded: Dataset, zoom: float):
    view = seen(crowded, zoom)
    assert touching(boxes(shown(crowded, view), view)) == 0


def test_the_first_view_has_a_few_dozen_images_and_the_names_of_the_groups(crowded: Dataset):
    placed = shown(crowded, seen(crowded))
    assert 15 <= len(placed.spots) <= 60
    assert sum(name.text.startswith("group") for name in placed.names) >= 5
    largest = max(placed.names, key=lambda name: crowded.clusters.table.sizes[name.cluster])
    assert largest.size == max(name.size for name in placed.names)


@pytest.mark.parametrize("zoom", [1.0, 2.2, 9.0, 60.0, 300.0])
def test_panning_shows_the_same_images_and_names_where_two_views_overlap(crowded: Dataset, zoom: float):
    overview, one = overview_of(crowded), seen(crowded, zoom)
    for x, y in ((37.0, 0.0), (-120.5, 44.0), (5.0, -260.0)):
        other = seen(crowded, zoom, x, y)
        here, there = shown(crowded, one, overview), shown(crowded, other, overview)
        assert inside(here, other) & inside(here, one) == inside(there, one) & inside(there, other)
        assert names_in(here, one, other) == names_in(there, one, other)


def names_in(placed: Placed, *views: Viewport) -> set[Name]:
    return {name for name in placed.names if all(_in(name, view) for view in views)}


def _in(name: Name, view: Viewport) -> bool:
    return view.x0 < name.x < view.x1 and view.y0 < name.y < view.y1


def test_zooming_in_keeps_every_image_that_stays_in_view(crowded: Dataset):
    overview, before, view = overview_of(crowded), None, None
    for zoom in np.geomspace(1.01, 900, 60):
        now_view = seen(crowded, float(zoom))
        now = shown(crowded, now_view, overview)
        if before is not None:
            assert inside(before, now_view) <= inside(now, now_view), zoom
        before, view = now, now_view
    assert view is not None


def test_another_process_chooses_the_same_images(crowded: Dataset):
    again = Dataset(clustered(20_000, groups=9, parts=4))
    for zoom in (1.0, 40.0):
        view = seen(crowded, zoom)
        assert shown(crowded, view) == shown(again, view)
        deep = overview_of(again)
        shown(again, seen(again, 900.0), deep)  # whatever was asked before
        assert shown(again, view, deep) == shown(crowded, view)


def test_an_overview_that_was_prepared_shows_the_same_and_answers_meanwhile(crowded: Dataset):
    prepared = overview_of(Dataset(clustered(20_000, groups=9, parts=4)))
    views = [seen(crowded, zoom) for zoom in (1.0, 9.0, 40.0, 300.0)]
    with ThreadPoolExecutor(2) as pool:
        preparing = pool.submit(prepared.prepare)
        asked = list(pool.map(prepared.zoom, views))
        preparing.result()
    for view, zoom in zip(views, asked, strict=True):
        assert prepared.zoom(view) is zoom
        assert shown(crowded, view, prepared) == shown(crowded, view)


def test_what_does_not_pass_the_filters_makes_room_for_what_does(crowded: Dataset):
    kept = np.zeros(crowded.n, bool)
    kept[::5] = True
    for zoom in (1.0, 30.0):
        view = seen(crowded, zoom)
        placed = shown(crowded, view, overview_of(crowded, kept))
        assert placed.spots
        assert all(kept[spot.at] for spot in placed.spots)
    none = shown(crowded, seen(crowded), overview_of(crowded, np.zeros(crowded.n, bool)))
    assert none.spots == none.names == ()


def test_results_come_first_and_nothing_covers_the_mark_of_a_query(crowded: Dataset):
    view, index = seen(crowded), crowded.index
    x, y = float(index.x[100]), float(index.y[100])
    mark = QueryMark(x, y, 40.0, 38.0, 13.0)
    hits = [100, 101, 102, 103]
    placed = place(overview_of(crowded), view, index, strong=hits, dodging=4, marks=[mark])
    assert placed.spots[0].at == 100
    marked = np.array([mark.box(view.units_per_pixel)]) / view.units_per_pixel
    assert touching(np.concatenate([boxes(placed, view), marked])) == 0


def test_no_image_is_shown_twice(crowded: Dataset):
    view = seen(crowded)
    first = shown(crowded, view).spots[0].at
    placed = place(overview_of(crowded), view, crowded.index, strong=[first, first], later=[first, 3])
    at = [spot.at for spot in placed.spots]
    assert len(at) == len(set(at))


@pytest.mark.parametrize(("n", "groups"), [(1, 1), (2, 1), (60, 2)])
def test_a_map_of_a_few_images_has_its_overview(n: int, groups: int):
    dataset = Dataset(clustered(n, groups=groups, parts=1))
    assert len(shown(dataset, seen(dataset)).spots) >= 1
    paint(RenderRequest(dataset, seen(dataset, 50.0), "group", dark=True, overview=overview_of(dataset)))


def test_names_of_clusters_at_one_place_take_turns_without_end():
    atlas = clustered(600, groups=8, parts=3)
    atlas.clusters.centers[:] = atlas.clusters.centers[0] + np.arange(len(atlas.clusters))[:, None] * 1e-3
    dataset = Dataset(atlas)
    for zoom in (1.0, 8.0, 300.0):
        view = seen(dataset, zoom)
        assert touching(boxes(shown(dataset, view), view)) == 0


def test_all_images_at_one_place_show_one():
    atlas = clustered(400, groups=2)
    atlas.xy = np.ones_like(atlas.xy)
    atlas.clusters.centers[:] = 1.0
    dataset = Dataset(atlas)
    view = Viewport.fitted((0.0, 2.0, 0.0, 2.0), width=WIDTH, height=HEIGHT)
    assert len(shown(dataset, view).spots) <= 1


def test_a_picture_has_the_overviews_images_and_names(crowded: Dataset):
    view, overview = seen(crowded), overview_of(crowded)
    picture = paint(RenderRequest(crowded, view, "group", dark=True, overview=overview))
    placed = shown(crowded, view, overview)
    assert [tile[0] for tile in picture.tiles] == [int(crowded.index.order[spot.at]) for spot in placed.spots]
    assert picture.names == placed.names
    plain = paint(RenderRequest(crowded, view, "group", dark=True))
    assert plain.names == plain.tiles == ()


def test_names_alone_leave_the_images_as_they_are_without_clusters(crowded: Dataset):
    overview = overview_of(crowded, faces=False)
    picture = paint(RenderRequest(crowded, seen(crowded), "group", dark=True, overview=overview))
    assert picture.names
    assert not picture.tiles
    near = seen(crowded, 300.0)
    plain = paint(RenderRequest(crowded, near, "group", dark=True))
    named = paint(RenderRequest(crowded, near, "group", dark=True, overview=overview))
    assert {tile[0] for tile in named.tiles} <= {tile[0] for tile in plain.tiles}


def test_without_clusters_or_with_nothing_to_show_there_is_no_overview(dataset: Dataset, crowded: Dataset):
    assert Overviews().of(dataset, None, face=48.0, faces=True, names=True) is None
    assert Overviews().of(crowded, None, face=48.0, faces=False, names=False) is None


def test_sessions_share_an_overview_until_they_filter(crowded: Dataset):
    kept = np.ones(crowded.n, bool)
    looks = {"face": face_size(WIDTH), "faces": True, "names": True}
    one, other = Overviews(), Overviews()
    assert one.of(crowded, None, **looks) is other.of(crowded, None, **looks)
    mine = one.of(crowded, kept, **looks)
    assert one.of(crowded, kept, **looks) is mine is not other.of(crowded, None, **looks)


def test_a_name_is_given_more_room_than_its_letters_take():
    assert ems("iii") < ems("ooo") < ems("WWW") < ems("中中中")
    assert ems("e\N{COMBINING ACUTE ACCENT}") == ems("e")
    assert AROUND > 0 < GAP


@pytest.mark.parametrize("n", [500, 40_000])
def test_one_can_come_so_close_that_images_have_room_where_they_are_densest_and_no_closer(n: int):
    random = np.random.default_rng(0)
    x, y = np.r_[random.normal(0, 1, (n // 2, 2)), random.uniform(-20, 20, (n // 2, 2))].astype(np.float32).T
    unit = closest_unit(x, y, (-20, 20, -20, 20))
    dense = np.flatnonzero(np.hypot(x, y) < 1)[:200]
    away = np.hypot(x[dense][:, None] - x, y[dense][:, None] - y)
    nearest = np.sort(away, axis=1)[:, 1] / unit  # pixels
    assert 0.5 * PLAIN < np.median(nearest) < 12 * PLAIN


def test_a_map_of_one_place_has_a_closest_view():
    zeros = np.zeros(3, np.float32)
    assert closest_unit(zeros, zeros, (-1, 1, -1, 1)) > 0
    assert closest_unit(zeros[:0], zeros[:0], (-1, 1, -1, 1)) > 0
