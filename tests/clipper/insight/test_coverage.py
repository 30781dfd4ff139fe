"""Coverage: how many images there are of a concept, and which concepts are missing."""

import numpy as np
import pytest

from clipper.insight.coverage import UNSURE, measure_coverage


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def concepts() -> np.ndarray:
    """400 concepts; the first 40 are in the images, the next 160 are not, the others are random words."""
    return _unit(np.random.default_rng(0).normal(size=(400, 128)) + 0.05)


@pytest.fixture(scope="module")
def members() -> np.ndarray:
    """How many images there are of the first 40."""
    return np.arange(1, 41)


@pytest.fixture(scope="module")
def images(concepts: np.ndarray, members: np.ndarray) -> np.ndarray:
    noise = 0.08 * np.random.default_rng(1).normal(size=(members.sum(), 128))
    return _unit(concepts[np.repeat(np.arange(40), members)] + noise)


def test_present_concepts_get_their_count_and_absent_ones_none(
    images: np.ndarray, concepts: np.ndarray, members: np.ndarray
):
    found = measure_coverage(images, concepts[:200], concepts[200:])
    assert np.abs(found.counts[:40] - members).mean() < 1
    assert (found.counts[40:] > 0).mean() < 0.08
    assert (found.resembling >= found.counts).all()


def test_the_best_image_is_the_nearest(images: np.ndarray, concepts: np.ndarray):
    found = measure_coverage(images, concepts[:200], concepts[200:])
    cosines = concepts[:200] @ images.T
    assert (found.similarities > cosines.max(1) - 0.02).all()
    assert np.allclose(found.similarities, cosines[np.arange(200), found.best], atol=1e-5)


def test_absent_concepts_come_first(images: np.ndarray, concepts: np.ndarray):
    found = measure_coverage(images, concepts[:200], concepts[200:])
    order = found.order()
    assert (np.diff(found.counts[order]) >= 0).all()
    assert set(found.absent()) == set(np.flatnonzero(found.counts == 0))
    assert (found.by_chance[:40] < 0.05).all()
    assert np.median(found.by_chance[40:]) > 0.2


def test_a_concept_is_unsure_if_its_nearest_image_may_be_one_and_never_if_it_has_images(
    images: np.ndarray, concepts: np.ndarray
):
    found = measure_coverage(images, concepts[:200], concepts[200:])
    assert not (found.unsure & (found.counts > 0)).any()
    assert (found.by_chance[found.unsure] <= UNSURE).all()
    assert (found.scores[found.unsure] >= found.level).all()


def test_random_words_that_the_images_show_do_not_hide_the_others(images: np.ndarray, concepts: np.ndarray):
    few_shown = np.concatenate([concepts[200:], concepts[30:35]])
    found = measure_coverage(images, concepts[:30], few_shown)
    assert (found.counts[3:] > 0).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_handful_of_images_and_no_concepts_are_no_errors(images: np.ndarray, concepts: np.ndarray, n: int):
    found = measure_coverage(images[:n], concepts[:50], concepts[200:])
    assert len(found) == 50
    assert np.isfinite(found.similarities).all()
    assert (found.counts <= n).all()
    assert n or (found.best == -1).all()
    assert len(measure_coverage(images[:n], concepts[:0], concepts[200:]).order()) == 0


def test_identical_images_are_counted_together(images: np.ndarray, concepts: np.ndarray):
    found = measure_coverage(np.repeat(images[-1:], 100, axis=0), concepts[:200], concepts[200:])
    assert found.counts[39] == 100
    assert (found.best >= 0).all()  # the nearest may be any of them: processors round differently


def test_the_same_figures_each_time(images: np.ndarray, concepts: np.ndarray):
    one, two = (measure_coverage(images, concepts[:200], concepts[200:]) for _ in range(2))
    assert one.scores.tobytes() == two.scores.tobytes()
    assert one.counts.tobytes() == two.counts.tobytes()
