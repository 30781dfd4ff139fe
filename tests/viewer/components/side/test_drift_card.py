"""What has changed since the version before: in words, and as a switch of the map."""

from typing import Any

import numpy as np
import pytest
from fakes import clustered, shown

from clipper.query_filter import AnyOf
from viewer.components.map.legend import ColourKey
from viewer.components.side.drift_card import DriftCard, verdict
from viewer.dataset.columns.novelty import BEFORE, LABELS, NEW, NOVELTY, UNLIKE
from viewer.dataset.dataset import Dataset
from viewer.session.state import ViewState
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.filters import FilterWorker

DRIFT: dict[str, Any] = {
    "since": "2026-05-01T00:00:00+00:00", "new": 100, "gone": 0, "common": 400, "sparse": 30,
    "sparse_share": 0.3, "drifted": True, "tested": True, "p_value": 0.004, "names": {"999": "cats\n"},
    "clusters": [
        {"id": 3, "change": "grew", "before": 10, "after": 40, "p_value": 0.001},
        {"id": 999, "change": "vanished", "before": 20, "after": 0, "p_value": 0.002},
        {"id": 1_000, "change": "appeared", "before": 0, "after": 9, "p_value": 0.003},
    ],
}  # fmt: skip


def state_of(drift: dict[str, Any], novelty: np.ndarray | None) -> ViewState:
    atlas = clustered()
    atlas.drift, atlas.novelty = drift, novelty
    state = ViewState(dataset=Dataset(atlas), panel="insights", colour="group")
    FilterWorker(state)
    ClusterNameWorker(state)
    return state


@pytest.fixture
def state() -> ViewState:
    return state_of(DRIFT, np.repeat([0, 1, 2], [400, 70, 30]).astype(np.int8))


def tell(card: DriftCard, kind: str, **details: object) -> None:
    card._handle_msg({"kind": kind, **details})


def test_the_card_names_what_changed_and_only_clusters_that_are_there_can_be_selected(
    state: ViewState,
) -> None:
    card = shown(DriftCard(), state)
    assert card.visible
    facts = card.facts
    assert (facts["new"], facts["gone"], facts["stayed"], facts["share"]) == (100, 0, 400, "30%")
    assert "about 1 of 250 cases" in facts["verdict"]
    assert [(group["words"], [c["name"] for c in group["clusters"]]) for group in facts["changes"]] == [
        ("Only now", ["Cluster 1000"]),
        ("More", ["group 0"]),
        ("No longer", ["cats"]),
    ]
    assert [c["id"] for group in facts["changes"] for c in group["clusters"]] == [None, 3, None]
    tell(card, "cluster", id=3)
    assert state.selection.tolist() == state.clusters.images_of(3).tolist()
    for cluster_id in (999, "3", None, True):
        tell(card, "cluster", id=cluster_id)


def test_the_switch_colours_the_map_and_shows_one_side_and_a_second_press_ends_it(state: ViewState) -> None:
    card, legend = shown(DriftCard(), state), shown(ColourKey(), state)
    tell(card, "side", side="both")
    assert (card.side, state.colour, state.filters) == ("both", NOVELTY, {})
    assert [(entry["label"], entry["count"]) for entry in legend.entries] == list(
        zip(LABELS, (400, 70, 30), strict=True)
    )
    tell(card, "side", side="new")
    assert (card.side, state.passing_count) == ("new", 100)
    tell(card, "side", side="before")
    assert (card.side, state.passing_count) == ("before", 400)
    tell(card, "side", side="before")
    assert (card.side, state.filters) == ("", {})
    assert state.colour == state.dataset.default_colour
    state.param.update(colour=NOVELTY, filters={NOVELTY: AnyOf((UNLIKE,))})
    assert (card.side, state.passing_count) == ("", 30)
    for side in ("other", None, 3):
        tell(card, "side", side=side)
    assert state.filters == {NOVELTY: AnyOf((UNLIKE,))}


def test_other_filters_stay_when_the_switch_is_pressed(state: ViewState) -> None:
    card = shown(DriftCard(), state)
    state.filters = {"group": AnyOf(("group 1",))}
    tell(card, "side", side="new")
    assert state.filters == {"group": AnyOf(("group 1",)), NOVELTY: AnyOf((NEW, UNLIKE))}
    tell(card, "side", side="new")
    assert state.filters == {"group": AnyOf(("group 1",))}


def test_without_new_images_there_is_no_switch_and_without_a_version_before_no_card() -> None:
    gone = {**DRIFT, "new": 0, "gone": 7, "sparse": 0, "sparse_share": 0.0, "clusters": []}
    state = state_of(gone, np.zeros(500, np.int8))
    card = shown(DriftCard(), state)
    assert (card.visible, card.facts["switch"], card.facts["changes"]) == (True, False, [])
    tell(card, "side", side="new")
    assert state.colour == "group"
    assert NOVELTY not in state.colour_choices
    first = shown(DriftCard(), state_of({}, None))
    assert (first.visible, first.facts) == (False, {})


def test_the_card_is_part_of_the_list_of_findings_and_follows_the_version(state: ViewState) -> None:
    card = shown(DriftCard(), state)
    for change in ({"panel": "filter"}, {"panel": "insights"}, {"finding": "odd"}):
        state.param.update(**change)
        assert card.visible is (change == {"panel": "insights"})
    state.param.update(finding="", dataset=Dataset(clustered()))
    assert (card.visible, card.facts) == (False, {})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"new": 0, "gone": 0}, "The same images as before."),
        ({"tested": False, "drifted": False, "p_value": 1.0}, "too few to tell"),
        ({"drifted": False, "p_value": 0.8}, "of the same kind as before"),
        ({"drifted": False, "p_value": 0.2}, "about 1 of 5 cases"),
        ({"p_value": 1e-40}, "fewer than 1 of 10,000 cases"),
    ],
)
def test_a_p_value_is_told_in_plain_words(changed: dict[str, Any], words: str) -> None:
    assert words in verdict({**DRIFT, **changed})


def test_what_is_new_is_a_column_to_filter_by_with_grey_for_what_was_there(state: ViewState) -> None:
    dataset = state.dataset
    facet, colours = dataset.facet(NOVELTY), dataset.colouring(NOVELTY)
    assert facet is not None
    assert facet.matching([BEFORE]).sum() == 400
    assert dataset.title_of(NOVELTY) == "New or before"
    assert len(set(colours.codes.tolist())) == 3
    assert colours.hex(colours.entries[0].code, dark=True) != colours.hex(colours.entries[1].code, dark=True)
