"""Images on axes: where they lie, what is drawn there, and what keeps, undoes and shares them."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeAtlas, clustered

from clipper.query_syntax import parse
from viewer.components.page.links import parse_query_string, to_query_string
from viewer.components.page.url import PageUrl
from viewer.dataset.axes.lay_out import Around, AxesError, axis_choices, lay_out, read_asked
from viewer.dataset.axes.ticks import axis_ticks
from viewer.dataset.changes import compare_atlases
from viewer.dataset.columns.colouring import SIMILARITY
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.overview import Overviews
from viewer.render.painter import RenderRequest, paint
from viewer.session.answers import Answer
from viewer.session.history import Scene
from viewer.session.search import Searcher
from viewer.session.selection import SelectionSource, rows_of_target
from viewer.session.state import ViewState
from viewer.session.steps import Outline, SelectionStep, read_step, write_step
from viewer.session.version_change import change_version
from viewer.session.workers.axes import AxesWorker

OPPOSITES = ("night <-> day", "column:group")


@pytest.fixture
def state() -> ViewState:
    return ViewState(dataset=Dataset(clustered(600)), colour="group")


@pytest.fixture
def worker(state: ViewState) -> AxesWorker:
    return AxesWorker(state)


def test_images_lie_by_opposites_and_by_a_column_and_go_back(state: ViewState, worker: AxesWorker):
    before = state.places.positions(np.arange(600))
    worker.ask(OPPOSITES)
    assert state.axes == OPPOSITES
    after = state.places.positions(np.arange(600))
    group = state.dataset.atlas._group
    means = [after[group == g, 0].mean() for g in range(5)]
    assert np.array_equal(np.argsort(means), np.arange(5))
    facet = state.dataset.facet("group")
    assert np.array_equal(np.argsort([after[facet.codes == c, 1].mean() for c in range(5)]), np.arange(5))
    worker.ask(("", ""))
    assert state.laid is None
    assert np.array_equal(state.places.positions(np.arange(600)), before)


def test_the_nearest_image_and_an_outline_are_those_of_the_axes(state: ViewState, worker: AxesWorker):
    worker.ask(OPPOSITES)
    places = state.places
    for row in (0, 17, 599):
        x, y = places.positions(np.array([row]))[0].tolist()
        assert places.index.nearest(x, y, radius=0.5) == row
    x0, x1, y0, y1 = places.view
    lane = Outline(((x0, y0), (x1, y0), (x1, y0 + (y1 - y0) / 5.5), (x0, y0 + (y1 - y0) / 5.5)), OPPOSITES)
    rows = rows_of_target(lane, SelectionSource.of(state), {}, kept=None)
    commonest = state.dataset.facet("group").labels[0]
    assert len(rows) > 50
    assert set(state.dataset.atlas.points["group"].iloc[rows]) == {commonest}
    worker.ask(("", ""))  # a link repeats the step wherever its page is
    step = read_step(write_step(SelectionStep("replace", lane)))
    again = rows_of_target(step.target, SelectionSource.of(state), {}, kept=None)
    assert np.array_equal(again, rows)


def test_the_picture_has_every_image_in_its_own_colour(state: ViewState, worker: AxesWorker):
    worker.ask(("night <-> day", "column:size"))
    dataset, places = state.dataset, state.places
    viewport = Viewport.fitted(places.view, width=500, height=400)
    request = RenderRequest(dataset, viewport, "group", dark=True, places=places)
    colours = request.colours()
    rows = places.index.order
    assert np.array_equal(colours.codes, dataset.colouring("group").codes[dataset.index.rank[rows]])
    on_map = paint(replace(request, places=None)).pixels
    drawn = paint(request)
    assert drawn.places is places
    assert not np.array_equal(drawn.pixels, on_map)
    cx, cy = places.positions(np.array([7]))[0].tolist()
    close = Viewport(cx - 0.2, cx + 0.2, cy - 0.2, cy + 0.2, 400, 400)
    tiles = paint(replace(request, viewport=close)).tiles
    assert 7 in {tile[0] for tile in tiles}
    for row, px, py, *_rest in tiles:
        near = places.positions(np.array([row]))[0]
        assert np.abs(near - close.position(px, py)).max() < 70 * close.units_per_pixel


def test_no_name_of_the_map_is_on_axes_and_images_are_chosen_for_them(state: ViewState, worker: AxesWorker):
    worker.ask(OPPOSITES)
    found = Overviews().of(state.dataset, None, face=48.0, faces=True, names=True, places=state.places)
    viewport = Viewport.fitted(state.places.view, width=900, height=700)
    zoom = found.zoom(viewport)
    assert zoom.names == ()
    chosen = found.images(zoom, viewport.expand(0))
    assert len(chosen) > 5
    x, y = state.places.index.x[chosen], state.places.index.y[chosen]
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 1e9 * np.eye(len(x))
    assert apart.min() >= 0.9 * zoom.distance


def test_a_query_lies_amid_its_best_results(state: ViewState, worker: AxesWorker):
    answer = Answer(parse("cat"), np.arange(30), np.ones(30), 1.0, 2.0, 0.1)
    assert state.placed(answer) is answer
    worker.ask(OPPOSITES)
    placed = state.placed(answer)
    best = state.places.positions(np.arange(10))
    assert (placed.x, placed.y) == pytest.approx(np.median(best, axis=0).tolist())
    state.show_answer(answer)  # on an axis between texts, words lie where they do themselves
    placed = state.placed(answer)
    assert placed.x == pytest.approx(state.places.on_axis(0, 0.3))
    assert placed.y == pytest.approx(float(np.median(best, axis=0)[1]))
    image = Answer(parse("like:folder/1.png"), np.arange(30), np.ones(30), 1.0, 2.0, 0.1)
    state.show_answer(image)
    assert state.placed(image).x == pytest.approx(float(np.median(best, axis=0)[0]))


def test_what_cannot_be_laid_out_says_why_at_its_axis_and_changes_nothing(
    state: ViewState, worker: AxesWorker
):
    worker.ask(OPPOSITES)
    before = state.laid
    worker.ask(("night <->", "column:gone"))
    assert state.laid is before
    assert state.axes == OPPOSITES
    assert state.axes_problems == (
        "Type what lies at the other end of “night”.", "This version has no column “gone”: choose another.",
    )  # fmt: skip
    state.dataset.atlas.lost_model = "the model is not there; fetch it with clipper fetch"
    worker.ask(("sun <-> moon", ""))
    assert state.axes_problems[0].startswith("The model is not there")
    worker.ask(OPPOSITES)
    assert state.axes_problems == ("", "")


def test_an_axis_follows_the_similarity_to_the_query(state: ViewState, worker: AxesWorker):
    worker.ask((f"column:{SIMILARITY}", ""))
    assert "Search" in state.places.axes[0].title
    similar = np.linspace(0, 1, 600, dtype=np.float32)
    state.show_answer(Answer(parse("cat"), np.arange(9), np.ones(9), 0.0, 0.0, 0.1, similarities=similar))
    x = state.places.positions(np.arange(600))[:, 0]
    assert (np.diff(x) > 0).all()
    assert "cat" in state.places.axes[0].title


def test_an_address_holds_axes_and_refuses_what_is_none(state: ViewState, worker: AxesWorker):
    address = PageUrl()
    address.follow(state, Searcher(state), axes=worker)
    worker.ask(("a & b <-> c=d", "column:group"))
    told = to_query_string(state)
    assert parse_query_string(told).axes == ("a & b <-> c=d", "column:group")
    worker.ask(("", ""))
    assert "x=" not in to_query_string(state)
    address.open(told)
    assert state.axes == ("a & b <-> c=d", "column:group")
    address.open("")
    assert state.axes == ("", "")
    address.open("x=column:no+such&y=column:size")
    assert state.axes == ("", "")
    assert any(state.axes_problems)
    for hostile in ("x=" + "a" * 5_000, "x=%00%01&y=%ED%A0%80"):
        assert parse_query_string(hostile).axes[0] == ""
    assert read_asked(["a"], {"b": 1}) == ("", "")
    assert read_asked("<script>\n<-> b", None)[0] == "<script> <-> b"


def test_undo_brings_axes_back(state: ViewState, worker: AxesWorker):
    address = PageUrl()
    address.follow(state, Searcher(state), axes=worker)
    worker.ask(OPPOSITES)
    scene = Scene.of(state)
    worker.ask(("", ""))
    assert not Scene.of(state).shows_the_same(scene)
    address.restore(scene)
    assert state.axes == OPPOSITES
    assert Scene.of(state).shows_the_same(scene)


def test_another_version_keeps_axes_or_shows_the_map_where_it_cannot(state: ViewState, worker: AxesWorker):
    worker.ask(OPPOSITES)
    other = clustered(700)
    other.version = "v2"
    new = Dataset(other)
    laid = lay_out(new, OPPOSITES, Around())
    change_version(state, new, changes=compare_atlases(state.dataset.atlas, other), laid=laid)
    assert state.places is laid
    third = clustered(500)
    third.version = "v3"
    change_version(state, Dataset(third), changes=compare_atlases(other, third))
    assert state.places.first is state.dataset.places  # the worker has laid them out
    assert len(state.places.index) == 500
    fourth = clustered(400)
    fourth.version, fourth.lost_model = "v4", "no model"
    change_version(state, Dataset(fourth), changes=compare_atlases(third, fourth))
    assert state.places is state.dataset.places
    assert state.axes == ("", "")
    assert any(state.axes_problems)


@pytest.mark.parametrize("n", [1, 2])
def test_a_few_images_or_equal_values_lie_somewhere(n: int):
    dataset = Dataset(FakeAtlas(n))
    for asked in (("a <-> b", "column:group"), ("column:size", "column:tags"), ("word", "")):
        places = lay_out(dataset, asked, Around())
        assert np.isfinite(places.positions(np.arange(n))).all()
        viewport = Viewport.fitted(places.view, width=300, height=200)
        paint(RenderRequest(dataset, viewport, "", dark=False, places=places))


def test_columns_of_texts_are_no_axis_and_are_not_offered(state: ViewState):
    offered = {
        name for group in axis_choices(state.dataset, tags=False, words=False).values() for name in group
    }
    assert {"group", "size", SIMILARITY} <= offered
    assert ":file" not in offered
    with pytest.raises(AxesError, match="differs from image to image"):
        lay_out(state.dataset, ("column::file", ""), Around())


def test_places_are_made_once_for_all_sessions(state: ViewState):
    assert lay_out(state.dataset, OPPOSITES, Around()) is lay_out(state.dataset, OPPOSITES, Around())


def test_ticks_are_round_lie_in_view_and_name_lanes(state: ViewState):
    x, y = lay_out(state.dataset, ("column::modified", "column:group"), Around()).axes
    assert [tick.text for tick in axis_ticks(y, 0, 1, most=3)] == list(y.lanes)
    near = axis_ticks(x, 0.4, 0.5, most=6)
    assert 1 < len(near) <= 8
    assert all(0.39 < tick.at < 0.51 for tick in near)
    size = lay_out(state.dataset, ("column:size", ""), Around()).axes[0]
    numbers = [float(tick.text) for tick in axis_ticks(size, 0, 1, most=7)]
    assert numbers == sorted(numbers)
    assert 0 in numbers
