"""A predicate: what is read, what is written, where an error is and what it says, what may follow."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipper.errors import PredicateError
from clipper.predicate.completing import complete
from clipper.predicate.fields import Field, fields_of
from clipper.predicate.reading import read_predicate, wanted_after
from clipper.predicate.scales import above, below, interval
from clipper.predicate.writing import write_predicate
from clipper.query_filter import AnyOf, Condition, HasText, InRange, NoneOf

FIELDS = fields_of(
    [
        Field("group", "category", labels=("Animals & Nature", "Flags", "Food")),
        Field("checked", "category", labels=("No", "Yes")),
        Field("place", "category"),
        Field("tags", "list", labels=("cat", "dog", "New York")),
        Field("year", "number", whole=True),
        Field("price", "number"),
        Field("taken at", "time"),
        Field(":modified", "time", title="File modified"),
        Field("caption", "text"),
    ]
)


def read(text: str) -> dict[str, Condition]:
    return read_predicate(text, FIELDS)


YEARS = InRange(2001, 2003)
UP_TO_8 = below(8, whole=False)
READ: list[tuple[str, dict[str, Condition]]] = [
    ("", {}),
    ('year > 2010 and group = "Flags"', {"year": InRange(2011, None), "group": AnyOf(("Flags",))}),
    ("YEAR>=2010 AND Year<2020", {"year": InRange(2010, 2019)}),
    ("year between 2001 and 2003 and price < 8", {"year": YEARS, "price": InRange(None, UP_TO_8)}),
    ("year = 2007", {"year": InRange(2007, 2007)}),
    ("year > 2.5", {"year": InRange(3, None)}),
    ("price >= -1e3", {"price": InRange(-1000.0, None)}),
    ("group in (flags, Food, missing)", {"group": AnyOf(("Flags", "Food", None))}),
    ("group not in (Flags, Food)", {"group": NoneOf(("Flags", "Food"))}),
    ("group != Flags and group != Food", {"group": NoneOf(("Flags", "Food"))}),
    ("group = Flags or group = Food", {"group": AnyOf(("Flags", "Food"))}),
    ("group in (Flags, Food) and group != Food", {"group": AnyOf(("Flags",))}),
    ("group is missing", {"group": AnyOf((None,))}),
    ("year is not missing", {"year": NoneOf((None,))}),
    ("(year > 2010 or year is missing)", {"year": InRange(2011, None, missing=True)}),
    ("checked = true", {"checked": AnyOf(("Yes",))}),
    ('place = "the \\"old\\" town"', {"place": AnyOf(('the "old" town',))}),
    ("tags contains cat", {"tags": AnyOf(("cat",))}),
    ('tags in ("new york", dog)', {"tags": AnyOf(("New York", "dog"))}),
    ('caption ~ "red car"', {"caption": HasText("red car")}),
    ('"taken at" > 2019', {"taken at": InRange("2020-01-01T00:00:00", None)}),
    ('"taken at" = 2020-02', {"taken at": InRange("2020-02-01T00:00:00", "2020-02-29T23:59:59")}),
    ('"taken at" = 0001-01-01', {"taken at": InRange("0001-01-01T00:00:00", "0001-01-01T23:59:59")}),
    ('"taken at" = 9999-12-31', {"taken at": InRange("9999-12-31T00:00:00", "9999-12-31T23:59:59")}),
    ('"taken at" > 9999', {"taken at": InRange("9999-12-31T23:59:59", None)}),
    ('"taken at" <= 2019-05-01', {"taken at": InRange(None, "2019-05-01T23:59:59")}),
    ('"taken at" < 2019-05-01T12:30+02:00', {"taken at": InRange(None, "2019-05-01T12:29:59")}),
    ('"file modified" >= 2019-05-01', {":modified": InRange("2019-05-01T00:00:00", None)}),
    (":modified >= 2019-05-01", {":modified": InRange("2019-05-01T00:00:00", None)}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "conditions"), READ)
def test_a_predicate_is_read_as_one_condition_a_column(text: str, conditions: dict[str, Condition]):
    assert read(text) == conditions
    assert read(write_predicate(conditions, FIELDS)) == conditions


WRONG = [
    ("yeer > 2010", "yeer", "Did you mean “year”?"),
    ("colour = red", "colour", "The columns are: group, checked"),
    ("group = Flgs", "Flgs", "Did you mean “Flags”?"),
    ("group = Zoo and year > 1", "Zoo", "No image has the value “Zoo” in group."),
    ("group > Flags", ">", "use =, != or in (…)"),
    ("group contains Fl", "contains", "“contains” is for texts and lists"),
    ("year = red", "red", "“red” is no number."),
    ("year = 1e999", "1e999", "is no number"),
    ("year != 2010", "!=", "one range"),
    ("year in (1, 2)", "in (1, 2)", "one range"),
    ('"taken at" > 2019-13-01', "2019-13-01", "is no date: write it as 2019-05-01"),
    ("group = Animals & Nature", "Animals", "No image has the value"),
    ("place = New York", "York", "A value of several words needs quotes."),
    ("year > 2010 or group = Flags", "or", "one column only"),
    ("year > 2010 and group = Flags or year is missing", "or", "one column only"),
    ("year > 2010 or year < 2000", "or", "cannot be joined"),
    ("year > 2010 and year < 2000", "year < 2000", "No value lies in this range"),
    ("group = Flags and group = Food", "group = Food", "No image has two values"),
    ("tags = cat and tags = dog", "tags = dog", "cannot be joined"),
    ("caption ~ a and caption ~ b", "caption ~ b", "cannot be joined"),
    ("year >> 2010", ">", "Write a value, not “>”"),
    ('group = "Flags', '"Flags', "The quotes are not closed."),
    ("and year > 3", "and", "Write the name of a column, not “and”."),
    ("year > 3 and", "", "Write the name of a column."),
    ("year", "", "After year write one of: >, >="),
    ("year is", "", "missing or not missing"),
    ("year is 5", "5", "missing or not missing"),
    ("(year > 3", "", "“)”"),
    ("group in Flags", "Flags", "in brackets"),
    ("group in (Flags Food)", "Food", "a comma"),
    ("group not Flags", "Flags", "After “not” write in (…)."),
    ('caption ~ " "', '" "', "Write the text to look for."),
    ("((((((((((((((((((((((year > 3", "(", "too many brackets"),
    ("; drop table", ";", "no column"),
]


@pytest.mark.parametrize(("text", "place", "reason"), WRONG)
def test_an_error_names_the_word_and_what_would_be_right(text: str, place: str, reason: str):
    with pytest.raises(PredicateError) as error:
        read(text)
    assert reason in error.value.message
    assert text[error.value.start : error.value.end] == place
    assert error.value.end <= len(text)


def test_a_very_long_text_and_many_brackets_are_refused_at_once():
    for text in ("(" * 200_000, "year > 3 and " * 20_000, '"' * 90_001):
        with pytest.raises(PredicateError):
            read(text)


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
missing = st.booleans()
finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e299, max_value=1e299)
whole = st.integers(-(10**20), 10**20)
moments = st.datetimes().map(lambda at: f"{at.year:04d}-{at:%m-%dT%H:%M:%S}")


def some(values: Any) -> Any:
    listed = st.lists(st.none() | values, min_size=1, max_size=4, unique=True).map(tuple)
    return st.builds(AnyOf, listed) | st.builds(NoneOf, listed)


def ranges(ends: Any) -> Any:
    def made(pair: tuple[Any, Any], open_end: int, also: bool) -> InRange:
        low, high = sorted(pair)
        return InRange(None if open_end == 1 else low, None if open_end == 2 else high, also)

    no_values = st.sampled_from([AnyOf((None,)), NoneOf((None,))])
    return st.builds(made, st.tuples(ends, ends), st.integers(0, 2), missing) | no_values


conditions = st.fixed_dictionaries(
    {},
    optional={
        "place": some(texts),
        "group": some(st.sampled_from(["Animals & Nature", "Flags", "Food"])),
        "tags": some(st.sampled_from(["cat", "dog", "New York"])),
        "year": ranges(whole),
        "price": ranges(finite),
        "taken at": ranges(moments),
        ":modified": ranges(moments),
        "caption": some(texts) | st.builds(HasText, texts.filter(str.strip)),
    },
)


@given(conditions)
@settings(max_examples=400, deadline=None)
def test_what_is_written_is_read_as_the_same_conditions(written: dict[str, Condition]):
    text = write_predicate(written, FIELDS)
    assert read(text) == written
    assert "\n" not in text
    assert "\r" not in text


@given(st.text(string.printable + "“”ü≥", max_size=40) | st.lists(st.sampled_from(
    ["year", "group", "and", "or", "in", "(", ")", ",", ">", "=", "Flags", "3", "is", "missing", '"', "not"]
)).map(" ".join))  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_with_a_place_within_it(text: str):
    try:
        found, error = read(text), PredicateError("", start=0, end=0)
    except PredicateError as refused:
        found, error = {}, refused
    assert 0 <= error.start <= error.end <= len(text)
    assert read(write_predicate(found, FIELDS)) == found
    at = len(text) // 2
    offered = complete(text, at, FIELDS)
    assert 0 <= offered.start <= at <= offered.end <= len(text)
    wanted_after(text, FIELDS)


WRITTEN = [
    ({"price": InRange(5, below(60.0, whole=False))}, "price >= 5 and price < 60"),
    ({"price": InRange(above(0, whole=False), None)}, "price > 0"),
    ({"price": InRange(above(0.5, whole=False), None)}, "price > 0.5"),
    ({"year": InRange(2010, 2012)}, "year between 2010 and 2012"),
    ({"year": InRange(2010, None, missing=True)}, "(year >= 2010 or year is missing)"),
    ({"taken at": InRange("2019-01-01T00:00:00", "2020-12-31T23:59:59")}, '"taken at" between 2019 and 2020'),
    ({"taken at": InRange("2019-05-01T00:00:00", "2019-05-31T23:59:59")}, '"taken at" = 2019-05'),
    ({":modified": InRange("2019-05-01T00:00:00", None)}, '"File modified" >= 2019-05'),
    ({":modified": InRange(0, None)}, '"File modified" >= 1970'),
    ({"group": NoneOf(("Food", None))}, "group not in (Food, missing)"),
    ({"place": AnyOf(("missing",))}, 'place = "missing"'),
    ({"unknown": AnyOf(("a", "5"))}, 'unknown in (a, "5")'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "text"), WRITTEN)
def test_a_predicate_is_written_as_a_person_would(written: dict[str, Condition], text: str):
    assert write_predicate(written, FIELDS) == text


def test_values_just_beside_a_bound_are_exact():
    assert above(2, whole=True) == 3
    assert below(2.5, whole=True) == 2
    assert below("2020-03-01T00:00:00", whole=False) == "2020-02-29T23:59:59"
    assert 5 < above(5.0, whole=False) < 5.000001
    assert interval("0001", time=True) == ("0001-01-01T00:00:00", "0001-12-31T23:59:59")
    assert interval("9999", time=True) == ("9999-01-01T00:00:00", "9999-12-31T23:59:59")
    assert above("9999-12-31T23:59:59", whole=False) == "9999-12-31T23:59:59"
    assert interval("nan", time=False) is interval("inf", time=False) is None


OFFERED = [
    ("|", ["group", "checked", "place", "tags", "year", "price", "taken at", "File modified"], 0),
    ("ye|", ["year"], 0),
    ("group = Flags and t|", ["tags", "taken at", "caption"], 18),
    ("mod|", ["File modified"], 0),
    ("year |", [">", ">=", "<", "<=", "=", "between", "is missing", "is not missing"], 5),
    ("group i|", ["in", "is missing", "is not missing"], 6),
    ("group = |", ["Animals & Nature", "Flags", "Food"], 8),
    ("group = f|", ["Flags", "Food"], 8),
    ('group = "f|', ["Flags", "Food"], 8),
    ('group = "f|" and year > 3', ["Flags", "Food"], 8),
    ("group in (Flags, f|", ["Flags", "Food"], 17),
    ("group in (Flags |", [")", ","], 16),
    ("group is |", ["missing", "not missing"], 9),
    ("group not |", ["in"], 10),
    ("year > 3 |", ["and", "or"], 9),
    ("year > |", [], 7),
    ("group = Flags|", [], 8),
    ("nothing = |", [], 10),
]


@pytest.mark.parametrize(("marked", "options", "start"), OFFERED)
def test_what_may_follow_is_offered(marked: str, options: list[str], start: int):
    at = marked.index("|")
    offered = complete(marked.replace("|", ""), at, FIELDS, most=20)
    assert [option.text for option in offered.options][: len(options)] == options
    assert len(offered.options) in {len(options), 9}
    assert offered.start == start


def test_an_option_replaces_the_whole_word_and_quotes_what_needs_it():
    text = 'group = "an" and year > 3'
    offered = complete(text, text.index("an") + 2, FIELDS)
    (option,) = offered.options
    assert text[: offered.start] + option.insert.strip() + text[offered.end :] == (
        'group = "Animals & Nature" and year > 3'
    )
    assert (option.value, option.field) == ("Animals & Nature", FIELDS["group"])
