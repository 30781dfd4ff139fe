"""The picture as an array: no browser, no server."""

import numpy as np
import pytest

from viewer.dataset.columns.colouring import Colouring
from viewer.dataset.viewport import Viewport
from viewer.render.raster import DISC_LIMIT, Layer, Scene, Tile, render
from viewer.theme import DARK, LIGHT, rgb

VIEW = Viewport(0.0, 10.0, 0.0, 8.0, 200, 160)
PALETTE = Colouring("", "category", np.zeros(0, np.uint8)).palette(dark=True)


def layer(x: list[float], y: list[float], code: int = 0) -> Layer:
    return Layer(np.array(x, np.float32), np.array(y, np.float32), np.full(len(x), code, np.uint8), PALETTE)


def differs(picture: np.ndarray, ground: str) -> np.ndarray:
    """How far each pixel is from the ground's colour."""
    return np.abs(picture[..., :3].astype(int) - rgb(ground)).max(-1)


@pytest.mark.parametrize(("dark", "ground"), [(True, DARK.canvas), (False, LIGHT.canvas)])
def test_empty_is_ground(dark: bool, ground: str) -> None:
    picture = render(Scene(layer([], []), dark=dark), VIEW)
    assert picture.shape == (160, 200, 4)
    assert picture.dtype == np.uint8
    assert (picture[..., :3] == rgb(ground)).all()
    assert (picture[..., 3] == 255).all()


def test_one_point_is_a_disc_at_its_place_top_row_first() -> None:
    picture = render(Scene(layer([2.5], [6.0]), dot=5), VIEW)
    strong = np.argwhere(differs(picture, DARK.canvas) > 130)
    top, left = strong.mean(0)
    assert abs(left - 50) < 1
    assert abs(top - 40) < 1
    assert 50 < len(strong) < 110
    assert tuple(picture[40, 50, :3]) == pytest.approx(tuple(PALETTE[0]), abs=25)


def test_points_outside_leave_the_view_alone() -> None:
    inside = render(Scene(layer([5.0], [4.0])), VIEW)
    far = render(Scene(layer([5.0, 1e6, -1e6, 3e7], [4.0, 1e6, 4.0, -3e7])), VIEW)
    assert (inside == far).all()


