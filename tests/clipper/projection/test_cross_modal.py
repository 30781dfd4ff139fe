"""The weight that puts similarities with texts on the scale of those between images."""

from collections.abc import Callable

import numpy as np
import pytest

from clipper.projection.cross_modal import LEAST_IMAGES, MOST, measure_cross_modal_weight

Unit = Callable[..., np.ndarray]


def _texts(images: np.ndarray, *, share: float, offset: float = 0.0) -> np.ndarray:
    """Texts with so much of an image in them; all else of them is in a direction that no image has."""
    own = np.zeros((30, images.shape[1]), np.float32)
    own[:, :-2] = share * images[:30, :-2]
    own[:, -1] = np.sqrt(1 - share**2 - offset**2)
    own[:, -2] = offset
    return own


@pytest.fixture
def images(unit_vectors: Unit) -> np.ndarray:
    flat = unit_vectors(300)
    flat[:, -2:] = 0.0
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize("share", [0.4, 0.2, 0.1])
def test_texts_that_are_near_images_by_a_fraction_weigh_its_inverse(images: np.ndarray, share: float):
    assert measure_cross_modal_weight(images, _texts(images, share=share)) == pytest.approx(
        1 / share, rel=0.1
    )


def test_a_constant_that_all_similarities_have_changes_nothing(images: np.ndarray):
    shifted = images.copy()
    shifted[:, -2] = 0.5
    shifted /= np.linalg.norm(shifted, axis=1, keepdims=True)
    weights = [
        measure_cross_modal_weight(shifted, _texts(images, share=0.2, offset=offset))
        for offset in (-0.4, 0.4)
    ]
    assert weights[0] == pytest.approx(
        weights[1], rel=0.01
    )  # the cosines are below zero in one, above in the other


def test_texts_that_tell_no_image_from_another_weigh_the_most_there_is(images: np.ndarray):
    blind = np.zeros((5, images.shape[1]), np.float32)
    blind[:, -1] = 1.0
    assert measure_cross_modal_weight(images, blind) == MOST


def test_of_a_few_images_nothing_is_measured(images: np.ndarray):
    texts = _texts(images, share=0.2)
    assert measure_cross_modal_weight(images[: LEAST_IMAGES - 1], texts) is None
    assert measure_cross_modal_weight(images, texts[:0]) is None
