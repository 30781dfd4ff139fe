"""One filter in two spellings: what a link says is what Chroma is asked."""

from typing import Any

import pytest

from clipper.errors import ClipperError
from clipper.query_filter import (
    AnyOf,
    HasText,
    InRange,
    NoneOf,
    as_where,
    flatten,
    named_columns,
    parse_condition,
    to_link,
    to_where,
)

TYPES = {"group": "str", "tags": "list[str]", "year": "int", "price": "float", "sold": "bool"}
ROWS: dict[str, dict[str, Any]] = {
    "a": {"group": "cat", "tags": ["x", "y"], "year": 2001, "price": 1.5, "sold": True},
    "b": {"group": "dog", "tags": ["z"], "year": 2005, "price": 2.0, "sold": False},
    "c": {"other": 1},
    "d": {"group": "owl", "tags": ["x"], "year": 2007},
}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import chromadb

    client = chromadb.PersistentClient(tmp_path_factory.mktemp("chroma"))
    made = client.create_collection("rows", embedding_function=None)
    made.add(ids=list(ROWS), embeddings=[[1.0, float(i)] for i in range(4)], metadatas=list(ROWS.values()))
    yield made
    client.close()


LINKS = [
    ({"group": {"values": ["cat", "owl"]}}, "ad"),
    ({"group": {"except": ["cat"]}}, "bcd"),
    ({"tags": {"values": ["x"]}}, "ad"),
    ({"tags": {"values": ["y", "z"]}}, "ab"),
    ({"tags": {"except": ["y", "z"]}}, "cd"),
    ({"year": {"range": [2001, 2005]}}, "ab"),
    ({"year": {"range": [2005, None]}}, "bd"),
    ({"year": {"values": ["2007"]}}, "d"),
    ({"price": {"range": [None, 1.75]}}, "a"),
    ({"price": {"values": ["2"]}}, "b"),
    ({"sold": {"values": ["Yes"]}}, "a"),
    ({"group": {"values": ["cat", "dog"]}, "year": {"range": [2002, None]}}, "b"),
]


@pytest.mark.parametrize(("link", "ids"), LINKS)
def test_chroma_finds_what_a_link_asks_for(collection: Any, link: dict[str, Any], ids: str):
    assert sorted(collection.get(where=as_where(link, TYPES))["ids"]) == [*ids]


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"group": "cat"},
        {"group": {"$in": ["cat"]}},
        {"$or": [{"group": "cat"}, {"year": {"$gt": 2}}]},
        {"x": {"$gt": 0.5}},
    ],
)
def test_what_chroma_understands_is_left_as_it_is(where: dict[str, Any]):
    assert as_where(where, TYPES) == where


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"group": {"values": [None]}}, "missing value"),
        ({"year": {"range": [1, 2], "missing": True}}, "missing value"),
        ({"group": {"text": "ca"}}, "part of a text"),
        ({"group": {"range": ["2020-01-01", None]}}, "ranges of numbers"),
        ({"sold": {"values": ["maybe"]}}, "no value of a column"),
        ({"price": {"values": ["nan"]}}, "no value of a column"),
        ({"year": {"values": ["late"]}}, "no value of a column"),
        ({"group": {"values": []}}, "names no value"),
        ({"nope": {"values": ["a"]}}, "no column 'nope'"),
        ({"year": {"range": [1]}}, "not understood"),
        ({"group": {"values": ["cat"]}, "year": {"$gt": 2}}, "not understood"),
    ],
)
def test_what_chroma_cannot_be_asked_is_refused_by_name(link: dict[str, Any], words: str):
    with pytest.raises(ClipperError, match=words):
        as_where(link, TYPES)


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("cat", AnyOf(("cat",))),
        ({"$eq": 3}, AnyOf((3,))),
        ({"$in": ["cat", "dog"]}, AnyOf(("cat", "dog"))),
        ({"$contains": "x"}, AnyOf(("x",))),
        ({"$ne": True}, NoneOf((True,))),
        ({"$nin": ["cat"]}, NoneOf(("cat",))),
        ({"$not_contains": "x"}, NoneOf(("x",))),
        ({"$gte": 1.5}, InRange(1.5, None)),
        ({"$lte": 7}, InRange(None, 7)),
        ({"$gt": 1}, None),
        ({"$in": []}, None),
        ({"$in": [{}]}, None),
        ({"$gte": 1, "$lte": 2}, None),
        ({"$gte": float("nan")}, None),
        (None, None),
        ([1], None),
    ],
)
def test_a_condition_of_chroma_is_read_where_a_link_has_the_same(where: object, condition: object):
    assert parse_condition(where) == condition


@pytest.mark.parametrize(
    "condition",
    [
        AnyOf(("cat", None)),
        NoneOf(("cat",)),
        InRange(1, None),
        InRange("2020-01-01", "2021-01-01", missing=True),
        HasText("face"),
    ],
)
def test_a_condition_in_a_link_is_read_again(condition: AnyOf | NoneOf | InRange | HasText):
    assert parse_condition(to_link(condition)) == condition


def test_one_condition_stands_alone_and_several_are_joined():
    assert to_where({"year": InRange(1, None)}, TYPES) == {"year": {"$gte": 1}}
    assert to_where({"year": InRange(1, 2)}, TYPES) == {
        "$and": [{"year": {"$gte": 1}}, {"year": {"$lte": 2}}]
    }


def test_what_a_filter_is_about_is_found_within_and_and_or():
    written = {"a": 1, "$and": [{"b": {"$gte": 1}}, {"$or": [{"c": 1}, {"d": {"values": ["x"]}}]}]}
    assert named_columns(written) == {"a", "b", "c", "d"}
    assert flatten(written) == [("a", 1), ("b", {"$gte": 1}), ("$or", [{"c": 1}, {"d": {"values": ["x"]}}])]
    assert named_columns({"$or": "x", "$and": 3}) == set()
