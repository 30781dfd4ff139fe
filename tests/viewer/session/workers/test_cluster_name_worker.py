"""Names that people give to clusters: in every open page at once, in its legend, filters and address."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import clustered, shown

from clipper.query_filter import AnyOf, NoneOf
from clipper.store import cluster_names as kept
from clipper.store.home import Home
from viewer.components.map.legend import ColourKey
from viewer.components.side.filter_panel import FilterChips
from viewer.components.side.selection_panel import SelectionPanel
from viewer.dataset.clusters import CLUSTER
from viewer.dataset.dataset import Dataset
from viewer.render.overview import Overviews
from viewer.session.state import ViewState
from viewer.session.steps import OneCluster, SelectionStep
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.filters import FilterWorker
from viewer.session.workers.tags import TagWorker


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def dataset(home: Home) -> Dataset:
    atlas = clustered()
    atlas.settings.home = home.folder
    return Dataset(atlas)


def cluster_of(dataset: Dataset, name: str) -> int:
    assert dataset.clusters is not None
    return int(dataset.clusters.table.ids[dataset.clusters.names.index(name)])


def panel_of(state: ViewState, names: ClusterNameWorker) -> SelectionPanel:
    panel = SelectionPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state), names)
    return panel


def choose(state: ViewState, cluster: int) -> None:
    rows = state.dataset.clusters.images_of(cluster)
    state.param.update(selection=rows, steps=[SelectionStep("replace", OneCluster(cluster))])


def test_a_name_is_on_the_map_and_in_the_legend_of_every_page_and_the_title_says_what_was_found(
    dataset: Dataset, home: Home
) -> None:
    mine, other = ViewState(dataset=dataset, colour=CLUSTER), ViewState(dataset=dataset, colour=CLUSTER)
    names, others = ClusterNameWorker(mine), ClusterNameWorker(other)
    panel, legend = panel_of(mine, names), shown(ColourKey(), other)
    looks = {"face": 48.0, "faces": True, "names": True}
    before = Overviews().of(dataset, None, **looks)
    part = dataset.clusters.column_rows[0]
    cluster, found = int(dataset.clusters.table.ids[part]), dataset.clusters.names[part]
    choose(mine, cluster)
    assert panel.cluster == {"id": cluster, "name": found, "found": found}
    panel._handle_msg({"kind": "rename", "id": cluster, "text": "  city \n cats "})
    assert panel.cluster == {"id": cluster, "name": "city cats", "found": found}
    assert (panel.tried, panel.refused) == (1, "")
    assert kept.read(home) == {cluster: "city cats"}
    others.check()
    assert other.clusters is mine.clusters is dataset.clusters
    assert "city cats" in [entry["label"] for entry in legend.entries]
    after = Overviews().of(dataset, None, **looks)
    assert before is not after
    assert after is Overviews().of(dataset, None, **looks)
    panel._handle_msg({"kind": "rename", "id": cluster, "text": "  "})
    assert (panel.cluster["name"], kept.read(home)) == (found, {})


def test_the_found_name_typed_again_is_not_a_given_name(dataset: Dataset, home: Home) -> None:
    names = ClusterNameWorker(ViewState(dataset=dataset))
    cluster = cluster_of(dataset, "group 1")
    names.rename(cluster, "cats")
    names.rename(cluster, "group  1")
    assert kept.read(home) == {}


def test_a_filter_on_a_cluster_keeps_its_images_when_the_cluster_is_renamed(dataset: Dataset) -> None:
    state, other = ViewState(dataset=dataset), ViewState(dataset=dataset)
    FilterWorker(state)
    names, others = ClusterNameWorker(state), ClusterNameWorker(other)
    chips = shown(FilterChips(), state)
    label = dataset.facet(CLUSTER).labels[2]
    state.filters = {CLUSTER: AnyOf((label,)), "group": NoneOf(("none",))}
    passing = state.kept.copy()
    others.rename(cluster_of(dataset, label), "dogs")
    names.check()
    assert state.filters == {CLUSTER: AnyOf(("dogs",)), "group": NoneOf(("none",))}
    assert np.array_equal(state.kept, passing)
    assert chips.items[0]["words"] == "dogs"


def test_why_a_name_is_refused_is_said_and_damaged_names_are_no_reason_to_fail(
    dataset: Dataset, home: Home
) -> None:
    state = ViewState(dataset=dataset)
    panel = panel_of(state, names := ClusterNameWorker(state))
    cluster = cluster_of(dataset, "group 1")
    choose(state, cluster)
    panel._handle_msg({"kind": "rename", "id": cluster, "text": "x" * 100})
    assert "60 letters" in panel.refused
    kept.path_of(home).write_text("{")
    names.rename(cluster, "fine")
    assert "is damaged" in panel.refused
    assert kept.path_of(home).read_text() == "{"
    assert Dataset(dataset.atlas).clusters.names[1] == "group 1"
    choose(state, cluster_of(dataset, "group 2"))
    assert panel.refused == ""
    for message in ({"id": "1", "text": "a"}, {"id": 1}, {"text": "a"}, {"id": True, "text": "a"}):
        panel._handle_msg({"kind": "rename", **message})


def test_there_is_a_title_only_while_one_whole_cluster_is_chosen(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset)
    panel = panel_of(state, ClusterNameWorker(state))
    assert panel.cluster == {}
    cluster = cluster_of(dataset, "group 0")
    choose(state, cluster)
    assert panel.cluster["id"] == cluster
    state.steps = [*state.steps, SelectionStep("add", OneCluster(cluster_of(dataset, "group 1")))]
    assert panel.cluster == {}
    choose(state, 10**6)
    assert panel.cluster == {}


def test_a_dataset_without_clusters_has_nothing_to_name() -> None:
    plain = clustered()
    plain.clusters = None
    state = ViewState(dataset=Dataset(plain))
    ClusterNameWorker(state).check()
    assert state.clusters is None
