"""Colours by similarity: the strongest matches stand out, in both themes, among few points and among many."""

import numpy as np
import pytest

from viewer.dataset.columns.colouring import similarity_colouring
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.raster import DISC_LIMIT, Layer, Scene, render
from viewer.theme import DARK, LIGHT, rgb

VIEW = Viewport(0, 600, 0, 400, 600, 400)
MATCHES = 12


def luminance(colours: np.ndarray) -> np.ndarray:
    """The relative luminance of colours (n, 3) uint8, as WCAG 2.2 defines it."""
    parts = colours / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    a, b = luminance(one), luminance(other)
    return (np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05)


def among(n: int, *, dark: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A crowd of points, the best of which are spread over it: the picture, and both kinds' pixels (k, 2)."""
    random = np.random.default_rng(3)
    crowd = np.clip(random.normal((300, 200), (80, 50), (n, 2)), 2, (598, 398))
    best = np.column_stack([np.linspace(160, 440, MATCHES), 200 + 60 * np.sin(np.arange(MATCHES))])
    likeness = np.r_[np.clip(random.normal(0.2, 0.05, n), 0, 0.36), np.linspace(0.5, 0.55, MATCHES)]
    colours = similarity_colouring("cat", likeness.astype(np.float32))
    x, y = np.r_[crowd, best].astype(np.float32).T.copy()
    points = Layer(x, y, colours.codes, colours.palette(dark=dark), colours.values, ranked=True)
    picture = render(Scene(points, dot=1.0 if n > DISC_LIMIT else 3.0, dark=dark), VIEW)
    pixels = np.column_stack([399 - y, x]).astype(int)
    return picture[..., :3], pixels[:-MATCHES], pixels[-MATCHES:]


@pytest.mark.parametrize("n", [1500, DISC_LIMIT + 40_000])
@pytest.mark.parametrize("dark", [True, False])
def test_the_best_matches_stand_out_from_the_ground_and_from_the_rest(n: int, dark: bool):
    picture, rest, best = among(n, dark=dark)
    ground = np.array([rgb((DARK if dark else LIGHT).canvas)])
    around = np.array([[v, u] for v in (-1, 0, 1) for u in (-1, 0, 1)])
    inks = np.array([picture[tuple((at + around).T)] for at in best])  # (matches, 9, 3)
    strongest = inks[np.arange(MATCHES), contrast(inks, ground).argmax(1)]
    others = np.median(picture[tuple(rest.T)], 0)[None]
    assert contrast(strongest, ground).min() > 4.5
    assert contrast(strongest, others).min() > 3.0


@pytest.mark.parametrize("dark", [True, False])
def test_what_is_not_similar_gives_no_light(dark: bool):
    n = 400
    places = np.full(n, 100, np.float32) + np.random.default_rng(0).normal(0, 3, n).astype(np.float32)
    alike = similarity_colouring("cat", np.zeros(n, np.float32))
    palette = alike.palette(dark=dark)
    points = Layer(places, places[::-1].copy(), alike.codes, palette, alike.values, ranked=True)
    picture = render(Scene(points, dot=2.0, dark=dark), VIEW)
    away = np.abs(picture[..., :3].astype(int) - rgb((DARK if dark else LIGHT).canvas)).max(-1)
    assert away[300, 100] > 8
    assert away[300, 118:].max() == 0
