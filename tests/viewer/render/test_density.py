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


@pytest.mark.parametrize("n", [200, DISC_LIMIT + 1])
def test_the_light_behind_a_group_falls_steadily_and_ends_within_thirty_pixels(n: int):
    light = seen(group(n))[150, 150:]
    assert (np.diff(light[5:].astype(int)) <= 1).all()  # it falls steadily
    assert light[5] > 40
    assert light[12] < 0.5 * light[5]
    assert light[30:].max() == 0


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_points_have_no_light_that_anybody_sees(n: int, dark: bool):
    shown = seen(layer([150 + 3 * i for i in range(n)], [150] * n), dark=dark)
    assert shown.max() > 75
    assert shown[140:161, 160 + 3 * n :].max() <= 6
    assert shown[:140].max() <= 2


def test_the_more_the_dots_cover_the_stronger_the_light_until_they_cover_half():
    at = [int(seen(group(n))[150, 158]) for n in (1, 3, 6, 12, 50, 5000)]
    assert at[:4] == sorted(at[:4])
    assert at[3] > 2 * at[0]
    assert at[4] == pytest.approx(at[5], abs=4)


@pytest.mark.parametrize(("beyond", "lit"), [(5, True), (60, False)])
def test_points_beyond_the_border_light_the_view_as_far_as_their_light_reaches(beyond: int, lit: bool):
    for points in (group(200, x=300 + beyond), group(200, y=-beyond), group(DISC_LIMIT + 1, x=-beyond)):
        assert bool(seen(points).any()) is lit


@pytest.mark.parametrize(("dark", "least", "most"), [(True, 0.15, 0.42), (False, 0.12, 0.31)])
def test_the_light_is_much_softer_than_the_points_before_it(dark: bool, least: float, most: float):
    shown = seen(group(200), dark=dark)[150, 150:]
    assert least * shown[0] < shown[6] < most * shown[0]


def test_the_light_has_the_colour_of_its_points_and_mixes_where_groups_meet():
    def hue(colour: np.ndarray) -> np.ndarray:
        away = colour.astype(float) - rgb(DARK.canvas)
        return away / np.linalg.norm(away)

    ink = PALETTE[:2].astype(float)
    one, other = group(200, x=145), group(200, x=165, code=1)
    two = layer([*one.x, *other.x], [*one.y, *other.y])
    two.codes[200:] = 1
    picture = render(Scene(two, dot=2), VIEW)
    for x, colour in ((135, ink[0]), (175, ink[1]), (155, ink.mean(0))):  # cells of the light are 10 wide
        assert hue(picture[150, x, :3]) @ hue(colour) > 0.96, x


@pytest.mark.parametrize("n", [2, 8])
def test_where_more_points_lie_on_each_other_the_picture_is_stronger(n: int):
    one, more = (seen(layer([150] * k, [150] * k))[150, 150] for k in (1, n))
    assert one < 0.8 * seen(group(5000))[150, 150]
    assert more > one * 1.15


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
