"""The map as images come and go: what stays, what is placed, what is relaxed."""

from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
import pytest
from maps import PLAIN, Vectors, base_of, extended, first, of_its_kind, preserved, subset

from clipper.projection.graph import build_graph
from clipper.projection.layout import FIT, PLACE, RELAX, Layout, Parameters, fit
from clipper.projection.quality import describe_drift, measure_baseline, measure_drift
from clipper.projection.relax import curve, relax
from clipper.projection.update import MIN_NEW_KIND, EarlierMap, add_images, update_map


def test_what_is_on_the_map_stays_to_the_bit_when_images_are_added(unit_vectors: Vectors):
    vectors = unit_vectors(500)
    base = base_of(vectors, first(450, of=500))
    made = update_map(vectors, base, PLAIN)
    assert not made.refitted
    assert made.layout.positions[:450].tobytes() == base.layout.positions[:450].tobytes()
    assert (made.layout.by == [FIT] * 450 + [PLACE] * 50).all()
    assert np.isfinite(made.layout.positions).all()


def test_a_new_kind_of_image_settles_among_its_like_and_nothing_else_moves(
    crowd: np.ndarray, known: EarlierMap
):
    new = np.arange(900, 1_100)
    placed = add_images(crowd, known, build_graph(crowd), PLAIN, reach=np.inf)  # nothing counts as far
    made = update_map(crowd, known, PLAIN, mode="never")
    assert made.layout.positions[:900].tobytes() == known.layout.positions[:900].tobytes()
    assert (made.layout.by[900:] == RELAX).mean() > 0.95
    before, after = preserved(crowd, placed, new), preserved(crowd, made.layout, new)
    assert after > 1.5 * before  # 2.25 times and more was seen with other seeds, as on other processors
    assert after > 0.8 * preserved(crowd, fit(crowd, PLAIN), new)
    assert of_its_kind(made.layout, ~known.known) > 0.9
    assert made.drift.due == ()


def test_the_same_new_kind_settles_in_the_same_places_to_the_byte(crowd: np.ndarray, known: EarlierMap):
    graph = build_graph(crowd)
    usual = measure_baseline(crowd, known.layout, graph, seed=0)
    one, two = (
        add_images(crowd, known, graph, PLAIN, reach=usual.reach).positions.tobytes() for _ in range(2)
    )
    other = add_images(crowd, known, graph, Parameters(seed=7), reach=usual.reach).positions.tobytes()
    assert one == two != other


def test_a_kind_that_came_before_has_landmarks_for_those_that_come_later(
    crowd: np.ndarray, known: EarlierMap
):
    came = np.arange(1_000)
    made = update_map(crowd[came], subset(known, came), PLAIN, mode="never")
    later = update_map(crowd, extended(crowd, made.layout, made.drift, 100), PLAIN, mode="never")
    assert (later.layout.by[1_000:] == PLACE).mean() > 0.9
    assert later.layout.positions[:1_000].tobytes() == made.layout.positions.tobytes()
    assert of_its_kind(later.layout, ~known.known) > 0.9


def test_a_kind_that_comes_a_few_at_a_time_is_seen_in_the_end(crowd: np.ndarray, known: EarlierMap):
    few = MIN_NEW_KIND - 4
    came = np.arange(900 + few)
    made = update_map(crowd[came], subset(known, came), PLAIN)
    assert (made.layout.by[900:] == PLACE).all()
    vectors = crowd[: 900 + 2 * few]
    later = update_map(vectors, extended(vectors, made.layout, made.drift, few), PLAIN)
    assert (later.layout.by[900:] == [PLACE] * few + [RELAX] * few).all()
    assert later.layout.positions[: 900 + few].tobytes() == made.layout.positions.tobytes()


def test_odd_images_and_images_of_known_kinds_are_no_new_kind(crowd: np.ndarray, known: EarlierMap):
    random = np.random.default_rng(3)
    odd = random.normal(size=(40, 32))
    odd = (odd / np.linalg.norm(odd, axis=1, keepdims=True)).astype(np.float32)
    vectors = np.vstack([crowd[:900], odd])
    made = update_map(vectors, subset(known, np.arange(940)), PLAIN, mode="never")
    assert (made.layout.by[900:] == PLACE).all()
    assert made.drift.figures["far_share"] > 0.5
    known_kinds = unit(crowd[:100] + 0.02 * random.normal(size=(100, 32)))
    made = update_map(np.vstack([crowd[:900], known_kinds]), subset(known, np.arange(1_000)), PLAIN)
    assert (made.layout.by[900:] == PLACE).all()
    assert made.drift.figures["far_share"] < 0.05


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_two_new_kinds_settle_apart(crowd: np.ndarray, known: EarlierMap):
    mirrored = crowd[900:] * ([1.0] * 16 + [-1.0] * 16)
    vectors = np.vstack([crowd, mirrored.astype(np.float32)])
    base = extended(vectors, Layout(known.layout.positions, known.layout.by), known.drift or None, 200)
    base = replace(base, known=first(900, of=1_300))
    made = update_map(vectors, base, PLAIN, mode="never")
    for kind in (slice(900, 1_100), slice(1_100, 1_300)):
        mask = np.zeros(1_300, bool)
        mask[kind] = True
        assert of_its_kind(made.layout, mask) > 0.85


