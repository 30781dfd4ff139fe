"""Searching among what Clipper found: by scores and clusters, alone and together with metadata."""

from typing import Any

import pytest

import clipper

EVERYTHING = 5_000


def found(atlas: clipper.Atlas, **where: Any) -> set[str]:
    return set(atlas.search("face", k=EVERYTHING, where=where)["id"])


def test_a_search_among_scores_ranks_what_passes_and_nothing_else(sample_atlas: clipper.Atlas):
    points = sample_atlas.points
    assert found(sample_atlas, stands_apart=True) == set(points.index[points["stands_apart"].astype(bool)])
    assert found(sample_atlas, outlier={"$gte": 1.5}) == set(points.index[points["outlier"] >= 1.5])
    assert found(sample_atlas, outlier={"range": [None, 0]}) == set(points.index[points["outlier"] <= 0])
    blown = points["picture_issues"].apply(lambda issues: issues is not None and "blown out" in issues)
    assert found(sample_atlas, picture_issues={"$contains": "blown out"}) == set(points.index[blown])
    assert found(sample_atlas, picture_issues={"except": ["blown out"]}) == set(points.index[~blown])
    ranked = sample_atlas.search("face", k=9, where={"outlier": {"$gte": 1}})["similarity"]
    assert len(ranked) == 9
    assert ranked.is_monotonic_decreasing


def test_scores_and_metadata_are_asked_for_together(sample_atlas: clipper.Atlas):
    points, group = sample_atlas.points, sample_atlas.metadata["group"]
    bright = (points["brightness"] >= 0.9) & (group == "Flags").reindex(points.index)
    assert 0 < bright.sum() < (group == "Flags").sum()
    assert found(sample_atlas, group="Flags", brightness={"$gte": 0.9}) == set(points.index[bright])


def test_a_cluster_of_any_level_holds_its_images(sample_atlas: clipper.Atlas):
    clusters = sample_atlas.clusters
    for level in range(3):
        row = clusters[clusters["level"] == level].iloc[0]
        assert len(found(sample_atlas, cluster=int(row.name))) == row["size"]
    everywhere = found(sample_atlas, cluster=int(clusters.index[0]))
    others = found(sample_atlas, cluster={"$nin": [int(clusters.index[0])]})
    assert everywhere | others == set(sample_atlas.ids)
    assert not everywhere & others
    assert not found(sample_atlas, cluster=-7)


def test_a_search_among_a_part_of_the_map(sample_atlas: clipper.Atlas):
    right = sample_atlas.points["x"] > sample_atlas.points["x"].median()
    assert found(sample_atlas, x={"$gt": float(sample_atlas.points["x"].median())}) == set(right[right].index)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"outlier": {"$gt": 1}}, "is not understood"),
        ({"outlier": {"text": "high"}}, "has no condition like"),
        ({"stands_apart": {"range": [0, 1]}}, "has no range"),
        ({"cluster": {"range": [0, 1]}}, "by the numbers of clusters"),
        ({"outlier": {"$gte": 1}, "group": {"$like": "F"}}, "is not understood"),
        ({"grouq": "Flags"}, "there is no column 'grouq'; `clipper info` lists"),
        ({"$or": [{"group": "Flags"}, {"grouq": "Flags"}]}, "there is no column 'grouq'"),
    ],
)
def test_a_filter_that_cannot_be_used_says_why(
    sample_atlas: clipper.Atlas, where: dict[str, Any], reason: str
):
    with pytest.raises(clipper.ClipperError, match=reason):
        sample_atlas.search("face", where=where)


TYPED = [
    ("group = Flags", lambda data: data["group"] == "Flags"),
    ("GROUP in (flags, Flags)", lambda data: data["group"] == "Flags"),
    ("group is missing", lambda data: data["group"].isna()),
    ("bytes > 4000 and bytes <= 6000", lambda data: (data["bytes"] > 4000) & (data["bytes"] <= 6000)),
    ('name ~ "CAT" and group != Flags', lambda data: data["name"].str.contains("cat", case=False)),
    ("stands_apart = yes", lambda data: data["stands_apart"].fillna(False).astype(bool)),
    ("outlier >= 1.5", lambda data: data["outlier"] >= 1.5),
]


@pytest.mark.parametrize(("text", "meant"), TYPED)
def test_a_filter_may_be_a_line_of_text(sample_atlas: clipper.Atlas, text: str, meant: Any):
    data = sample_atlas.metadata.join(sample_atlas.points)
    wanted = set(data.index[meant(data).fillna(False)])
    assert set(sample_atlas.search("face", k=EVERYTHING, where=text)["id"]) == wanted


def test_a_typed_filter_that_is_not_understood_says_where(sample_atlas: clipper.Atlas):
    with pytest.raises(clipper.errors.PredicateError, match="Did you mean “group”") as error:
        sample_atlas.search("face", where="grouq = Flags")
    assert (error.value.start, error.value.end) == (0, 5)
    assert len(sample_atlas.search("face", k=5, where="")) == 5


def test_times_are_compared_as_times():
    import pyarrow as pa

    from clipper.metadata.columns import Column
    from clipper.metadata.matching import match_cells
    from clipper.predicate.fields import Field, fields_of
    from clipper.predicate.reading import read_predicate

    cells = pa.chunked_array([["2019-05-01", "2019-05-01T23:30:00Z", "2020-01-01 00:00:00", None, "?"]])
    column, fields = Column("taken", "str", "metadata.json", role="time"), fields_of([Field("taken", "time")])

    def found(text: str) -> list[bool]:
        return match_cells(column, cells, read_predicate(text, fields)["taken"]).tolist()

    assert found("taken = 2019-05-01") == [True, True, False, False, False]
    assert found("taken > 2019-05-01") == [False, False, True, False, False]
    assert found("taken < 2020 or taken is missing") == [True, True, False, True, False]
