"""Axes with a meaning: places between opposites, by numbers, times and categories; and what people type."""

import numpy as np
import pytest

from clipper.projection.axes import (
    NO_VALUE,
    NO_VALUE_REACH,
    TAIL,
    category_axis,
    jitters,
    number_axis,
    opposites_axis,
    rank_codes,
    spread_axis,
    text_value,
)
from clipper.projection.axis_text import AxisText, parse_axis, write_axis


def similarities(n: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.25, 0.03, (n, 2)).astype(np.float32)


def test_opposites_are_the_difference_of_standardised_similarities():
    known = similarities(500)
    axis = opposites_axis("night", "day", known)
    z = (known - known.mean(axis=0)) / known.std(axis=0)
    assert np.allclose(axis.values, z[:, 1] - z[:, 0], atol=1e-4)
    assert axis.ends == ("night", "day")
    assert np.array_equal(np.argsort(axis.at, kind="stable"), np.argsort(axis.values, kind="stable"))
    assert -TAIL <= axis.at.min() < 0.1
    assert 0.9 < axis.at.max() <= 1 + TAIL
    assert abs(axis.places_of(np.array([0.0]))[0] - 0.5) < 1e-6  # as near to both as images usually are


def test_a_text_that_is_near_to_every_image_does_not_pull_them_to_its_end():
    known = similarities(300)
    near = known + np.array([0.5, 0.0], np.float32)
    assert np.allclose(opposites_axis("a", "b", known).at, opposites_axis("a", "b", near).at, atol=1e-3)


def test_turned_opposites_turn_the_axis():
    known = similarities(300)
    assert np.allclose(
        opposites_axis("a", "b", known).at, 1 - opposites_axis("b", "a", known[:, ::-1]).at, atol=1e-5
    )


def test_one_word_is_the_similarity_to_it():
    known = similarities(50)[:, :1]
    axis = opposites_axis("", "day", known)
    assert np.array_equal(np.argsort(axis.values), np.argsort(known[:, 0]))
    assert axis.ends == ("less day", "more day")


def test_a_text_lies_by_what_is_usual_for_texts():
    chance = np.random.default_rng(3).normal([0.7, 0.8], [0.02, 0.05], (500, 2)).astype(np.float32)
    assert text_value(chance.mean(axis=0), chance) == pytest.approx(0, abs=1e-4)
    assert text_value(np.array([0.7, 0.9]), chance) == pytest.approx(2, abs=0.3)
    assert text_value(np.array([0.74, 0.8]), chance) == pytest.approx(-2, abs=0.3)
    assert text_value(np.array([0.9]), chance[:, 1:]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_images_have_places(n: int):
    axes = [
        opposites_axis("a", "b", similarities(n)),
        opposites_axis("", "b", similarities(n)[:, :1]),
        number_axis("n", np.arange(n, dtype=np.float64)),
        number_axis("n", np.full(n, np.nan)),
        category_axis("c", ["x"], np.zeros(n, np.int64)),
        spread_axis(np.linspace(0, 1, n)),
    ]
    for axis in axes:
        assert axis.at.shape == (n,)
        assert axis.at.dtype == np.float32
        assert np.isfinite(axis.at).all()


def test_images_that_are_all_alike_lie_in_the_middle():
    assert (opposites_axis("a", "b", np.full((5, 2), 0.3, np.float32)).at == 0.5).all()
    assert (number_axis("n", np.full(5, 7.0)).at == 0.5).all()


def test_numbers_keep_their_order_and_outliers_stay_in_view():
    values = np.r_[np.random.default_rng(1).normal(size=2_000), -500.0, 900.0]
    axis = number_axis("n", values)
    assert axis.scale == "linear"
    assert np.array_equal(
        np.argsort(axis.at, kind="stable"), np.argsort(values.astype(np.float64), kind="stable")
    )
    assert -TAIL <= axis.at.min() < 0
    assert 1 < axis.at.max() <= 1 + TAIL + 1e-6
    assert np.ptp(axis.at[:-2]) > 0.5


def test_a_skewed_number_is_on_a_logarithmic_scale_and_says_so():
    random = np.random.default_rng(2)
    assert number_axis("n", np.exp(random.normal(8, 3, 2_000))).scale == "log"
    counts = np.r_[np.zeros(100), np.floor(np.exp(random.normal(5, 3, 2_000)))]
    axis = number_axis("n", counts)
    assert axis.scale == "log1p"
    assert np.allclose(axis.value_at(float(axis.places_of(np.array([100.0]))[0])), 100.0)
    assert number_axis("n", random.normal(2_010, 5, 500)).scale == "linear"


def test_a_missing_value_has_a_lane_of_its_own():
    jitter = jitters([bytes([i] * 16) for i in range(200)])[0]
    values = np.arange(200, dtype=np.float64)
    values[::4], values[1] = np.nan, np.inf
    for axis in (
        number_axis("n", values, jitter=jitter),
        category_axis("c", ["x", "y"], np.where(np.isfinite(values), 1, -1), jitter=jitter),
    ):
        lost = ~np.isfinite(values)
        assert axis.missing == 51
        assert (np.abs(axis.at[lost] - NO_VALUE) <= NO_VALUE_REACH + 1e-6).all()
        assert (axis.at[~lost] > NO_VALUE + NO_VALUE_REACH).all()


def test_categories_are_lanes_the_commonest_first_and_spread_within():
    lanes, codes = rank_codes(np.array(["b", "a", "a", None, "c", "a", "b"], object))
    assert lanes == ["a", "b", "c"]
    assert codes.tolist() == [1, 0, 0, -1, 2, 0, 1]
    jitter = np.linspace(0, 1, 7, dtype=np.float32)
    axis = category_axis("c", lanes, codes, jitter=jitter)
    lane = np.floor(axis.at * 3).astype(int)
    assert lane[codes >= 0].tolist() == codes[codes >= 0].tolist()
    assert len({round(float(at), 6) for at in axis.at[codes == 0]}) == 3


def test_the_rarest_of_very_many_categories_share_a_lane():
    axis = category_axis("c", [str(i) for i in range(100)], np.arange(100), most=10)
    assert axis.lanes[-1] == "91 others"
    assert len(axis.lanes) == 10
    assert (axis.values[9:] == 9).all()


def test_the_same_content_has_the_same_jitter():
    hashes = [bytes(range(i, i + 16)) for i in range(10)]
    one, other = jitters(hashes), jitters(hashes[::-1])
    assert np.array_equal(one[0], other[0][::-1])
    assert not np.array_equal(one[0], one[1])


@pytest.mark.parametrize("between", ["<->", " <-> ", "↔", " vs ", " vs. ", "|", " VS "])
def test_two_opposites_are_typed_in_several_ways(between: str):
    assert parse_axis(f"night{between}day") == AxisText(low="night", high="day")


def test_a_word_and_a_column_are_read_and_written():
    for text in ("night", "column:year", "night <-> day"):
        assert write_axis(parse_axis(text)) == text
    assert parse_axis("canvas") == AxisText(high="canvas")  # "vs" within a word parts nothing


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "two opposites"), ("night <->", "other end"), ("<-> day", "other end"), ("a | b | c", "two ends"),
     ("day <-> Day", "the same"), ("x" * 400, "Shorten"), ("|", "both ends")],
)  # fmt: skip
def test_what_cannot_be_an_axis_says_what_to_do(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        parse_axis(text)
