"""The compiled loops for thumbnails, against the same pictures worked out pixel by pixel."""

import numpy as np
import pytest

from viewer.render import kernels

SIZE = (60, 80)  # of the canvas
GROUND, RING = np.array([20, 30, 40], np.uint8), np.array([250, 10, 90], np.uint8)
CORNER = 6.0

Place = tuple[float, float, float, float]  # the middle, width and height of a thumbnail
PLACES: list[Place] = [
    (40.0, 30.0, 40.0, 30.0),
    (33.3, 21.7, 28.9, 40.1),
    (1.2, 59.0, 50.0, 20.0),
    (78.4, -3.0, 30.0, 44.0),
    (40.0, 30.0, 200.0, 190.0),
    (-90.0, 30.0, 40.0, 30.0),
]


def canvas() -> np.ndarray:
    random = np.random.default_rng(3)
    return random.integers(0, 256, (*SIZE, 4), np.uint8) | np.array([0, 0, 0, 255], np.uint8)


def image(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(height)
    return random.integers(0, 256, (height, width, 4), np.uint8) | np.array([0, 0, 0, 255], np.uint8)


def distances(place: Place, drop: float = 0.0) -> np.ndarray:
    """How far each pixel is from the border of a rounded rectangle, negative inside."""
    cx, cy, w, h = place
    y, x = (axis + 0.5 for axis in np.mgrid[: SIZE[0], : SIZE[1]])
    qx, qy = np.abs(x - cx) - w / 2 + CORNER, np.abs(y - cy - drop) - h / 2 + CORNER
    outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0))
    return outside + np.minimum(np.maximum(qx, qy), 0) - CORNER


def stretched(source: np.ndarray, place: Place) -> np.ndarray:
    """The image on all of the canvas, as it is drawn within its border."""
    cx, cy, w, h = place
    sides = []
    for middle, size, pixels, count in ((cy, h, len(source), SIZE[0]), (cx, w, source.shape[1], SIZE[1])):
        at = (np.arange(count) + 0.5 - middle + size / 2) / size * pixels - 0.5
        sides.append(np.clip(at, 0, pixels - 1))
    y, x = sides
    y0, x0 = y.astype(int), x.astype(int)
    y1, x1 = np.minimum(y0 + 1, len(source) - 1), np.minimum(x0 + 1, source.shape[1] - 1)
    down, across = (y - y0)[:, None, None], (x - x0)[None, :, None]
    rows = [source[line][:, x0] * (1 - across) + source[line][:, x1] * across for line in (y0, y1)]
    return rows[0] * (1 - down) + rows[1] * down


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fade", [1.0, 0.35])
@pytest.mark.parametrize("shape", [(32, 48), (1, 1), (3, 90)])
@pytest.mark.parametrize("ring", [1.5, 5.0])
def test_a_thumbnail_has_a_smooth_border_a_ring_and_its_image(
    place: Place, fade: float, shape: tuple[int, int], ring: float
) -> None:
    before, drawn, source = canvas(), canvas(), image(*shape)
    kernels.draw_thumbnail(drawn, source, *place, CORNER, RING, ring, GROUND, fade)
    distance = distances(place)[..., None]
    rim, cover = np.clip(distance + ring + 0.5, 0, 1), np.clip(0.5 - distance, 0, 1)
    inside = stretched(source, place)[..., :3] * (1 - rim) + RING * rim
    ink = inside * fade + GROUND * (1 - fade)
    wanted = before[..., :3] * (1 - cover) + ink * cover
    assert np.abs(drawn[..., :3] - wanted).max() <= 1
    assert (drawn[..., 3] == 255).all()


@pytest.mark.parametrize("place", PLACES)
def test_a_shadow_falls_beside_its_thumbnail_and_is_left_out_below_it(place: Place) -> None:
    before, drawn = canvas(), canvas()
    drop, blur, strength = 2.0, 7.0, 0.75
    kernels.draw_shadow(drawn, *place, CORNER, drop, blur, strength)
    fall = np.clip((blur - distances(place, drop)) / (2 * blur), 0, 1)[..., None]
    wanted = before[..., :3] * (1 - strength * fall**2)
    beside = distances(place) > -kernels.SOFT
    assert np.abs(drawn[..., :3] - wanted)[beside].max(initial=0) <= 1
    assert (drawn[~beside] == before[~beside]).all()