def test_many_points_are_density_brighter_where_denser() -> None:
    rng = np.random.default_rng(0)
    n = DISC_LIMIT + 10
    x = np.concatenate([rng.normal(3, 0.3, n), rng.normal(7, 0.3, n // 50)])
    y = np.concatenate([rng.normal(4, 0.3, n), rng.normal(4, 0.3, n // 50)])
    picture = render(Scene(layer(list(x), list(y)), dot=1), VIEW)
    seen = differs(picture, DARK.canvas)
    assert seen[75:85, 55:65].mean() > seen[75:85, 135:145].mean() > 20


def test_density_of_numbers_shows_mean_and_missing_values() -> None:
    n = DISC_LIMIT + 10
    ramp = Colouring("", "number", np.zeros(0, np.uint8)).palette(dark=True)
    x = np.r_[np.full(n, 2.0), np.full(n, 8.0)].astype(np.float32)
    values = np.r_[np.full(n, 1.0), np.full(n, np.nan)].astype(np.float32)
    codes = np.r_[np.full(n, 254), np.full(n, 255)].astype(np.uint8)
    scene = Scene(Layer(x, np.full(2 * n, 4, np.float32), codes, ramp, values), dot=1)
    picture = render(scene, VIEW)
    assert tuple(picture[79, 40, :3]) == pytest.approx(tuple(ramp[254]), abs=12)
    assert tuple(picture[79, 160, :3]) == pytest.approx(tuple(ramp[255]), abs=12)


def test_results_stand_out_and_the_others_step_back() -> None:
    points = layer([2.0, 8.0], [4.0, 4.0])
    plain = render(Scene(points, dot=5), VIEW)
    asked = render(Scene(points, hits=layer([8.0], [4.0]), dot=5), VIEW)
    before, after = differs(plain, DARK.canvas), differs(asked, DARK.canvas)
    assert after[80, 40] < before[80, 40] * 0.6
    assert after[70:90, 150:170].max() > before[70:90, 150:170].max()


def test_a_tile_is_drawn_with_its_ring_inside_its_rectangle() -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., 1] = 255
    tile = Tile(0, image, 100.0, 80.0, 60.0, 60.0, (255, 0, 0))
    picture = render(Scene(layer([], []), tiles=[tile]), VIEW)
    assert tuple(picture[80, 100, :3]) == (0, 255, 0)
    assert picture[80, 70, 0] > 200
    assert picture[80, 70, 1] < 60
    assert differs(picture, DARK.canvas)[:30].max() == 0


def test_tiles_over_the_border_are_clipped() -> None:
    image = np.full((8, 8, 4), 255, np.uint8)
    tiles = [Tile(0, image, x, y, 50.0, 50.0, (1, 2, 3)) for x in (-10.0, 210.0) for y in (-10.0, 170.0)]
    picture = render(Scene(layer([], []), tiles=tiles), VIEW)
    assert picture.shape == (160, 200, 4)
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1], :3] == 255).all()
    assert differs(picture, DARK.canvas)[60:100, 60:140].max() == 0


@pytest.mark.parametrize(
    "broken",
    [
        Viewport(0, 0, 0, 1, 100, 100),
        Viewport(0, 1, 0, 1, 0, 100),
        Viewport(0, float("nan"), 0, 1, 100, 100),
        Viewport(0, 1, 0, 1, 100_000, 100_000),
    ],
)
def test_a_viewport_without_area_is_refused(broken: Viewport) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        render(Scene(layer([], [])), broken)


def test_a_mark_is_a_ring_apart_from_its_point() -> None:
    point = layer([5.0], [4.0])
    plain, marked = render(Scene(point, dot=5), VIEW), render(Scene(point, marks=point, dot=5), VIEW)
    accent = np.abs(marked[80].astype(int)[:, :3] - rgb(DARK.accent)).max(-1)
    assert (accent[100 - 9] < 20) or (accent[100 - 8] < 20)
    assert tuple(marked[80, 100, :3]) == tuple(PALETTE[0])
    assert differs(marked, DARK.canvas)[80, 100 - 6] < 20
    assert (marked[:60] == plain[:60]).all()


@pytest.mark.parametrize("dark", [True, False])
def test_chosen_points_keep_their_colour_and_the_others_step_back(dark: bool) -> None:
    ground = (DARK if dark else LIGHT).canvas
    everything, one = layer([2.5, 7.5], [4.0, 4.0]), layer([2.5], [4.0])
    plain = render(Scene(everything, dot=6, dark=dark), VIEW)
    shown = render(Scene(everything, chosen=one, dot=6, dark=dark), VIEW)
    assert tuple(shown[80, 50, :3]) == pytest.approx(tuple(PALETTE[0]), abs=4)
    assert differs(shown, ground)[80, 150] < 0.6 * differs(plain, ground)[80, 150]


def test_many_chosen_points_are_density_and_none_in_view_veils_the_rest() -> None:
    rng = np.random.default_rng(0)
    n = DISC_LIMIT + 10
    x, y = rng.normal(3, 0.3, n).tolist(), rng.normal(4, 0.3, n).tolist()
    crowd = layer(x, y)
    plain = render(Scene(crowd, dot=1), VIEW)
    chosen = render(Scene(crowd, chosen=crowd, dot=1), VIEW)
    elsewhere = render(Scene(crowd, chosen=layer([], []), dot=1), VIEW)
    middle = (slice(75, 85), slice(55, 65))
    seen = [differs(picture, DARK.canvas)[middle].mean() for picture in (plain, chosen, elsewhere)]
    assert seen[1] > 0.9 * seen[0]
    assert seen[2] < 0.6 * seen[0]


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(("width", "height"), [(8, 400), (14, 9), (391, 844)])
def test_a_pane_of_any_shape_is_drawn_at_any_scale(width: int, height: int, scale: float) -> None:
    view = Viewport(0, width, 0, height, width, height).scaled(scale)
    random = np.random.default_rng(1)
    for n in (10, DISC_LIMIT + 1):
        points = Layer(
            random.uniform(0, width, n).astype(np.float32), random.uniform(0, height, n).astype(np.float32),
            np.zeros(n, np.uint8), np.full((256, 3), 200, np.uint8),
        )  # fmt: skip
        picture = render(Scene(points, scale=scale), view)
        assert picture.shape == (view.height, view.width, 4)
        assert picture[..., :3].std() > 0
