"""Where the server sends the map: to images with some margin, to the better results, nearer and farther."""

from typing import Any

import numpy as np
import panel_material_ui as pmui
import pytest
from fakes import FakeAtlas

from clipper.query_syntax import parse
from viewer.app import Viewer
from viewer.components.map.camera import Camera
from viewer.components.map.controls import map_buttons
from viewer.components.map.map import MapView
from viewer.components.page.shortcuts import Shortcuts
from viewer.dataset.dataset import Dataset
from viewer.session.answers import Answer
from viewer.session.state import ViewState

MAP_SIDE = 24.0  # of the fake atlas, in map units


def camera_over(xy: list[tuple[float, float]]) -> Camera:
    """A camera over a map whose first images lie at `xy`."""
    atlas = FakeAtlas()
    atlas.xy[: len(xy)] = xy
    return Camera(ViewState(dataset=Dataset(atlas)), schedule=lambda call: call())


def box(camera: Camera) -> dict[str, float]:
    """The part of the map that the camera was last sent to."""
    data = camera.target.data
    assert data["aim"] == ["part", "part"]
    return {name: data[name][0] for name in ("x0", "x1", "y0", "y1")}


def test_images_are_shown_with_a_margin_of_fifteen_percent_of_their_extent() -> None:
    camera = camera_over([(-4, -10), (6, 10)])
    camera.show_images([0, 1])
    assert box(camera) == pytest.approx({"x0": -5.5, "x1": 7.5, "y0": -13, "y1": 13})


def test_images_at_one_place_are_shown_with_a_margin_of_three_percent_of_the_map() -> None:
    camera = camera_over([(1, 2)])
    camera.show_images([0])
    margin = 0.03 * MAP_SIDE
    assert box(camera) == pytest.approx(
        {"x0": 1 - margin, "x1": 1 + margin, "y0": 2 - margin, "y1": 2 + margin}
    )


def test_the_camera_stays_where_there_is_no_image_to_show() -> None:
    camera = camera_over([(0, 0)])
    camera.show_images([])
    camera.show_results()
    assert camera.target.data == {"stamp": [0]}


def shown_results(xs: list[float], query: float) -> tuple[float, float]:
    """From where to where the camera shows a query at `query` and its results at `xs`, best first."""
    camera = camera_over([(x, 0.0) for x in xs])
    similarity = np.linspace(1, 0, len(xs))
    camera._state.show_answer(Answer(parse("cat"), np.arange(len(xs)), similarity, query, 0.0, 0.01))
    camera.show_results()
    found, margin = box(camera), 0.03 * MAP_SIDE
    return found["x0"] + margin, found["x1"] - margin


def test_the_best_quarter_of_the_results_is_shown_but_for_the_fifth_that_is_far_off() -> None:
    near, far, worse = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [50.0, 60.0, 70.0], [-5.0] * 30
    assert shown_results(near + far + worse, query=0.3) == pytest.approx((0.0, 0.6))


def test_of_few_results_three_are_looked_at() -> None:
    assert shown_results([0.0, 0.9, 1.8, 70.0], query=1.0) == pytest.approx((0.9, 1.8))


def pressed(state: ViewState, label: str) -> dict[str, Any]:
    """What the camera is asked for when the map's button of this label is pressed."""
    view = MapView(state, on_image=lambda _row: None)
    button = next(
        part for part in map_buttons(view) if isinstance(part, pmui.IconButton) and part.description == label
    )
    button.clicks += 1
    return view.camera.target.data


def test_a_smaller_unit_is_nearer(state: ViewState) -> None:
    nearer, farther = (pressed(state, label) for label in ("Zoom in", "Zoom out"))
    assert nearer["aim"][0] == farther["aim"][0] == "zoom"
    assert nearer["factor"][0] < 1 < farther["factor"][0]
    assert nearer["factor"][0] * farther["factor"][0] == pytest.approx(1)


def test_the_keys_zoom_as_the_buttons_do(state: ViewState, dataset: Dataset) -> None:
    viewer = Viewer(ViewState(dataset=dataset))
    (keys,) = (part for part in viewer.page.header[0] if isinstance(part, Shortcuts))
    for by, label in ((1, "Zoom in"), (-1, "Zoom out")):
        keys._handle_msg({"kind": "zoom", "by": by})
        assert viewer.map.camera.target.data["factor"] == pressed(state, label)["factor"]


def test_each_movement_is_another_one(state: ViewState) -> None:
    view = MapView(state, on_image=lambda _row: None)
    stamps = [view.camera.target.data["stamp"][0]]
    for move in (view.camera.show_all, view.camera.show_all, lambda: view.camera.zoom(0.5)):
        move()
        stamps.append(view.camera.target.data["stamp"][0])
    assert len(set(stamps)) == len(stamps)
