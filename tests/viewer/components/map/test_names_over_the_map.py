"""The names over the map know whose images are selected, and step back behind whatever else is looked at."""

from types import SimpleNamespace

import numpy as np

from viewer.components.map.names import ClusterNames
from viewer.dataset.dataset import Dataset
from viewer.session.selection import apply_step
from viewer.session.state import ViewState
from viewer.session.steps import AllImages, OneCluster, SelectionStep


def test_the_name_of_a_selected_cluster_stays_bright(dataset: Dataset) -> None:
    state, names = ViewState(dataset=dataset), ClusterNames()
    names.follow(state, SimpleNamespace(on_picture=[], picture=None))
    apply_step(state, SelectionStep("replace", OneCluster(7)), np.array([1, 2]))
    assert names.quiet
    assert names.chosen == [7]
    apply_step(state, SelectionStep("add", OneCluster(9)), np.array([1, 2, 3]))
    assert names.chosen == [7, 9]
    apply_step(state, SelectionStep("replace", AllImages("all")), np.arange(5))
    assert names.quiet
    assert names.chosen == []
