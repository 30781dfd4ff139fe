"""The map as images come and go: what stays, what is placed or relaxed, when it is laid out again."""

from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
import pytest

from clipper import frame as frames
from clipper.frame import Frame, describe, measure, yardstick
from clipper.growing import NEW_KIND, Base, begin, grow, update
from clipper.map_quality import quality
from clipper.projection import FIT, PLACE, RELAX, Layout, Parameters, fit
from clipper.refitting import align, aligned, refit
from clipper.relaxation import curve, relax

Vectors = Callable[..., np.ndarray]
PLAIN = Parameters()


def base_of(vectors: np.ndarray, old: np.ndarray) -> Base:
    """A map of the old ones, known to all."""
    begun = begin(vectors[old], PLAIN)
    positions = np.zeros((len(vectors), 2), np.float32)
    positions[old] = begun.layout.positions
    return Base(Layout(positions, np.where(old, FIT, PLACE)), old, begun.frame)


def extended(vectors: np.ndarray, layout: Layout, frame: Frame, more: int) -> Base:
    """A map of the first of `vectors` and so many new ones."""
    positions = np.vstack([layout.positions, np.zeros((more, 2), np.float32)])
    old = np.arange(len(vectors)) < len(layout.positions)
    return Base(Layout(positions, np.concatenate([layout.by, [PLACE] * more])), old, frame)


def first(n: int, of: int) -> np.ndarray:
    return np.arange(of) < n


def moved(layout: Layout, base: Base) -> float:
    """How far the median old point moved, as a share of the map's width."""
    apart = np.linalg.norm(layout.positions[base.old] - base.layout.positions[base.old], axis=1)
    return float(np.median(apart) / np.ptp(base.layout.positions[base.old], axis=0).max())


def of_its_kind(layout: Layout, kind: np.ndarray) -> float:
    """The share of a kind's 10 nearest points on the map that are of the kind too."""
    apart = np.linalg.norm(layout.positions[kind][:, None] - layout.positions[None], axis=2)
    return float(kind[np.argsort(apart, axis=1)[:, 1:11]].mean())


