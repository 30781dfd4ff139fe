"""The part of the map in view, and the index that finds the points in it."""

import numpy as np
import pytest

from viewer.dataset.geometry.spatial_index import BANDS, PointIndex
from viewer.dataset.geometry.viewport import PADDING, Viewport


@pytest.mark.parametrize(("width", "height"), [(1000, 200), (200, 1000), (640, 480)])
def test_fitted_viewport_holds_the_view_with_one_unit(width: int, height: int) -> None:
    fitted = Viewport.fitted((-3, 5, 0, 2), width=width, height=height)
    assert fitted.square
    assert fitted.x0 < -3 < 5 < fitted.x1
    assert fitted.y0 < 0
    assert fitted.y1 > 2
    tight = min((fitted.x1 - fitted.x0) / 8, (fitted.y1 - fitted.y0) / 2)
    assert tight == pytest.approx(PADDING)


def test_pixels_and_positions_are_inverse() -> None:
    view = Viewport(-1, 3, 2, 4, 400, 200)
    px, py = view.pixels(np.array([0.5]), np.array([2.5]))
    assert view.position(float(px[0]), float(py[0])) == pytest.approx((0.5, 2.5))
    assert view.pixels(np.array([-1]), np.array([4]))[1][0] == 0


def test_unequal_units_are_noticed() -> None:
    assert not Viewport(0, 10, 0, 10, 400, 200).square


@pytest.mark.parametrize(
    ("width", "height", "valid"),
    [(5120, 2880, True), (8192, 8192, False), (10**7, 8, False), (500, 4, False)],
)
def test_only_what_fits_a_screen_is_drawn(width: int, height: int, valid: bool) -> None:
    assert Viewport(0, width, 0, height, width, height).valid is valid


def test_within_and_nearest_agree_with_a_plain_scan() -> None:
    rng = np.random.default_rng(1)
    xy = rng.normal(size=(5000, 2)).astype(np.float32)
    index = PointIndex.build(xy)
    box = (-0.3, 0.4, -1.0, 0.1)
    inside = (xy[:, 0] >= -0.3) & (xy[:, 0] <= 0.4) & (xy[:, 1] >= -1.0) & (xy[:, 1] <= 0.1)
    assert set(index.order[index.inside(box)]) == set(np.flatnonzero(inside))
    assert index.nearest(0.2, -0.2, radius=0.5) == np.argmin(((xy - [0.2, -0.2]) ** 2).sum(1))
    assert index.nearest(50, 50, radius=1) is None
    assert (index.order[index.rank] == np.arange(5000)).all()


@pytest.mark.parametrize("xy", [np.zeros((0, 2)), np.zeros((1, 2)), np.ones((9, 2)), [[0, 0], [1e6, -1e6]]])
def test_odd_point_sets_are_indexed(xy: object) -> None:
    index = PointIndex.build(np.asarray(xy, np.float32))
    assert len(index.inside((-2e6, 2e6, -2e6, 2e6))) == len(index)


def test_bands_hold_every_point_of_a_box_and_no_other() -> None:
    rng = np.random.default_rng(4)
    xy = rng.normal(size=(3000, 2)).astype(np.float32)
    box = (-1.0, 1.5, -2.0, 1.0)
    bands = np.array(PointIndex.build(xy).bands(box))
    inside = xy[(xy[:, 0] >= -1) & (xy[:, 0] <= 1.5) & (xy[:, 1] >= -2) & (xy[:, 1] <= 1)]
    held = (inside[:, :1] >= bands[:, 0]) & (inside[:, :1] <= bands[:, 1])
    held &= (inside[:, 1:] >= bands[:, 2]) & (inside[:, 1:] <= bands[:, 3])
    assert held.sum(1).tolist() == [1] * len(inside)
    assert len(bands) == BANDS
    assert bands[:, 1].max() == inside[:, 0].max()
    assert (bands[:, 3] - bands[:, 2]).max() <= 3 / BANDS + 1e-6


@pytest.mark.parametrize("xy", [np.zeros((0, 2)), np.full((2, 2), 7.0)])
def test_a_box_without_points_has_no_bands(xy: np.ndarray) -> None:
    assert PointIndex.build(xy.astype(np.float32)).bands((-1, 1, -1, 1)) == []
