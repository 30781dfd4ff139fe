"""The picture as an array: no browser, no server."""

import numpy as np
import pytest

from viewer.dataset.columns.colouring import Colouring
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.raster import DISC_LIMIT, Layer, Scene, Tile, dot_opacity, render
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
    strong = np.argwhere(differs(picture, DARK.canvas) > 110)
    top, left = strong.mean(0)
    assert abs(left - 50) < 1
    assert abs(top - 40) < 1
    assert 50 < len(strong) < 110
    ink = np.array(rgb(DARK.canvas)) * (1 - dot_opacity(5)) + PALETTE[0] * dot_opacity(5)
    assert tuple(picture[40, 50, :3]) == pytest.approx(tuple(ink), abs=12)


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
    shown = render(Scene(everything, selection=one, dot=6, dark=dark), VIEW)
    assert tuple(shown[80, 50, :3]) == pytest.approx(tuple(PALETTE[0]), abs=4)
    assert differs(shown, ground)[80, 150] < 0.6 * differs(plain, ground)[80, 150]


def test_many_chosen_points_are_density_and_none_in_view_veils_the_rest() -> None:
    rng = np.random.default_rng(0)
    n = DISC_LIMIT + 10
    x, y = rng.normal(3, 0.3, n).tolist(), rng.normal(4, 0.3, n).tolist()
    crowd = layer(x, y)
    plain = render(Scene(crowd, dot=1), VIEW)
    chosen = render(Scene(crowd, selection=crowd, dot=1), VIEW)
    elsewhere = render(Scene(crowd, selection=layer([], []), dot=1), VIEW)
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


# -- how far what stands behind steps back, and how dots look


def lone(scene: Scene, *, dark: bool = True) -> np.ndarray:
    """How far the row of pixels through (2.5, 4) is from the ground, from that point to the right."""
    picture = render(scene, VIEW)
    return differs(picture, (DARK if dark else LIGHT).canvas)[80, 50:]


@pytest.mark.parametrize(("dark", "left"), [(True, 0.38), (False, 0.32)])
def test_behind_results_and_chosen_images_a_third_of_a_points_strength_is_left(
    dark: bool, left: float
) -> None:
    point, away = layer([2.5], [4.0]), layer([7.5], [4.0])
    plain = lone(Scene(point, dot=5, dark=dark), dark=dark)
    for beside in ({"hits": away}, {"selection": away}):
        shown = lone(Scene(point, dot=5, dark=dark, **beside), dark=dark)
        assert shown[0] / plain[0] == pytest.approx(left, abs=0.02)
        seen_through = lone(Scene(point, dot=5, dark=dark, fade_behind_hits=0.2, **beside), dark=dark)
        assert seen_through[0] / plain[0] == pytest.approx(1 - 0.2 * (1 - left), abs=0.02)


def test_behind_thumbnails_half_of_a_points_strength_is_left() -> None:
    point, image = layer([2.5], [4.0]), np.zeros((8, 8, 4), np.uint8)
    plain = lone(Scene(point, dot=5))
    tile = Tile(0, image, 150.0, 30.0, 20.0, 20.0, (9, 9, 9))
    for share, left in ((1.0, 0.5), (0.4, 0.8), (0.0, 1.0)):
        shown = lone(Scene(point, dot=5, tiles=[tile], fade_behind_tiles=share))
        assert shown[0] / plain[0] == pytest.approx(left, abs=0.02)


@pytest.mark.parametrize("n", [1, DISC_LIMIT + 1])
def test_what_does_not_pass_the_filters_is_smaller_grey_and_faint(n: int) -> None:
    none, some = layer([], []), layer([2.5] * n, [4.0] * n)
    shown, plain = (render(scene, VIEW) for scene in (Scene(none, faint=some, dot=6), Scene(some, dot=6)))
    grey = np.array(rgb(DARK.neutral), int) - rgb(DARK.canvas)
    away = shown[80, 50, :3].astype(int) - rgb(DARK.canvas)
    assert away == pytest.approx(grey * 0.34, abs=4)
    assert differs(shown, DARK.canvas)[80, 60:].max() == 0  # it gives no light
    wide = [int((differs(picture, DARK.canvas)[80] > 0.5 * differs(picture, DARK.canvas)[80, 50]).sum())
            for picture in (shown, plain)]  # fmt: skip
    if n == 1:  # dense dots are blurred as far as they may be
        assert 0.5 * wide[1] < wide[0] < 0.85 * wide[1]


def test_small_dots_of_many_points_are_more_translucent_than_large_ones() -> None:
    shown = [lone(Scene(layer([2.5], [4.0]), dot=dot))[0] for dot in (1.5, 3.0, 6.0)]
    assert shown == sorted(shown)
    assert shown[0] < 0.8 * shown[-1]