def preserved(vectors: np.ndarray, layout: Layout, rows: np.ndarray) -> float:
    """The share of the rows' 15 nearest images that are among their 15 nearest on the map."""
    alike = vectors[rows] @ vectors.T
    apart = np.linalg.norm(layout.positions[rows][:, None] - layout.positions[None], axis=2)
    near, near_on_map = np.argsort(-alike, axis=1)[:, 1:16], np.argsort(apart, axis=1)[:, 1:16]
    return float(np.mean([len(set(a) & set(b)) / 15 for a, b in zip(near, near_on_map, strict=True)]))


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """(900, 32) vectors in eight groups, and after them 200 of a kind unlike all of these."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, 32)) * ([1.0] * 16 + [0.0] * 16)
    known = centres[random.integers(0, 8, 900)] + 0.3 * random.normal(size=(900, 32))
    axes = random.normal(size=(3, 32)) * 0.4
    centre = random.normal(size=32) * 1.5 * ([0.0] * 16 + [1.0] * 16)
    kind = centre + random.normal(size=(200, 3)) @ axes + 0.05 * random.normal(size=(200, 32))
    vectors = np.vstack([known, kind])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def known(crowd: np.ndarray) -> Base:
    """The map of the crowd before the new kind came."""
    return base_of(crowd, first(900, of=1_100))


def subset(base: Base, rows: np.ndarray) -> Base:
    return Base(Layout(base.layout.positions[rows], base.layout.by[rows]), base.old[rows], base.frame)


def test_what_is_on_the_map_stays_to_the_bit_when_images_are_added(unit_vectors: Vectors):
    vectors = unit_vectors(500)
    base = base_of(vectors, first(450, of=500))
    made = update(vectors, base, PLAIN)
    assert not made.refitted
    assert made.layout.positions[:450].tobytes() == base.layout.positions[:450].tobytes()
    assert (made.layout.by == [FIT] * 450 + [PLACE] * 50).all()
    assert np.isfinite(made.layout.positions).all()


def test_a_new_kind_of_image_settles_among_its_like_and_nothing_else_moves(crowd: np.ndarray, known: Base):
    new = np.arange(900, 1_100)
    placed = grow(crowd, known, PLAIN, reach=np.inf)  # nothing counts as far
    made = update(crowd, known, PLAIN, mode="never")
    assert made.layout.positions[:900].tobytes() == known.layout.positions[:900].tobytes()
    assert (made.layout.by[900:] == RELAX).mean() > 0.95
    before, after = preserved(crowd, placed, new), preserved(crowd, made.layout, new)
    assert after > 2 * before
    assert after > 0.8 * preserved(crowd, fit(crowd, PLAIN), new)
    assert of_its_kind(made.layout, ~known.old) > 0.9
    assert made.frame.due == ()


def test_the_same_new_kind_settles_in_the_same_places_to_the_byte(crowd: np.ndarray, known: Base):
    usual = yardstick(crowd, known.layout, seed=0)
    one, two = (grow(crowd, known, PLAIN, reach=usual.reach).positions.tobytes() for _ in range(2))
    other = grow(crowd, known, Parameters(seed=7), reach=usual.reach).positions.tobytes()
    assert one == two != other


def test_a_kind_that_came_before_has_landmarks_for_those_that_come_later(crowd: np.ndarray, known: Base):
    came = np.arange(1_000)
    made = update(crowd[came], subset(known, came), PLAIN, mode="never")
    later = update(crowd, extended(crowd, made.layout, made.frame, 100), PLAIN, mode="never")
    assert (later.layout.by[1_000:] == PLACE).mean() > 0.9
    assert later.layout.positions[:1_000].tobytes() == made.layout.positions.tobytes()
    assert of_its_kind(later.layout, ~known.old) > 0.9


def test_a_kind_that_comes_a_few_at_a_time_is_seen_in_the_end(crowd: np.ndarray, known: Base):
    few = NEW_KIND - 4
    came = np.arange(900 + few)
    made = update(crowd[came], subset(known, came), PLAIN)
    assert (made.layout.by[900:] == PLACE).all()
    vectors = crowd[: 900 + 2 * few]
    later = update(vectors, extended(vectors, made.layout, made.frame, few), PLAIN)
    assert (later.layout.by[900:] == [PLACE] * few + [RELAX] * few).all()
    assert later.layout.positions[: 900 + few].tobytes() == made.layout.positions.tobytes()


def test_odd_images_and_images_of_known_kinds_are_no_new_kind(crowd: np.ndarray, known: Base):
    random = np.random.default_rng(3)
    odd = random.normal(size=(40, 32))
    odd = (odd / np.linalg.norm(odd, axis=1, keepdims=True)).astype(np.float32)
    vectors = np.vstack([crowd[:900], odd])
    made = update(vectors, subset(known, np.arange(940)), PLAIN, mode="never")
    assert (made.layout.by[900:] == PLACE).all()
    assert made.frame.figures["far_share"] > 0.5
    known_kinds = unit(crowd[:100] + 0.02 * random.normal(size=(100, 32)))
    made = update(np.vstack([crowd[:900], known_kinds]), subset(known, np.arange(1_000)), PLAIN)
    assert (made.layout.by[900:] == PLACE).all()
    assert made.frame.figures["far_share"] < 0.05


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_two_new_kinds_settle_apart(crowd: np.ndarray, known: Base):
    mirrored = crowd[900:] * ([1.0] * 16 + [-1.0] * 16)
    vectors = np.vstack([crowd, mirrored.astype(np.float32)])
    base = extended(vectors, Layout(known.layout.positions, known.layout.by), known.frame or None, 200)
    base = replace(base, old=first(900, of=1_300))
    made = update(vectors, base, PLAIN, mode="never")
    for kind in (slice(900, 1_100), slice(1_100, 1_300)):
        mask = np.zeros(1_300, bool)
        mask[kind] = True
        assert of_its_kind(made.layout, mask) > 0.85


GROWN = """
import hashlib, sys
import numpy as np
from clipper.growing import Base, update
from clipper.projection import FIT, PLACE, Layout, Parameters
random = np.random.default_rng(0)
groups = random.normal(size=(9, 64))
vectors = groups[np.repeat(np.arange(9), 300)] + 0.3 * random.normal(size=(2_700, 64))
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
old = np.arange(2_700) < 2_350
positions = 10 * groups[np.repeat(np.arange(9), 300), :2] + random.normal(size=(2_700, 2))
base = Base(Layout(positions.astype(np.float32), np.where(old, FIT, PLACE)), old)
made = update(vectors, base, Parameters(), mode="never")
shown = lambda layout: hashlib.sha256(layout.positions.tobytes()).hexdigest()
print(shown(made.layout), made.frame, (made.layout.by == "relax").sum())
print(*[name for name in ("umap", "numba", "sklearn", "pynndescent") if name in sys.modules])
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def test_growing_needs_no_compiler_and_gives_the_same_bytes_on_any_number_of_threads(
    python: Callable[..., CompletedProcess[str]],
):
    one, two = (python(GROWN, **dict.fromkeys(THREADS, str(count))) for count in (1, 2))
    told, heavy = one.stdout.splitlines()
    assert heavy == "", one.stderr
    assert int(told.split()[-1]) > 200
    assert one.stdout == two.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fit_and_a_refit_give_the_same_bytes_on_any_number_of_threads(
    python: Callable[..., CompletedProcess[str]],
):
    code = GROWN + (
        "from clipper import neighbours\nfrom clipper.projection import fit\n"
        "from clipper.refitting import refit\n"
        "for limit in (30_000, 1_000):\n"
        "    neighbours.EXACT_KNN_LIMIT = limit\n"
        "    print(shown(fit(vectors, Parameters())))\n"
        "    print(shown(refit(vectors, made.layout, old, Parameters())))\n"
    )
    one, two = (python(code, **dict.fromkeys(THREADS, str(count))) for count in (1, 2))
    assert len(set(one.stdout.splitlines()[2:])) == 4, one.stderr
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
    usual = yardstick(vectors, base.layout, seed=0)
    grown = grow(vectors, base, PLAIN, reach=usual.reach)
    good = measure(vectors, grown, usual, PLAIN, since=base.frame)
    assert good.figures["placed_share"] == 0.1
    assert good.figures["placed_preservation"] > 0.6 * good.figures["fitted_preservation"] > 0.1
    assert good.due == ()
    scattered = grown.positions.copy()
    scattered[900:] = np.random.default_rng(0).permutation(scattered[900:])
    bad = measure(vectors, Layout(scattered, grown.by), usual, PLAIN, since=base.frame)
    assert bad.due == ("placed_preservation",)
    assert "keep" in describe(bad)[0]
    assert "threshold 50% of that" in describe(bad)[0]


