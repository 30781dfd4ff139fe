"""Drift: what has changed between two sets of images, and that nothing is found where nothing has."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from clipper.insight.drift import cluster_ids, compare_clusters, measure_drift
from clipper.insight.two_sample import adjust, count_tests, energy_test, sparse_rows
from clipper.store.parts.clusters import LEVELS, NOISE, REPRESENTATIVES, Clusters

Vectors = Callable[..., np.ndarray]


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 :]


def keys(*rows: int) -> list[bytes]:
    return [b"%d" % row for row in rows]


def test_random_halves_do_not_differ(unit_vectors: Vectors):
    vectors = unit_vectors(240)
    p_values, drifted = [], 0
    for seed in range(50):
        one, other = halves(240, seed)
        drift = measure_drift(vectors[one], vectors[other], seed=seed)
        p_values.append(list(drift.p_values.values()))
        drifted += drift.drifted
    assert ((np.array(p_values) < 0.05).mean(axis=0) <= 0.1).all()
    assert 0.3 < np.median(np.array(p_values)[:, 0]) < 0.7
    assert drifted <= 5


def test_a_group_that_one_side_lacks_is_found(unit_vectors: Vectors):
    vectors = unit_vectors(800, groups=8)
    kind = (vectors @ vectors[0] > 0.5) & (np.arange(800) % 2 == 0)
    kept = ~kind
    one, other = np.arange(1, 800, 2), np.flatnonzero(kept & (np.arange(800) % 2 == 0))
    drift = measure_drift(vectors[one], vectors[other])
    assert drift.drifted
    assert drift.p_values["new"] < 0.05
    assert "unlike the others" in drift.summary()


def test_new_images_of_another_kind_are_found_and_their_rows_told(unit_vectors: Vectors):
    old = unit_vectors(500)
    odd = unit_vectors(50, groups=50, seed=9)
    after = np.concatenate([old, odd])
    drift = measure_drift(old, after, keys=(keys(*range(500)), keys(*range(550))))
    assert drift.drifted
    assert (drift.common, len(drift.new), len(drift.gone)) == (500, 50, 0)
    assert set(drift.sparse) <= set(range(500, 550))
    assert drift.sparse_share > 0.5
    assert "50 images are new, 0 are gone, 500 stayed" in drift.summary()


def test_a_kind_that_is_gone_is_found(unit_vectors: Vectors):
    vectors = unit_vectors(600)
    kept = np.flatnonzero(vectors @ vectors[0] < 0.5)
    drift = measure_drift(vectors, vectors[kept], keys=(keys(*range(600)), keys(*kept)))
    assert drift.p_values["gone"] < 0.01
    assert "new" not in drift.p_values
    assert "unlike those that stayed" in drift.summary()


def test_the_same_images_have_not_drifted(unit_vectors: Vectors):
    vectors = unit_vectors(100)
    drift = measure_drift(vectors, vectors[::-1], keys=(keys(*range(100)), keys(*reversed(range(100)))))
    assert not drift.drifted
    assert drift.summary() == "The same 100 images: nothing has changed."


@pytest.mark.parametrize(("m", "n"), [(0, 0), (0, 50), (1, 1), (2, 50), (50, 1), (4, 4)])
def test_too_few_images_are_told_to_be_too_few(unit_vectors: Vectors, m: int, n: int):
    vectors = unit_vectors(50)
    drift = measure_drift(vectors[:m], vectors[:n], clusters=(np.zeros(m, np.int64), np.zeros(n, np.int64)))
    assert not drift.tested
    assert not drift.drifted
    assert "too few to tell" in drift.summary()


@pytest.mark.parametrize(("m", "n"), [(10, 3_000), (3_000, 10)])
def test_very_unequal_sides_are_compared(unit_vectors: Vectors, m: int, n: int):
    vectors = unit_vectors(m + n)
    assert not measure_drift(vectors[:m], vectors[m:]).drifted
    other = np.tile(np.eye(32, dtype=np.float32)[:1], (10, 1))
    assert measure_drift(vectors[10:], other).drifted


def test_identical_images_and_copies_across_sides_break_nothing(unit_vectors: Vectors):
    same = np.repeat(unit_vectors(1), 40, axis=0)
    drift = measure_drift(same, same[:30])
    assert not drift.drifted
    assert drift.p_values == {"new": 1.0, "sparse": 1.0}
    vectors = unit_vectors(200)
    copied = measure_drift(vectors, vectors + 1e-8)
    assert not copied.drifted
    assert len(copied.sparse) == 0


def test_clusters_that_came_grew_shrank_and_went_are_named():
    before = np.repeat([1, 2, 3, 4, NOISE], [200, 100, 300, 100, 50])
    after = np.repeat([1, 2, 3, 5, NOISE], [200, 300, 100, 100, 50])
    changes, least = compare_clusters(before, after)
    assert {c.id: c.change for c in changes} == {2: "grew", 3: "shrank", 4: "vanished", 5: "appeared"}
    assert least < 1e-9
    vectors = np.eye(8, dtype=np.float32)[np.zeros(750, int)]
    drift = measure_drift(vectors, vectors, clusters=(before, after))
    said = drift.summary({5: "sea birds"})
    assert "They alone have: sea birds. They have more: cluster 2." in said
    assert "They have fewer: cluster 3. They have none: cluster 4." in said


def test_clusters_that_are_found_anew_have_not_changed_for_that():
    before, after = np.repeat([1, 4], [200, 100]), np.repeat([1, 6, 5], [200, 100, 100])
    vectors = np.eye(8, dtype=np.float32)[np.zeros(400, int)]
    names = [bytes([at // 256, at % 256]) for at in range(400)]
    grown = measure_drift(vectors[:300], vectors, keys=(names[:300], names), clusters=(before, after))
    assert {c.change for c in grown.clusters} == {"appeared", "shrank"}
    assert (grown.clusters[0].id, grown.clusters[0].change) == (5, "appeared")
    left = measure_drift(
        vectors[:300], vectors[:200], keys=(names[:300], names[:200]), clusters=(before, before[:200])
    )
    assert [(c.id, c.change) for c in left.clusters if c.change == "vanished"] == [(4, "vanished")]


def test_a_larger_dataset_of_the_same_clusters_has_not_changed():
    before, after = np.repeat([1, 2, 3], [10, 20, 30]), np.repeat([1, 2, 3], [100, 200, 300])
    assert compare_clusters(before, after) == ((), 1.0)
    assert compare_clusters(before[:0], after[:0]) == ((), 1.0)
    assert compare_clusters(np.full(9, NOISE), np.full(9, NOISE)) == ((), 1.0)


def test_cluster_ids_are_those_of_the_level():
    members = np.array([[0, 1, NOISE], [0, NOISE, NOISE], [NOISE, NOISE, NOISE]], np.int32)
    clusters = Clusters(
        ids=np.array([70, 80]),
        levels=np.array([0, 1], np.int8),
        parents=np.array([NOISE, 0], np.int32),
        sizes=np.array([2, 1], np.int32),
        centers=np.zeros((2, 2), np.float32),
        colors=np.zeros(2, np.int16),
        representatives=np.full((2, REPRESENTATIVES), NOISE, np.int32),
        members=members,
        faces=np.arange(3, dtype=np.int32),
    )
    found = [cluster_ids(clusters, level).tolist() for level in range(LEVELS)]
    assert found == [[70, 70, NOISE], [80, NOISE, NOISE], [NOISE] * 3]


def test_counts_are_tested_exactly():
    p_values = count_tests(np.array([10, 0]), np.array([0, 0]), of=(10, 10))
    assert np.allclose(p_values, [2 / 184_756, 1.0])  # one of C(20, 10) ways, doubled
    assert count_tests(np.array([3]), np.array([0]), of=(3, 0)).tolist() == [1.0]


def test_p_values_are_adjusted_in_order():
    assert np.allclose(adjust(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    assert len(adjust(np.empty(0))) == 0


def test_the_same_seed_gives_the_same_answer(unit_vectors: Vectors):
    one, other = unit_vectors(2_100), unit_vectors(300, seed=1)
    assert energy_test(one, other, seed=3) == energy_test(one, other, seed=3)
    assert energy_test(one, other)[1] == 1 / 500


def test_few_new_images_in_known_regions_are_sparse(unit_vectors: Vectors):
    vectors = unit_vectors(2_000)
    rows, share, p_value = sparse_rows(vectors[:1_500], vectors[1_500:])
    assert share == len(rows) / 500
    assert share < 0.1
    assert p_value > 0.01


def test_a_report_is_written_as_json(unit_vectors: Vectors):
    clusters = (np.repeat([1, 2], 50), np.repeat([1, 3], 50))
    drift = measure_drift(unit_vectors(100), unit_vectors(100, seed=1), clusters=clusters)
    written = json.loads(json.dumps(drift.to_json()))
    assert written["drifted"] is True
    assert written["new"] == 100
    assert {change["change"] for change in written["clusters"]} == {"appeared", "vanished"}
    assert written["summary"] == drift.summary()
