"""What the guide says of a part of the map, and when it draws the whole."""

import numpy as np
import pytest
from fakes import FakeAtlas, shown

from viewer.components.map.guide import MapGuide
from viewer.components.map.map import MapView
from viewer.components.side.gallery import Gallery
from viewer.dataset.columns.filters import AnyOf
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.session.state import ViewState
from viewer.session.workers.filters import FilterWorker


class Placed(MapView):
    """A map that shows what a test says, under these cards."""

    seen: Viewport | None = None
    cards: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def viewport(self) -> Viewport | None:
        return self.seen

    @property
    def covered(self) -> tuple[tuple[float, float, float, float], ...]:
        return self.cards


@pytest.fixture
def state() -> ViewState:
    return ViewState(dataset=Dataset(FakeAtlas(300)))


def guide_of(state: ViewState) -> tuple[MapGuide, Placed]:
    view, guide = Placed(state, on_image=lambda _row: None), MapGuide()
    guide.follow(state, view)
    guide._begin()
    return guide, view


def part(x: float, y: float, across: float) -> Viewport:
    return Viewport(x - across / 2, x + across / 2, y - across / 2, y + across / 2, 400, 400)


def test_an_atlas_without_images_says_so_and_leads_nowhere() -> None:
    state = ViewState(dataset=Dataset(FakeAtlas(0)))
    guide, view = guide_of(state)
    view.seen = part(0, 0, 60)
    guide._look()
    assert (guide.empty, guide.elsewhere) == ("This atlas has no images", False)
    assert shown(Gallery(), state).size == 0


def test_the_whole_map_needs_no_small_one(state: ViewState) -> None:
    guide, view = guide_of(state)
    view.seen = part(0, 0, 60)
    guide._look()
    assert (guide.picture, guide.empty) == ("", "")


def test_a_part_of_the_map_has_a_small_map_and_a_measured_scale(state: ViewState) -> None:
    guide, view = guide_of(state)
    x, y = map(float, state.dataset.atlas.xy[0])
    view.seen = part(x, y, 2)
    guide._look()
    assert guide.picture.startswith("data:image/jpeg;base64,")
    assert len(guide.scale) == 2
    assert guide.empty == ""
    before = guide.picture
    state.dark = not state.dark
    assert guide.picture != before


def test_where_nothing_is_or_all_is_hidden_it_says_so(state: ViewState) -> None:
    guide, view = guide_of(state)
    view.seen = part(500, 500, 2)
    guide._look()
    assert guide.empty == "No images here"
    x, y = map(float, state.dataset.atlas.xy[0])
    view.seen = part(x, y, 1e-4)
    guide._look()
    assert guide.empty == ""
    view.cards = ((100.0, 300.0, 100.0, 300.0),)
    guide._look()
    assert guide.empty == "No images here"


def test_where_no_image_passes_the_filters_it_says_so(state: ViewState) -> None:
    _worker = FilterWorker(state)
    guide, view = guide_of(state)
    row = 0
    x, y = map(float, state.dataset.atlas.xy[row])
    view.seen = part(x, y, 1e-4)
    other = next(f"group {g}" for g in range(5) if f"group {g}" != state.dataset.atlas.points["group"][row])
    state.filters = {"group": AnyOf((other,))}
    assert state.kept is not None
    assert not np.asarray(state.kept)[row]
    guide._look()
    assert guide.empty == "No image that passes the filters is here"
