"""When a map is laid out again, and how little moves then."""

from itertools import pairwise

import numpy as np
import pytest
from maps import PLAIN, Vectors, base_of, first, moved

from clipper.projection import quality as frames
from clipper.projection.layout import FIT, PLACE, Layout, Parameters, fit
from clipper.projection.quality import describe_drift, measure_trust
from clipper.projection.refit import align, fit_similarity, refit
from clipper.projection.update import EarlierMap, start_map, update_map


def test_a_quarter_placed_is_due_and_a_refit_makes_it_undue(unit_vectors: Vectors):
    vectors = unit_vectors(600)
    base = base_of(vectors, first(440, of=600))
    put_off = update_map(vectors, base, PLAIN, mode="never")
    assert put_off.drift.due == ("placed_share",)
    assert describe_drift(put_off.drift) == ["27% of the map was placed, not fitted (threshold 25%)"]
    made = update_map(vectors, base, PLAIN)
    assert made.refitted
    assert (made.layout.by == FIT).all()
    assert made.drift.due == ()
    assert made.drift.figures["placed_share"] == 0
    assert moved(made.layout, base) < 0.1  # up to 0.049 was seen with other seeds, as on other processors


def test_half_of_the_fitted_gone_is_due(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    begun = start_map(vectors, PLAIN)
    left = np.arange(190)
    base = EarlierMap(Layout(begun.layout.positions[left], begun.layout.by[left]), left >= 0, begun.drift)
    made = update_map(vectors[left], base, PLAIN, mode="never")
    assert made.drift.due == ("gone_share",)
    assert made.layout.positions.tobytes() == begun.layout.positions[left].tobytes()
    assert update_map(vectors[left], base, PLAIN).drift.due == ()


def test_what_was_past_its_threshold_right_after_the_fit_is_not_due(unit_vectors: Vectors):
    vectors = unit_vectors(600, spread=3.0, groups=1)
    few = Parameters(fit_limit=100)
    begun = start_map(vectors, few)
    assert begun.drift.figures["placed_share"] == 0
    assert set(begun.drift.past_when_fitted) <= {"far_share", "placed_preservation"}
    assert begun.drift.due == ()
    bad = frames.MapDrift(begun.drift.figures, (), ("far_share", "placed_preservation"), 100)
    made = update_map(vectors, EarlierMap(begun.layout, np.ones(600, bool), bad), few)
    assert not made.refitted


def test_beyond_the_fits_limit_a_deleted_landmark_is_no_reason_to_lay_all_out_again(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    few = Parameters(fit_limit=100)
    begun = start_map(vectors, few)
    left = np.flatnonzero(np.arange(400) != np.flatnonzero(begun.layout.fitted)[0])
    base = EarlierMap(Layout(begun.layout.positions[left], begun.layout.by[left]), left >= 0, begun.drift)
    made = update_map(vectors[left], base, few)
    assert not made.refitted
    assert made.drift.figures["placed_share"] == 0.01


def test_always_refits_and_never_does_not(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    base = base_of(vectors, first(390, of=400))
    assert update_map(vectors, base, PLAIN, mode="always").refitted
    assert not update_map(vectors, base, PLAIN, mode="auto").refitted
    large = base_of(vectors, first(200, of=400))
    assert not update_map(vectors, large, PLAIN, mode="never").refitted


@pytest.mark.slow
@pytest.mark.parametrize("which", ["any", "a new kind"])
def test_a_refit_moves_the_median_old_point_little_and_maps_as_well_as_a_fit_from_scratch(
    crowd: np.ndarray, known: EarlierMap, unit_vectors: Vectors, which: str
):
    vectors, base = crowd, known
    if which == "any":
        vectors = unit_vectors(1_100, spread=0.4)
        base = base_of(vectors, first(1_000, of=1_100))
    grown = update_map(vectors, base, PLAIN, mode="never").layout
    warm = refit(vectors, grown, base.known, PLAIN)
    cold = align(fit(vectors, PLAIN), base.layout.positions, base.known)
    assert (warm.by == FIT).all()
    assert 0 < moved(warm, base) < 0.05
    assert moved(cold, base) > 2 * moved(warm, base)
    measured, scratch = measure_trust(vectors, warm.positions), measure_trust(vectors, cold.positions)
    assert measured["trustworthiness"] > scratch["trustworthiness"] - 0.02
    assert measured["neighbour_preservation"] > 0.9 * scratch["neighbour_preservation"]


def test_refits_one_after_another_neither_blow_the_map_up_nor_shrink_it(unit_vectors: Vectors):
    vectors = unit_vectors(500, spread=0.4)
    old = np.ones(500, bool)
    maps = [fit(vectors, PLAIN)]
    for _ in range(8):
        maps.append(refit(vectors, maps[-1], old, PLAIN))
    # Not the outermost points: a few stragglers come in, by more or less on another processor.
    size, after = (np.linalg.norm(made.positions.std(axis=0)) for made in (maps[0], maps[-1]))
    assert 0.95 * size < after < 1.05 * size
    # How far points move differs by processor: 2 to 5 % at first, and less with each refit.
    steps = [moved(later, EarlierMap(sooner, old)) for sooner, later in pairwise(maps)]
    assert max(steps) < 0.1
    assert sum(steps[4:]) < sum(steps[:4])


@pytest.mark.slow
@pytest.mark.parametrize("small", [2, 5, 30, 100])
def test_a_map_that_outgrew_its_fit_is_fitted_again_at_its_own_size(unit_vectors: Vectors, small: int):
    vectors = unit_vectors(600)
    made = update_map(vectors, base_of(vectors, first(small, of=600)), PLAIN)
    assert made.refitted
    assert made.layout.fitted.all()
    width = np.linalg.norm(np.ptp(fit(vectors, PLAIN).positions, axis=0))
    assert 0.6 * width < np.linalg.norm(np.ptp(made.layout.positions, axis=0)) < 1.6 * width


def test_a_map_whose_old_points_lay_on_one_another_unfolds(unit_vectors: Vectors):
    vectors, old = unit_vectors(300), first(5, of=300)
    base = EarlierMap(Layout(np.zeros((300, 2), np.float32), np.where(old, FIT, PLACE)), old)
    made = update_map(vectors, base, PLAIN)
    assert np.ptp(made.layout.positions, axis=0).min() > 1


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_map_none_of_whose_images_are_left_is_fitted_again(unit_vectors: Vectors, n: int):
    nowhere = Layout(np.zeros((n, 2), np.float32), np.full(n, PLACE))
    made = update_map(unit_vectors(n), EarlierMap(nowhere, np.zeros(n, bool)), PLAIN, mode="never")
    assert made.refitted
    assert np.isfinite(made.layout.positions).all()


@pytest.mark.parametrize(("few", "more"), [(1, 2), (1, 9), (3, 4), (9, 14), (20, 24)])
def test_a_map_of_few_images_grows_too(unit_vectors: Vectors, few: int, more: int):
    vectors = unit_vectors(more)
    base = base_of(vectors, first(few, of=more))
    for mode in ("never", "auto", "always"):
        made = update_map(vectors, base, PLAIN, mode=mode)
        assert np.isfinite(made.layout.positions).all()
    assert update_map(vectors, base, PLAIN, mode="never").layout.positions[:few].tolist() == (
        base.layout.positions[:few].tolist()
    )


def test_a_fit_from_scratch_is_turned_onto_the_map_there_was(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    before = base_of(vectors, np.ones(400, bool))
    spun = Layout(
        turned(before.layout.positions, 120, mirrored=True).astype(np.float32) + 9, before.layout.by
    )
    made = start_map(vectors, PLAIN, like=EarlierMap(spun, before.known))
    assert np.abs(made.layout.positions - spun.positions).max() < 0.01


def turned(points: np.ndarray, degrees: float, *, mirrored: bool = False) -> np.ndarray:
    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return points @ rotation * ([1, -1] if mirrored else [1, 1])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_turned_shifted_and_scaled_map_is_turned_back(mirrored: bool, scaled: bool):
    onto = np.random.default_rng(0).normal(size=(50, 2))
    seen = (1.7 if scaled else 1.0) * turned(onto, 130, mirrored=mirrored) + np.array([7, -3])
    turn = fit_similarity(seen, onto, scaled=scaled)
    assert np.allclose(turn(seen), onto, atol=1e-5)
    assert np.allclose(turn.rotation @ turn.rotation.T, np.eye(2), atol=1e-9)
    assert turn.scale == pytest.approx(1 / 1.7 if scaled else 1.0)


def test_points_on_one_another_have_no_scale():
    spread = np.random.default_rng(0).normal(size=(9, 2))
    for one, other in ((spread, np.zeros((9, 2))), (np.zeros((9, 2)), spread)):
        assert fit_similarity(one, other, scaled=True).scale == 1.0
