"""Typed words: what a list means, and which images get which word."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from clipper.atlas.engine import SearchEngine
from clipper.insight import chance
from clipper.insight.chance import match_level, measure_chance
from clipper.insight.classify import NONE, classify, join_words, parse_words, split_words


@pytest.fixture(scope="module")
def scene() -> SimpleNamespace:
    """Images near five words, 150 of each, and 150 near no word, with a gap between texts and images.

    Of the 64 dimensions, the first is for images and the second for texts.
    """
    random = np.random.default_rng(0)

    def unit(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    things = unit(random.normal(size=(206, 62)))
    texts = unit(np.hstack([np.zeros((206, 1)), np.full((206, 1), 0.7), things]))
    shown = np.repeat(np.r_[0:5, 205], 150)
    noise = 0.05 * random.normal(size=(900, 62))
    images = unit(np.hstack([np.full((900, 1), 0.7), np.zeros((900, 1)), things[shown] + noise]))
    return SimpleNamespace(
        images=images,
        words=texts[:5],
        absent=texts[5:105],
        random=texts[105:169],
        truth=np.repeat(range(6), 150),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat, dog, bird, none of these", ["cat", "dog", "bird"]),
        ("cat\ndog\r\n\n bird ", ["cat", "dog", "bird"]),
        ('"black, white", cat', ["black, white", "cat"]),
        ('"say ""hi"", you" ; cat', ['say "hi", you', "cat"]),
        ("Cat, cat,CAT", ["Cat"]),
        ("猫、犬，鳥", ["猫", "犬", "鳥"]),  # noqa: RUF001
        ("  a   red car ", ["a red car"]),
        ('"open, cat', ['"open', "cat"]),
        ("None", []),
        (" , ,\n", []),
        ("", []),
        ("half \ud83d, cat", ["half ?", "cat"]),
    ],
)
def test_a_typed_list_is_read_as_a_person_means_it(text: str, words: list[str]):
    assert parse_words(text) == words
    assert split_words(join_words(words)) == words


def test_a_word_that_is_there_twice_is_seen():
    assert split_words("cat, dog, cat, none of these") == ["cat", "dog", "cat"]
    assert join_words(["cat", "black, white"]) == 'cat, "black, white"'


def test_images_get_their_word_and_those_of_no_word_get_none(scene: SimpleNamespace):
    found = classify(scene.images, scene.words[:3], scene.random)
    expected = np.where(scene.truth < 3, scene.truth, NONE)
    assert (found.words == expected).mean() > 0.97
    assert found.counts.tolist() == [(found.words == word).sum() for word in range(3)]
    assert found.none == (found.words == NONE).sum()


def test_words_that_no_image_shows_get_almost_none(scene: SimpleNamespace):
    found = classify(scene.images, scene.absent[:8], scene.random)
    assert (found.words != NONE).mean() < 0.02


def test_margins_are_positive_for_a_word_and_negative_for_none(scene: SimpleNamespace):
    found = classify(scene.images, scene.words[:3], scene.random)
    assert np.isfinite(found.margins).all()
    assert (found.margins[found.words != NONE] >= 0).all()
    assert (found.margins[found.words == NONE] <= 0).all()


def test_of_equal_words_the_first_gets_the_images(scene: SimpleNamespace):
    found = classify(scene.images, scene.words[[0, 0, 1]], scene.random)
    assert found.counts[0] > 100
    assert found.counts[1] == 0


def test_one_word_and_two_hundred_work(scene: SimpleNamespace):
    assert classify(scene.images, scene.words[:1], scene.random).counts[0] > 140
    many = np.concatenate([scene.words, np.tile(scene.absent, (2, 1))])
    assert classify(scene.images, many, scene.random).counts[:5].min() > 140


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_handful_of_images_and_no_words_are_no_errors(scene: SimpleNamespace, n: int):
    found = classify(scene.images[:n], scene.words, scene.random)
    assert len(found.words) == len(found.margins) == n
    empty = classify(scene.images[:n], scene.words[:0], scene.random)
    assert (empty.words == NONE).all()
    assert empty.counts.tolist() == []


def test_identical_images_get_the_same_answer(scene: SimpleNamespace):
    same = np.repeat(scene.images[:1], 50, axis=0)
    assert set(classify(same, scene.words, scene.random).words.tolist()) == {0}


def test_too_few_random_words_are_refused(scene: SimpleNamespace):
    with pytest.raises(ValueError, match="at least 8 random words, not 3"):
        classify(scene.images, scene.words, scene.random[:3])


def test_blocks_change_nothing(scene: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    whole = classify(scene.images, scene.words, scene.random)
    monkeypatch.setattr(chance, "_IMAGES", 70)
    monkeypatch.setattr(chance, "_WORDS", 2)
    parts = classify(scene.images, scene.words, scene.random)
    assert (parts.words == whole.words).all()
    assert np.allclose(parts.margins, whole.margins, atol=2e-3)


@pytest.fixture(scope="module")
def keyword_truth(sample_engine: SearchEngine) -> Callable[[str], np.ndarray]:
    of_images = sample_engine.metadata_table["keywords"].to_pylist()
    return lambda word: np.array([word in keywords for keywords in of_images])


@pytest.mark.slow
def test_the_samples_images_get_their_keywords(
    sample_engine: SearchEngine, keyword_truth: Callable[[str], np.ndarray]
):
    shown = ("clock", "heart", "bird", "arrow", "flag", "zodiac")
    vectors, random = sample_engine.stored, sample_engine.encoders.random_words
    words = np.stack([sample_engine.embed_text(word) for word in shown])
    names = sample_engine.metadata_table["name"].to_pylist()[::2]
    vocabulary = np.stack([sample_engine.embed_text(name) for name in names])
    level = match_level(vectors, measure_chance(vectors, random), vocabulary)
    truth = np.array([keyword_truth(word) for word in shown])
    precision = []
    for least, none in ((float("-inf"), 0.7), (level, 0.9)):
        found = classify(vectors, words, random, level=least)
        right = truth[found.words, np.arange(len(found.words))] & (found.words != NONE)
        precision.append(right.sum() / (found.words != NONE).sum())
        assert right.sum() / truth.any(0).sum() > 0.9
        assert (found.words[~truth.any(0)] == NONE).mean() > none
    assert precision[1] > precision[0] + 0.2