GROWN = """
import hashlib, sys
import numpy as np
from clipper.projection.update import EarlierMap, update_map
from clipper.projection.layout import FIT, PLACE, Layout, Parameters
random = np.random.default_rng(0)
groups = random.normal(size=(9, 64))
vectors = groups[np.repeat(np.arange(9), 300)] + 0.3 * random.normal(size=(2_700, 64))
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
old = np.arange(2_700) < 2_350
positions = 10 * groups[np.repeat(np.arange(9), 300), :2] + random.normal(size=(2_700, 2))
base = EarlierMap(Layout(positions.astype(np.float32), np.where(old, FIT, PLACE)), old)
made = update_map(vectors, base, Parameters(), mode="never")
shown = lambda layout: hashlib.sha256(layout.positions.tobytes()).hexdigest()
print(shown(made.layout), made.drift, (made.layout.by == "relax").sum())
print(*[name for name in ("umap", "numba", "sklearn", "pynndescent") if name in sys.modules])
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def test_growing_needs_no_compiler_and_gives_the_same_bytes_on_any_number_of_threads(
    python: Callable[..., CompletedProcess[str]],
):
    one, two = (python(GROWN, **dict.fromkeys(THREADS, str(count))) for count in (1, 2))
    figures, heavy = one.stdout.splitlines()
    assert heavy == "", one.stderr
    assert int(figures.split()[-1]) > 200
    assert one.stdout == two.stdout


@pytest.mark.slow
def test_a_fit_and_a_refit_give_the_same_bytes_on_any_number_of_threads(
    python: Callable[..., CompletedProcess[str]],
):
    code = GROWN + (
        "from clipper.projection import neighbors\nfrom clipper.projection.layout import fit\n"
        "from clipper.projection.refit import refit\n"
        "for limit in (30_000, 1_000):\n"
        "    neighbors.EXACT_KNN_LIMIT = limit\n"
        "    print(shown(fit(vectors, Parameters())))\n"
        "    print(shown(refit(vectors, made.layout, old, Parameters())))\n"
    )
    one, two = (python(code, **dict.fromkeys(THREADS, str(count))) for count in (1, 2))
    made = one.stdout.splitlines()[2:]
    assert len(made) == 4, one.stderr
    assert made[0] != made[1]
    assert one.stdout == two.stdout


def test_the_curve_is_umaps():
    from umap.umap_ import find_ab_params

    for min_dist in (0.0, 0.1, 0.5, 0.99):
        assert curve(min_dist) == pytest.approx(find_ab_params(1.0, min_dist), rel=1e-4)


def test_relaxing_pulls_neighbours_together_and_pushes_the_crowd_away():
    random = np.random.default_rng(0)
    positions = random.normal(size=(440, 2)).astype(np.float32) * 2
    positions[400:420] += (3, 0)
    positions[420:] -= (3, 0)
    moving = np.arange(400, 440)
    indices = np.array([[other for other in moving if other != i][:15] for i in moving])
    rested = relax(positions, moving, indices, np.full((40, 15), 0.1, np.float32), min_dist=0.1, seed=0)
    assert rested.std(axis=0).max() < 0.5 * positions[moving].std(axis=0).max()
    to_the_crowd = np.linalg.norm(positions[None, :400] - rested[:, None], axis=2)
    assert np.isfinite(rested).all()
    assert (np.sort(to_the_crowd, axis=1)[:, 5] > 0.05).all()


def test_points_that_start_on_one_another_come_apart():
    positions = np.zeros((30, 2), np.float32)
    moving = np.arange(20)
    indices = np.array([[j for j in moving if j != i][:10] for i in moving])
    rested = relax(positions, moving, indices, np.full((20, 10), 0.2, np.float32), min_dist=0.1, seed=0)
    assert len(np.unique(rested, axis=0)) == 20
    assert np.isfinite(rested).all()


def test_the_frames_figures_tell_well_placed_from_badly_placed(unit_vectors: Vectors):
    vectors = unit_vectors(1_000, spread=0.4)
    base = base_of(vectors, first(900, of=1_000))
    graph = build_graph(vectors)
    usual = measure_baseline(vectors, base.layout, graph, seed=0)
    grown = add_images(vectors, base, graph, PLAIN, reach=usual.reach)
    good = measure_drift(vectors, grown, graph, usual, PLAIN, since=base.drift)
    assert good.figures["placed_share"] == 0.1
    assert good.figures["placed_preservation"] > 0.6 * good.figures["fitted_preservation"] > 0.1
    assert good.due == ()
    scattered = grown.positions.copy()
    scattered[900:] = np.random.default_rng(0).permutation(scattered[900:])
    bad = measure_drift(vectors, Layout(scattered, grown.by), graph, usual, PLAIN, since=base.drift)
    assert bad.due == ("placed_preservation",)
    assert "keep" in describe_drift(bad)[0]
    assert "threshold 50% of that" in describe_drift(bad)[0]


def test_preservation_is_that_of_brute_force(unit_vectors: Vectors):
    vectors = unit_vectors(300)
    layout = fit(vectors, PLAIN)
    measured = measure_baseline(vectors, layout, build_graph(vectors), seed=0)
    assert measured.preservation == pytest.approx(preserved(vectors, layout, np.arange(300)), abs=0.005)
    alike = np.sort(vectors @ vectors.T, axis=1)[:, -16]
    assert measured.reach == pytest.approx(np.quantile(1 - alike, 0.99), abs=1e-5)