@pytest.mark.parametrize(("dot", "scale"), [(1.0, 1.0), (8.0, 1.0), (4.0, 2.0)])
def test_results_have_a_ring_of_ink_round_their_colour_and_are_never_small(dot: float, scale: float) -> None:
    hit = layer([2.5], [4.0])
    row = render(Scene(layer([], []), hits=hit, dot=dot, scale=scale), VIEW.scaled(scale))[int(80 * scale)]
    reach = scale * max(dot * 1.25, 4.5)
    centre = 50 * scale
    assert tuple(row[int(centre), :3]) == tuple(PALETTE[0])
    assert row[int(centre + reach + 0.6 * scale), :3].min() > 200  # white ink
    assert differs(row[None], DARK.canvas)[0, int(centre + reach + 3 * scale) :].max() == 0


def tiled(**options: object) -> np.ndarray:
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., 1] = 255
    tiles = [Tile(0, image, 50.0, 80.0, 60.0, 60.0, (255, 0, 0), **options)]
    if not options:
        tiles.append(Tile(1, image, 150.0, 80.0, 60.0, 60.0, (255, 0, 0), emphasised=True))
    return render(Scene(layer([], []), tiles=tiles), VIEW)


def test_beside_results_the_other_thumbnails_fade_and_results_and_marks_have_rings_of_their_own() -> None:
    beside = tiled()
    faded = np.array(rgb(DARK.canvas)) * 0.65 + np.array([0, 255, 0]) * 0.35
    assert beside[80, 50, :3] == pytest.approx(faded, abs=2)
    assert tuple(beside[80, 150, :3]) == (0, 255, 0)
    assert tuple(tiled(emphasised=True)[80, 50, :3]) == (0, 255, 0)  # nothing is beside it
    rings = {
        name: tuple(int(channel) for channel in tiled(**{name: True})[80, 21, :3])
        for name in ("emphasised", "marked")
    }
    assert rings == {"emphasised": rgb(DARK.ink), "marked": rgb(DARK.accent)}


@pytest.mark.parametrize("dark", [True, False])
def test_a_thumbnail_has_a_shadow_below_it_and_round_corners(dark: bool) -> None:
    image = np.full((64, 64, 4), 255, np.uint8)
    tile = Tile(0, image, 100.0, 80.0, 60.0, 60.0, (255, 255, 255))
    picture = render(Scene(layer([], []), tiles=[tile], dark=dark), VIEW)
    brightness = picture[..., :3].astype(int).sum(-1)
    ground = sum(rgb((DARK if dark else LIGHT).canvas))
    assert brightness[113, 100] < ground  # below
    assert ground - brightness[113, 100] > ground - brightness[46, 100]  # more than above
    assert brightness[125, 100] == brightness[80, 145] == ground  # and it ends
    assert brightness[51, 71] < 3 * 255  # the corner's pixel is not the picture's
    assert brightness[56, 76] == 3 * 255


@pytest.mark.parametrize(("mark", "wide"), [(None, 1.5), ("emphasised", 2.5), ("marked", 3.0)])
def test_the_ring_of_a_thumbnail_is_wider_round_results_and_widest_round_marks(
    mark: str | None, wide: float
) -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    tile = Tile(0, image, 100.0, 80.0, 60.0, 60.0, (255, 255, 255), **({mark: True} if mark else {}))
    row = render(Scene(layer([], []), tiles=[tile]), VIEW)[80, 70:85, :3].astype(float)
    assert row.max(-1).sum() / row.max() == pytest.approx(wide, abs=0.1)


def test_the_corners_of_an_oblong_thumbnail_are_as_round_as_its_shorter_side_allows() -> None:
    image = np.full((64, 64, 4), 255, np.uint8)
    for width, height in ((80.0, 20.0), (20.0, 80.0)):
        tile = Tile(0, image, 100.0, 80.0, width, height, (255, 255, 255))
        picture = render(Scene(layer([], []), tiles=[tile]), VIEW)
        left, top = int(100 - width / 2), int(80 - height / 2)
        assert picture[top, left, 0] < 128
        assert picture[top + 1, left + 3, 0] == picture[top + 3, left + 1, 0] == 255


@pytest.mark.parametrize(("dot", "rim"), [(1.5, 0.0), (3.0, 0.75), (8.0, 1.0)])
def test_a_chosen_point_has_a_thin_rim_of_ink_beyond_its_own_size(dot: float, rim: float) -> None:
    none, point = layer([], []), layer([2.5], [4.0])
    row = render(Scene(none, selection=point, dot=dot), VIEW)[80, 50:80, :3].astype(float)
    ground = np.array(rgb(DARK.canvas), float)
    red = (row[:, 0] - ground[0]) / (PALETTE[0, 0] - ground[0])  # white ink counts for more than one
    ink = (255 - ground[0]) / (PALETTE[0, 0] - ground[0])
    assert red.sum() == pytest.approx(dot + rim * ink, abs=0.3)
