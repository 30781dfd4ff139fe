"""Clusters as a column: their colours last, their labels differ, and hostile names do no harm."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeAtlas, clustered

from clipper.query_filter import AnyOf
from clipper.store.parts.clusters import BLOCK
from viewer.dataset.clusters import CLUSTER, NO_CLUSTER, one_line
from viewer.dataset.columns.colouring import MAX_CATEGORIES, MISSING, free_codes
from viewer.dataset.columns.filters import filter_rows
from viewer.dataset.dataset import Dataset
from viewer.dataset.suggestions import suggest_queries
from viewer.session import selection
from viewer.session.selection import SelectionSource, rows_of_target
from viewer.session.steps import OneCluster, SelectionStep, read_step, write_step


def test_a_version_without_clusters_has_no_column_of_them(dataset: Dataset):
    assert dataset.clusters is None
    assert CLUSTER not in dataset.facets
    assert CLUSTER not in dataset.colour_choices


def test_clusters_colour_the_map_and_filter_it():
    dataset = Dataset(clustered(500, groups=5, parts=3))
    colours, clusters = dataset.colouring(CLUSTER), dataset.clusters
    assert clusters.column_level == 1  # fifteen parts, each with a colour of its own
    assert sum(entry.count for entry in colours.entries) == 500
    assert colours.entries[-1].label == NO_CLUSTER
    in_none = dataset.index.order[colours.codes == MISSING]
    assert sorted(in_none.tolist()) == list(range(0, 500, 50))
    label = colours.entries[0].label
    passing = filter_rows(dataset.facets, {CLUSTER: AnyOf((label,))}, masks={})
    assert np.count_nonzero(passing) == colours.entries[0].count


def test_a_clusters_colour_is_its_own():
    atlas = clustered(500, groups=5, parts=3)
    one = Dataset(atlas).colouring(CLUSTER).assigned_codes()
    atlas.clusters = replace(atlas.clusters, colors=atlas.clusters.colors[::-1].copy())
    other = Dataset(atlas).colouring(CLUSTER).assigned_codes()
    assert one.keys() == other.keys()
    assert one != other
    assert len(set(one.values())) == len(one)


def test_wishes_for_one_colour_are_met_once():
    assert free_codes([3, 3, 0, 3]) == [3, 1, 0, 2]
    assert sorted(free_codes([7] * MAX_CATEGORIES)) == list(range(MAX_CATEGORIES))


def test_clusters_of_one_name_and_without_any_have_labels_that_differ():
    atlas = clustered(500, groups=5, parts=3)
    atlas.cluster_names = [*["group"] * 5, *["same"] * 7]  # and none for the others
    labels = [entry.label for entry in Dataset(atlas).colouring(CLUSTER).entries]
    assert len(set(labels)) == len(labels) == 16
    assert {"same", NO_CLUSTER} < set(labels)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("<b>x</b>", "<b>x</b>"), ("a\n\tb", "a b"), ("a\u202eb", "a b"), ("", ""), ("x" * 300, "x" * 79 + "…")],
)
def test_a_name_is_one_line_of_what_a_page_can_show(name: str, shown: str):
    assert one_line(name) == shown


def test_clusters_that_do_not_fit_the_atlas_are_none():
    atlas, other = FakeAtlas(500), clustered(400)
    atlas.clusters, atlas.cluster_names = other.clusters, other.cluster_names
    assert Dataset(atlas).clusters is None


def test_a_step_selects_a_cluster_by_its_identity_and_a_link_repeats_it():
    dataset = Dataset(clustered(500, groups=5, parts=3))
    cluster_id = int(dataset.clusters.table.ids[2])
    step = SelectionStep("replace", OneCluster(cluster_id))
    assert read_step(write_step(step)) == step
    rows = rows_of_target(step.target, SelectionSource(dataset, None), {}, kept=None)
    assert (dataset.clusters.table.members[rows, 0] == 2).all()
    assert len(rows) == dataset.clusters.table.sizes[2]
    assert not len(rows_of_target(OneCluster(-5), SelectionSource(dataset, None), {}, kept=None))
    assert read_step({"cluster": True}) is None


def test_a_cluster_of_the_past_opens_no_map_of_another_model(monkeypatch: pytest.MonkeyPatch):
    atlas, opened = clustered(500, groups=5, parts=3), []
    atlas.models = ["fake", "second"]
    atlas.model = "fake"
    dataset = Dataset(atlas)

    def of_model(shown: Dataset, model: str) -> Dataset | None:
        opened.append(model)
        return None if model else shown

    monkeypatch.setattr(selection, "of_model", of_model)
    source = SelectionSource(dataset, None)
    assert not len(rows_of_target(OneCluster(BLOCK - 1), source, {}, kept=None))
    assert opened == [""]
    assert not len(rows_of_target(OneCluster(BLOCK + 1), source, {}, kept=None))
    assert opened[1:] == ["", "second"]


def test_without_a_category_the_clusters_colour_the_map_and_suggest_no_words():
    atlas = clustered(500, groups=5, parts=3)
    atlas.points = atlas.points.drop(columns=["group", "tags"])
    dataset = Dataset(atlas)
    assert dataset.default_colour == CLUSTER
    assert suggest_queries(dataset) is not None