def test_preservation_is_that_of_brute_force(unit_vectors: Vectors):
    vectors = unit_vectors(300)
    layout = fit(vectors, PLAIN)
    measured = yardstick(vectors, layout, seed=0)
    assert measured.preservation == pytest.approx(preserved(vectors, layout, np.arange(300)), abs=0.005)
    alike = np.sort(vectors @ vectors.T, axis=1)[:, -16]
    assert measured.reach == pytest.approx(np.quantile(1 - alike, 0.99), abs=1e-5)


def test_a_quarter_placed_is_due_and_a_refit_makes_it_undue(unit_vectors: Vectors):
    vectors = unit_vectors(600)
    base = base_of(vectors, first(440, of=600))
    put_off = update(vectors, base, PLAIN, mode="never")
    assert put_off.frame.due == ("placed_share",)
    assert describe(put_off.frame) == ["27% of the map was placed, not fitted (threshold 25%)"]
    made = update(vectors, base, PLAIN)
    assert made.refitted
    assert (made.layout.by == FIT).all()
    assert made.frame.due == ()
    assert made.frame.figures["placed_share"] == 0
    assert moved(made.layout, base) < 0.05


def test_half_of_the_fitted_gone_is_due(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    begun = begin(vectors, PLAIN)
    left = np.arange(190)
    base = Base(Layout(begun.layout.positions[left], begun.layout.by[left]), left >= 0, begun.frame)
    made = update(vectors[left], base, PLAIN, mode="never")
    assert made.frame.due == ("gone_share",)
    assert made.layout.positions.tobytes() == begun.layout.positions[left].tobytes()
    assert update(vectors[left], base, PLAIN).frame.due == ()


def test_what_was_past_its_threshold_right_after_the_fit_is_not_due(unit_vectors: Vectors):
    vectors = unit_vectors(600, spread=3.0, groups=1)
    few = Parameters(fit_limit=100)
    begun = begin(vectors, few)
    assert begun.frame.figures["placed_share"] == 0
    assert set(begun.frame.past_when_fitted) <= {"far_share", "placed_preservation"}
    assert begun.frame.due == ()
    bad = frames.Frame(begun.frame.figures, (), ("far_share", "placed_preservation"), 100)
    made = update(vectors, Base(begun.layout, np.ones(600, bool), bad), few)
    assert not made.refitted


def test_beyond_the_fits_limit_a_deleted_landmark_is_no_reason_to_lay_all_out_again(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    few = Parameters(fit_limit=100)
    begun = begin(vectors, few)
    left = np.flatnonzero(np.arange(400) != np.flatnonzero(begun.layout.fitted)[0])
    base = Base(Layout(begun.layout.positions[left], begun.layout.by[left]), left >= 0, begun.frame)
    made = update(vectors[left], base, few)
    assert not made.refitted
    assert made.frame.figures["placed_share"] == 0.01


def test_always_refits_and_never_does_not(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    base = base_of(vectors, first(390, of=400))
    assert update(vectors, base, PLAIN, mode="always").refitted
    assert not update(vectors, base, PLAIN, mode="auto").refitted
    large = base_of(vectors, first(200, of=400))
    assert not update(vectors, large, PLAIN, mode="never").refitted


@pytest.mark.parametrize("which", ["any", "a new kind"])
def test_a_refit_moves_the_median_old_point_little_and_maps_as_well_as_a_fit_from_scratch(
    crowd: np.ndarray, known: Base, unit_vectors: Vectors, which: str
):
    vectors, base = crowd, known
    if which == "any":
        vectors = unit_vectors(1_100, spread=0.4)
        base = base_of(vectors, first(1_000, of=1_100))
    grown = update(vectors, base, PLAIN, mode="never").layout
    warm = refit(vectors, grown, base.old, PLAIN)
    cold = aligned(fit(vectors, PLAIN), base.layout.positions, base.old)
    assert (warm.by == FIT).all()
    assert 0 < moved(warm, base) < 0.05
    assert moved(cold, base) > 2 * moved(warm, base)
    measured, scratch = quality(vectors, warm.positions), quality(vectors, cold.positions)
    assert measured["trustworthiness"] > scratch["trustworthiness"] - 0.02
    assert measured["neighbour_preservation"] > 0.9 * scratch["neighbour_preservation"]


def test_refits_one_after_another_neither_blow_the_map_up_nor_shrink_it(unit_vectors: Vectors):
    vectors = unit_vectors(500, spread=0.4)
    layout, old = fit(vectors, PLAIN), np.ones(500, bool)
    before = layout
    for _ in range(8):
        layout = refit(vectors, layout, old, PLAIN)
    # Not the outermost points: a few stragglers come in, by more or less on another processor.
    size, after = (np.linalg.norm(made.positions.std(axis=0)) for made in (before, layout))
    assert 0.95 * size < after < 1.05 * size
    assert moved(layout, Base(before, old)) < 0.1


@pytest.mark.parametrize("small", [2, 5, 30, 100])
def test_a_map_that_outgrew_its_fit_is_fitted_again_at_its_own_size(unit_vectors: Vectors, small: int):
    vectors = unit_vectors(600)
    made = update(vectors, base_of(vectors, first(small, of=600)), PLAIN)
    assert made.refitted
    assert made.layout.fitted.all()
    width = np.linalg.norm(np.ptp(fit(vectors, PLAIN).positions, axis=0))
    assert 0.6 * width < np.linalg.norm(np.ptp(made.layout.positions, axis=0)) < 1.6 * width


def test_a_map_whose_old_points_lay_on_one_another_unfolds(unit_vectors: Vectors):
    vectors, old = unit_vectors(300), first(5, of=300)
    base = Base(Layout(np.zeros((300, 2), np.float32), np.where(old, FIT, PLACE)), old)
    made = update(vectors, base, PLAIN)
    assert np.ptp(made.layout.positions, axis=0).min() > 1


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_map_none_of_whose_images_are_left_is_fitted_again(unit_vectors: Vectors, n: int):
    nowhere = Layout(np.zeros((n, 2), np.float32), np.full(n, PLACE))
    made = update(unit_vectors(n), Base(nowhere, np.zeros(n, bool)), PLAIN, mode="never")
    assert made.refitted
    assert np.isfinite(made.layout.positions).all()


@pytest.mark.parametrize(("few", "more"), [(1, 2), (1, 9), (3, 4), (9, 14), (20, 24)])
def test_a_map_of_few_images_grows_too(unit_vectors: Vectors, few: int, more: int):
    vectors = unit_vectors(more)
    base = base_of(vectors, first(few, of=more))
    for mode in ("never", "auto", "always"):
        made = update(vectors, base, PLAIN, mode=mode)
        assert np.isfinite(made.layout.positions).all()
    assert update(vectors, base, PLAIN, mode="never").layout.positions[:few].tolist() == (
        base.layout.positions[:few].tolist()
    )


def test_a_fit_from_scratch_is_turned_onto_the_map_there_was(unit_vectors: Vectors):
    vectors = unit_vectors(400)
    before = base_of(vectors, np.ones(400, bool))
    spun = Layout(
        turned(before.layout.positions, 120, mirrored=True).astype(np.float32) + 9, before.layout.by
    )
    made = begin(vectors, PLAIN, like=Base(spun, before.old))
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
    turn = align(seen, onto, scaled=scaled)
    assert np.allclose(turn(seen), onto, atol=1e-5)
    assert np.allclose(turn.rotation @ turn.rotation.T, np.eye(2), atol=1e-9)
    assert turn.scale == pytest.approx(1 / 1.7 if scaled else 1.0)


def test_points_on_one_another_have_no_scale():
    spread = np.random.default_rng(0).normal(size=(9, 2))
    for one, other in ((spread, np.zeros((9, 2))), (np.zeros((9, 2)), spread)):
        assert align(one, other, scaled=True).scale == 1.0
