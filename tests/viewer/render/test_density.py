"""The soft light behind points, and many points as density, as arrays."""

import numpy as np
import pytest

from viewer.dataset.columns.colouring import Colouring
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.density import Layer
from viewer.render.raster import DISC_LIMIT, Scene, render
from viewer.theme import DARK, LIGHT, rgb

VIEW = Viewport(0, 300, 0, 300, 300, 300)  # one map unit a pixel
PALETTE = Colouring("", "category", np.zeros(0, np.uint8)).palette(dark=True)


def layer(x: object, y: object, code: int = 0) -> Layer:
    places = [np.asarray(axis, np.float32) for axis in (x, y)]
    return Layer(*places, np.full(len(places[0]), code, np.uint8), PALETTE)


def group(n: int, *, x: float = 150, y: float = 150, code: int = 0) -> Layer:
    """So many points within a pixel or two."""
    apart = np.random.default_rng(0).normal(0, 0.5, (2, n))
    return layer(x + apart[0], y + apart[1], code)


def seen(points: Layer, view: Viewport = VIEW, *, dark: bool = True, scale: float = 1.0) -> np.ndarray:
    """How far each pixel is from the ground's colour."""
    picture = render(Scene(points, dot=2, dark=dark, scale=scale), view)
    return np.abs(picture[..., :3].astype(int) - rgb((DARK if dark else LIGHT).canvas)).max(-1)


@pytest.mark.parametrize("n", [1, 200, DISC_LIMIT + 1])
def test_the_light_behind_points_halves_within_forty_pixels_and_ends_at_seventy_five(n: int):
    light = seen(group(n))[150, 150:]
    assert (np.diff(light[8:].astype(int)) <= 1).all()  # it falls steadily
    assert light[12] > 0.85 * light[8]
    assert 0.38 * light[8] < light[40] < 0.58 * light[8]
    assert 0 < light[60] < 0.2 * light[8]
    assert light[76:].max() == 0


@pytest.mark.parametrize(("beyond", "lit"), [(10, True), (40, True), (58, True), (80, False)])
def test_points_beyond_the_border_light_the_view_as_far_as_their_light_reaches(beyond: int, lit: bool):
    for points in (layer([300 + beyond], [150]), layer([150], [-beyond]), group(DISC_LIMIT + 1, x=-beyond)):
        assert bool(seen(points).any()) is lit


@pytest.mark.parametrize(("dark", "least", "most"), [(True, 0.27, 0.42), (False, 0.18, 0.31)])
def test_the_light_is_much_softer_than_the_points_before_it(dark: bool, least: float, most: float):
    shown = seen(group(200), dark=dark)[150, 150:]
    assert least * shown[0] < shown[8] < most * shown[0]


def test_the_light_has_the_colour_of_its_points_and_mixes_where_groups_meet():
    def hue(colour: np.ndarray) -> np.ndarray:
        away = colour.astype(float) - rgb(DARK.canvas)
        return away / np.linalg.norm(away)

    ink = PALETTE[:2].astype(float)
    two = layer([100, 200], [150, 150])
    two.codes[1] = 1
    picture = render(Scene(two, dot=2), VIEW)
    for x, colour in ((90, ink[0]), (210, ink[1]), (155, ink.mean(0))):  # cells of the light are 10 wide
        assert hue(picture[150, x, :3]) @ hue(colour) > 0.985, x


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_light_reaches_as_far_on_the_page_whatever_the_pixels_of_the_picture(scale: float):
    plain = seen(group(200))[150, 150:230:2]
    other = seen(group(200), VIEW.scaled(scale), scale=scale)[int(150 * scale), int(150 * scale) :]
    other = other[:: max(1, int(2 * scale))][: len(plain)]
    assert np.abs(plain[4:].astype(int) - other[4:]).max() <= 8


def test_a_lone_point_among_many_is_seen_well_beside_the_crowd():
    random = np.random.default_rng(1)
    crowd = random.normal((70, 150), 8, (DISC_LIMIT, 2))
    points = np.vstack([crowd, [[220, 150]]])
    shown = seen(layer(points[:, 0], points[:, 1]))
    lone, dense = shown[147:153, 217:223].max(), shown[140:160, 60:80].max()
    assert 0.2 * dense < lone < 0.5 * dense


def test_density_points_are_where_discs_would_be():
    """The corners of the view, the top row first."""
    corners = [(2, 298), (298, 298), (2, 2), (298, 2)]
    many = np.repeat(corners, DISC_LIMIT // 4 + 1, axis=0)
    for points in (np.array(corners), many):
        shown = seen(layer(points[:, 0], points[:, 1]))
        strong = shown > 0.7 * shown.max()
        for half in (strong[:8, :8], strong[:8, -8:], strong[-8:, :8], strong[-8:, -8:]):
            assert half.any()
        assert not strong[10:-10, 10:-10].any()
