"""How well words fit clusters: searches give what sorting all images gives."""

import numpy as np
import pytest

from clipper.insight.words import evidence, results
from clipper.insight.words.evidence import NO_WORD, Search
from clipper.insight.words.results import blocks, first_results
from clipper.store.parts.clusters import NOISE, REPRESENTATIVES, Clusters


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nested(n: int, kinds: int) -> Clusters:
    """Clusters of images of so many kinds; the last of every ten images is in none."""
    of = np.arange(n) * kinds // n
    members = np.stack([of // 4, 10 + of // 2, 20 + of], axis=1)
    members[9::10] = NOISE
    rows = np.unique(members)
    members = (np.searchsorted(rows, members) - 1).astype(np.int32)
    c = len(rows) - 1
    levels = np.searchsorted([10, 20], rows[1:], side="right").astype(np.int8)
    return Clusters(
        np.arange(c), levels, np.full(c, NOISE, np.int32), np.bincount(members[members >= 0], minlength=c),
        np.zeros((c, 2), np.float32), np.zeros(c, np.int16), np.zeros((c, REPRESENTATIVES), np.int32),
        members, np.arange(n, dtype=np.int32),
    )  # fmt: skip


def share(inside: np.ndarray, outside: np.ndarray) -> float:
    """Of as many first results as the cluster has images, the share that lie in it, less chance."""
    size, n = len(inside), len(inside) + len(outside)
    order = np.argsort(-np.concatenate([inside, outside]), kind="stable")
    found = float((order[:size] < size).mean())
    return max(0.0, (found - size / n) / (1 - size / n))


@pytest.mark.parametrize("block", [3, 512])
def test_shares_are_those_of_sorting_all_images(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_BLOCK", block)
    random = np.random.default_rng(0)
    kinds = random.normal(size=(12, 24))
    of = np.arange(600) * 12 // 600
    vectors = unit(kinds[of] + random.normal(size=(600, 24)))
    words = unit(np.concatenate([kinds + random.normal(size=kinds.shape) / 2, random.normal(size=(20, 24))]))
    clusters = nested(600, 12)
    asked = random.integers(NO_WORD, len(words), (len(clusters), 5))
    found = Search(vectors, clusters).shares(asked, words)
    for cluster, row in enumerate(asked):
        is_in = clusters.members[:, clusters.levels[cluster]] == cluster
        for column, word in enumerate(row):
            likeness = vectors @ words[word]
            wanted = 0.0 if word == NO_WORD else share(likeness[is_in], likeness[~is_in])
            assert found[cluster, column] == pytest.approx(wanted, abs=1e-9)
    assert found.max() > 0.5


def test_shares_of_samples_are_near_those_of_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    kinds = random.normal(size=(8, 24))
    vectors = unit(kinds[np.arange(4000) * 8 // 4000] + 1.5 * random.normal(size=(4000, 24)))
    clusters = nested(4000, 8)
    asked = np.tile(np.arange(8), (len(clusters), 1))
    whole = Search(vectors, clusters).shares(asked, unit(kinds))
    monkeypatch.setattr(evidence, "BACKGROUND", 1000)
    sampled = Search(vectors, clusters).shares(asked, unit(kinds))
    assert np.abs(whole - sampled).max() < 0.12
    assert np.abs(whole - sampled).mean() < 0.02


@pytest.mark.parametrize("count", [1, 7, 150, 299, 300])
def test_first_results_are_the_best_in_their_order(count: int) -> None:
    likeness = np.random.default_rng(2).normal(size=(20, 300)).astype(np.float32).round(2)
    found = first_results(likeness, count)
    for search, row in enumerate(likeness):
        listed = slice(found.starts[search], found.starts[search + 1])
        assert listed.stop - listed.start >= count
        best = np.sort(row)[::-1][: listed.stop - listed.start]
        assert np.array_equal(found.likeness[listed], best)
        assert np.array_equal(row[found.images[listed]], best)


def test_blocks_hold_every_search_once_and_few_of_those_that_look_far_down() -> None:
    furthest = np.sort(np.random.default_rng(3).integers(1, 8_192, 2_000))[::-1]
    made = list(blocks(furthest))
    assert [row for block in made for row in range(block.start, block.stop)] == list(range(2_000))
    assert all((block.stop - block.start) * furthest[block.start] <= 1 << 19 for block in made)
    assert list(blocks(furthest[:0])) == []
