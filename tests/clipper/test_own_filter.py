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


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"outlier": {"$gt": 1}}, "is not understood"),
        ({"outlier": {"text": "high"}}, "has no condition like"),
        ({"stands_apart": {"range": [0, 1]}}, "has no range"),
        ({"cluster": {"range": [0, 1]}}, "by the numbers of clusters"),
        ({"outlier": {"$gte": 1}, "group": {"$like": "F"}}, "is not understood"),
    ],
)
def test_a_filter_that_cannot_be_used_says_why(
    sample_atlas: clipper.Atlas, where: dict[str, Any], reason: str
):
    with pytest.raises(clipper.ClipperError, match=reason):
        sample_atlas.search("face", where=where)
