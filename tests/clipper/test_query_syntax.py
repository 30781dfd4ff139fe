import pytest
from effort import ratio
from hypothesis import given
from hypothesis import strategies as st

from clipper.query_syntax import (
    MAX_WEIGHT,
    MIN_WEIGHT,
    MINUS_IMAGE_WEIGHT,
    MINUS_WEIGHT,
    Term,
    format_terms,
    parse,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("dog", [Term("dog")]),
        ("a dog  on the\tbeach", [Term("a dog on the beach")]),
        ("dog -indoor", [Term("dog"), Term("indoor", weight=-MINUS_WEIGHT)]),
        ("dog \u2212indoor", [Term("dog"), Term("indoor", weight=-MINUS_WEIGHT)]),
        (
            '"red car" -"at night" +snow',
            [Term("red car"), Term("at night", weight=-MINUS_WEIGHT), Term("snow")],
        ),
        ("big “red car” dog", [Term("big"), Term("red car"), Term("dog")]),
        ("dog^2 -cat^0.5", [Term("dog", weight=2), Term("cat", weight=-0.5)]),
        ('"red car"^1.5', [Term("red car", weight=1.5)]),
        ("like:pets/rex.jpg dog", [Term(like="pets/rex.jpg"), Term("dog")]),
        ('-like:"my dog.jpg"^2', [Term(like="my dog.jpg", weight=-2)]),
        ("-like:a.jpg +like:b.jpg", [Term(like="a.jpg", weight=-MINUS_IMAGE_WEIGHT), Term(like="b.jpg")]),
        ("-indoor", [Term("indoor", weight=-MINUS_WEIGHT)]),
        (r'"say \"hi\" \\o/"', [Term(r'say "hi" \o/')]),
    ],
)
def test_what_is_written_is_read_as_terms(text: str, terms: list[Term]):
    assert parse(text) == tuple(terms)


@pytest.mark.parametrize(
    "text",
    [
        "t-shirt", "cat - dog", "--help", "+-x", '5" screen', '"never closed', "x^0", "x^", "^2",
        "$$x^2$$",
        '""', "I like: nothing", "-", "+", "C++", "a\\b", '"><img src=x onerror=alert(1)>', "日本 😀",
    ],
)  # fmt: skip
def test_what_is_no_term_of_another_kind_is_text(text: str):
    assert parse(text) == (Term(text),)


@pytest.mark.parametrize(
    ("start", "repeated"), [('"', "\\"), ("", '-"'), ("", "^1"), ("", '"a\\'), ("", "+")]
)
def test_the_work_of_reading_a_query_grows_with_its_length_and_not_with_its_square(start: str, repeated: str):
    short, long = (start + repeated * (length // len(repeated)) for length in (250, 2_000))
    assert format_terms(parse(long))
    assert (
        ratio(lambda: format_terms(parse(long)), lambda: format_terms(parse(short))) < 30
    )  # the square's would be 64


def test_nothing_is_no_term():
    assert parse("") == parse(" \n ") == parse('"  "'[1:3]) == ()


def test_terms_are_written_as_short_as_they_can_be():
    for text in ("a dog", "dog -indoor", '"red car"^2 -"at night" +snow', "like:a.jpg -like:b.jpg^2 dog"):
        assert format_terms(parse(text)) == text
    assert format_terms(parse('"red car"')) == "red car"


def test_a_weight_is_kept_within_bounds():
    assert Term("a").with_weight(1e9).weight == MAX_WEIGHT
    assert Term("a").with_weight(-1e-9).weight == -MIN_WEIGHT
    assert Term("a").with_weight(0.333).weight == 0.33


def test_a_turned_term_keeps_a_weight_that_was_chosen():
    assert Term("a").negated() == Term("a", weight=-MINUS_WEIGHT)
    assert Term("a").negated().negated() == Term("a")
    assert Term("a", weight=2).negated() == Term("a", weight=-2)


texts = st.one_of(
    st.text(alphabet='ab "“”\\^+-\u2212:12.\t', max_size=20),
    st.text(alphabet="é日😀\x00\x1c\x85\u2028\u202e\ufeff$#/*", max_size=12),
    st.sampled_from(["like:x", "-x", '"', "x^2", "\\", '\\"', "like:", "a b"]),
).map(lambda text: " ".join(text.split()))
weights = st.floats(-MAX_WEIGHT, MAX_WEIGHT).filter(bool).map(lambda w: Term("x").with_weight(w).weight)
terms = st.one_of(
    st.builds(Term, text=texts.filter(bool), weight=weights | st.just(1.0)),
    st.builds(Term, like=texts.filter(bool), weight=weights | st.just(1.0)),
)


@given(st.lists(terms, max_size=5))
def test_terms_are_read_as_they_were_written(given_terms: list[Term]):
    assert parse(format_terms(given_terms)) == tuple(given_terms)


@given(texts)
def test_what_was_read_is_written_the_same_ever_after(text: str):
    once = format_terms(parse(text))
    assert format_terms(parse(once)) == once
