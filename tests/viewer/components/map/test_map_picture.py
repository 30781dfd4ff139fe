"""What the map's pane says while there is no picture: that one is drawn, or that none could be."""

import threading

import pytest
from fakes import FakeAtlas

from viewer.components.map import map as map_module
from viewer.components.map.map import PANE, MapView
from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.painter import Picture, RenderRequest
from viewer.session.state import ViewState


class LaidOut(MapView):
    """A map that the browser has laid out."""

    viewport = Viewport(-20, 20, -20, 20, 400, 400)


@pytest.fixture(autouse=True)
def no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test with a browser may have left a loop that runs no more."""
    monkeypatch.setattr(map_module, "event_loop_caller", lambda: lambda call: call())


def no_memory(_request: RenderRequest, _scale: float) -> Picture:
    raise MemoryError


def classes_after_drawing(view: MapView) -> list[str]:
    told = threading.Event()
    view.fig.on_change("css_classes", lambda _attr, _old, _new: told.set())
    view.refresh()
    assert told.wait(120)
    return list(view.fig.css_classes)


def test_the_pane_says_that_the_first_picture_is_on_its_way() -> None:
    view = LaidOut(ViewState(dataset=Dataset(FakeAtlas(30))), on_image=lambda _row: None)
    assert view.fig.css_classes == [PANE, "waiting"]
    assert classes_after_drawing(view) == [PANE]


def test_the_pane_says_that_the_map_cannot_be_drawn_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(map_module, "paint", no_memory)
        view = LaidOut(ViewState(dataset=Dataset(FakeAtlas(30))), on_image=lambda _row: None)
        assert classes_after_drawing(view) == [PANE, "failed"]
    view._loop._draw = map_module.paint
    assert classes_after_drawing(view) == [PANE]
