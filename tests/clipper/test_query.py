"""What can be searched for, and how candidates are ranked; no model and no index."""

import numpy as np
import pytest

from clipper.errors import ClipperError
from clipper.query import MAX_TEXT_LENGTH, Query, ScoreScale, combine, rank_exactly
from clipper.query_syntax import MAX_TERMS, Term

A, B = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_a_query_may_be_as_long_as_the_limit_and_no_longer():
    assert len(Query("x" * MAX_TEXT_LENGTH).text) == MAX_TEXT_LENGTH == 2_000
    with pytest.raises(ClipperError, match=r"has 2,001 characters; 2,000 is the limit"):
        Query("x" * (MAX_TEXT_LENGTH + 1))


def test_written_and_given_terms_count_together():
    some = tuple(Term(f"term {number}") for number in range(MAX_TERMS - 1))
    assert len(Query("cat", terms=some).all_terms) == MAX_TERMS == 16
    with pytest.raises(ClipperError, match="has 17 terms; 16 is the limit"):
        Query("cat -dog", terms=some)


def test_a_query_needs_words_or_an_image():
    for query in (Query("cat"), Query(image=b"data"), Query(terms=(Term(like="a.jpg"),))):
        assert query.all_terms or query.image
    for text in ("", "  \n"):
        with pytest.raises(ClipperError, match="the query is empty"):
            Query(text)


def test_only_words_are_scored_like_words():
    assert Query("cat -dog").words_only
    assert not Query("cat like:a.jpg").words_only
    assert not Query("cat", terms=(Term(like="a.jpg"),)).words_only
    assert not Query("cat", image=b"data").words_only


def test_terms_are_summed_by_weight_to_length_one():
    assert combine([A, B]) == pytest.approx([0.5**0.5] * 2)
    assert combine([A, B], [3, -4]) == pytest.approx([0.6, -0.8])
    with pytest.raises(ClipperError, match="cancel each other"):
        combine([A, A], [1, -1])


def test_terms_that_nearly_take_each_other_away_are_still_searched_for():
    assert combine([A, A], [1, -0.999]) == pytest.approx([1, 0], abs=1e-5)
    assert combine([A, B], [0.002, 0]) == pytest.approx([1, 0])
    with pytest.raises(ClipperError, match="cancel each other"):
        combine([A, B], [0.00005, 0])


def test_candidates_are_ranked_by_cosine_and_equal_ones_by_row():
    vectors = np.stack([A, B, (A + B) / 2**0.5, A, -A]).astype(np.float32)
    rows, similarity = rank_exactly(vectors @ A, np.array([4, 3, 2, 1, 0]), k=9)
    assert rows.tolist() == [0, 3, 2, 1, 4]
    assert similarity == pytest.approx([1, 1, 0.5**0.5, 0, -1])
    assert (rows.dtype, similarity.dtype) == (np.int64, np.float32)
    assert rank_exactly(vectors @ A, np.array([4, 3, 1]), k=1)[0].tolist() == [3]
    assert rank_exactly(vectors @ A, np.array([], np.int64), k=3)[0].tolist() == []


def test_the_scale_of_clipscore_runs_from_0_to_100():
    assert [ScoreScale().score(s) for s in (-0.2, 0, 0.2, 0.4, 0.9)] == pytest.approx([0, 0, 50, 100, 100])
