"""Pictures of the map as browsers are sent them."""

import io

import numpy as np
import pytest
from fakes import FakeAtlas
from PIL import Image

from viewer.dataset.dataset import Dataset
from viewer.dataset.geometry.viewport import Viewport
from viewer.render.jpeg import encode_frame, to_jpeg
from viewer.render.painter import RenderRequest, paint


@pytest.fixture(scope="module")
def wanted() -> RenderRequest:
    dataset = Dataset(FakeAtlas(3000))
    return RenderRequest(
        dataset, Viewport.fitted(dataset.view, width=640, height=480), dataset.default_colour, dark=True
    )


def opened(jpeg: np.ndarray) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(jpeg.tobytes())))


def test_a_fine_picture_is_the_one_drawn_and_a_quick_one_nearly(wanted: RenderRequest) -> None:
    picture = paint(wanted)
    apart = {}
    for fine in (True, False):
        sent = opened(encode_frame(picture, fine=fine).jpeg)
        assert sent.shape == (480, 640, 3)
        apart[fine] = np.abs(sent.astype(int) - picture.pixels[..., :3]).mean()
    assert apart[True] < 1
    assert apart[True] < apart[False] < 3
    assert np.ptp(picture.pixels[..., :3], axis=(0, 1)).min() > 50  # there is something on it


def test_what_is_sent_is_a_fraction_of_the_pixels_and_only_that_is_kept(wanted: RenderRequest) -> None:
    picture = paint(wanted)
    quick, fine = (encode_frame(picture, fine=fine) for fine in (False, True))
    assert len(quick.jpeg) < len(fine.jpeg) < picture.pixels.nbytes / 5
    assert fine.picture.pixels.nbytes == 0
    assert (fine.picture.viewport, fine.picture.tiles) == (picture.viewport, picture.tiles)


def test_neighbouring_pixels_keep_their_own_colours() -> None:
    stripes = np.zeros((64, 64, 4), np.uint8)
    stripes[:, ::2] = (255, 60, 60, 255)
    stripes[:, 1::2] = (60, 60, 255, 255)
    sent = opened(to_jpeg(stripes))
    assert np.abs(sent.astype(int) - stripes[..., :3]).max() < 40
