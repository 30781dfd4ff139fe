"""The panel of insights: an open finding is the selection; its marks, its actions, and its address."""

import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, quote

import numpy as np
import pytest
from fakes import FakeAtlas, finding

from clipper.query_filter import AnyOf
from clipper.store import tags as kept
from clipper.store.home import Home
from viewer.app import Viewer
from viewer.components.layout.tabs import Tabs
from viewer.components.page.follower import prepare_update
from viewer.components.page.url import PageUrl
from viewer.components.side import insights
from viewer.components.side.insights import PAGE_SIZE, InsightsPanel
from viewer.components.side.selection_panel import SelectionPanel
from viewer.dataset.changes import compare_atlases
from viewer.dataset.dataset import Dataset
from viewer.dataset.exports import EXCLUDED
from viewer.session.export_offers import redeem
from viewer.session.search import Searcher
from viewer.session.state import ViewState
from viewer.session.steps import Found, OneImage, SelectionStep
from viewer.session.version_change import change_version
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.tags import TagWorker

PAIRS = {"groups": [0, 0, 1, 1, 1], "keep": [10, 12]}


def atlas_of(*, home: Path | None = None, n: int = 500) -> FakeAtlas:
    atlas = FakeAtlas(n=n)
    atlas.findings = [finding("duplicates", range(10, 15), **PAIRS), finding("odd", range(100, 300))]
    if home:
        atlas.settings.home = home
    return atlas


@pytest.fixture
def state(tmp_path: Path) -> ViewState:
    return ViewState(dataset=Dataset(atlas_of(home=tmp_path)), colour="group")


@pytest.fixture
def panel(state: ViewState) -> InsightsPanel:
    made = InsightsPanel()
    made.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    return made


def tell(panel: InsightsPanel, kind: str, **details: object) -> None:
    panel._handle_msg({"kind": kind, **details})


def test_there_is_a_card_for_each_finding_and_the_tab_counts_them(
    state: ViewState, panel: InsightsPanel
) -> None:
    assert [(card["key"], card["count"]) for card in panel.cards] == [("duplicates", 5), ("odd", 200)]
    assert (panel.status, panel.found, state.finding) == ("", {}, "")
    tabs = Tabs()
    tabs.follow(state)
    assert {tab["key"]: tab["count"] for tab in tabs.tabs}["insights"] == 2
    state.panel = "insights"
    assert panel.visible


def test_an_open_finding_is_the_selection_and_closing_it_ends_both(
    state: ViewState, panel: InsightsPanel
) -> None:
    state.panel = "insights"
    tell(panel, "show", key="duplicates")
    assert state.steps == [SelectionStep("replace", Found("duplicates"))]
    assert state.selection.tolist() == [10, 11, 12, 13, 14]
    assert (state.panel, panel.found["spare"], panel.chosen, panel.chosen_spare) == ("insights", 3, 5, 3)
    assert [(item["id"], item["keep"]) for item in panel.items][:2] == [
        ("folder/10.png", True),
        ("folder/11.png", False),
    ]
    assert state.sequence().tolist() == [10, 11, 12, 13, 14]
    tell(panel, "back")
    assert (state.finding, state.selection, state.steps, panel.found) == ("", None, [], {})
    tell(panel, "show", key="never heard of")
    assert (state.finding, state.selection) == ("", None)


def test_closing_a_finding_keeps_what_was_selected_by_other_means(
    state: ViewState, panel: InsightsPanel
) -> None:
    tell(panel, "show", key="odd")
    state.param.update(selection=np.array([3]), steps=[SelectionStep("replace", OneImage("folder/3.png"))])
    assert (panel.chosen, len(panel.unchosen)) == (0, PAGE_SIZE)
    tell(panel, "back")
    assert (state.finding, state.selection.tolist()) == ("", [3])


def test_images_and_groups_are_chosen_one_by_one(state: ViewState, panel: InsightsPanel) -> None:
    tell(panel, "show", key="duplicates")
    tell(panel, "tick", id="folder/11.png", on=False)
    assert (panel.unchosen, panel.chosen) == ([1], 4)
    tell(panel, "tick_group", id="folder/13.png", on=False)
    assert (panel.unchosen, state.selection.tolist()) == ([1, 2, 3, 4], [10])
    tell(panel, "tick_group", id="folder/11.png", on=True)
    assert state.selection.tolist() == [10, 11]
    tell(panel, "choose_spare")
    assert state.selection.tolist() == [11, 13, 14]
    tell(panel, "choose_none")
    assert (state.selection, panel.chosen) == (None, 0)
    tell(panel, "choose_all")
    assert panel.chosen == 5
    for message in ({"kind": "tick", "id": 3}, {"kind": "tick_group"}, {"kind": "tick", "id": "gone"}):
        panel._handle_msg(message)
    assert panel.chosen == 5


def test_a_finding_is_sent_page_by_page_and_a_large_group_unfolds(tmp_path: Path) -> None:
    atlas = atlas_of(home=tmp_path)
    atlas.findings = [finding("clusters", range(300), groups=[0] * 100 + [1] * 200)]
    state, panel = ViewState(dataset=Dataset(atlas)), InsightsPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    tell(panel, "show", key="clusters")
    assert (panel.total, panel.found["count"], panel.items[0]["size"]) == (24, 300, 100)
    tell(panel, "unfold", group=0)
    assert (panel.unfolded["group"], len(panel.unfolded["items"])) == (0, 88)
    tell(panel, "choose_none")
    assert len(panel.unchosen) == 24 + 88
    for group in (None, "0", 7):
        tell(panel, "unfold", group=group)
    atlas.findings = [finding("odd", range(500))]
    state, panel = ViewState(dataset=Dataset(atlas)), InsightsPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    tell(panel, "show", key="odd")
    assert (panel.total, len(panel.items)) == (500, PAGE_SIZE)
    tell(panel, "more", start=PAGE_SIZE)
    assert panel.items[0]["id"] == f"folder/{PAGE_SIZE}.png"
    for start in (-1, 500, "x", None):
        tell(panel, "more", start=start)
    assert panel.start == PAGE_SIZE


def test_images_that_the_filters_hide_are_not_listed_and_not_chosen_until_they_are_seen(
    state: ViewState, panel: InsightsPanel
) -> None:
    passes = np.ones(500, bool)
    passes[[10, 13]] = False
    state.param.update(kept=passes, filters={"group": AnyOf(("group 1",))})
    tell(panel, "show", key="duplicates")
    assert (panel.found["count"], panel.found["hidden"], panel.chosen) == (3, 2, 3)
    assert state.selection.tolist() == [11, 12, 14]
    state.panel = "insights"
    assert state.sequence().tolist() == [11, 12, 14]
    state.param.update(kept=None, filters={})
    assert (panel.found["count"], panel.found["hidden"], panel.chosen) == (5, 0, 5)
    assert state.steps == [SelectionStep("replace", Found("duplicates"))]


def test_what_is_not_kept_is_tagged_excluded_and_put_back(
    state: ViewState, panel: InsightsPanel, tmp_path: Path
) -> None:
    tell(panel, "show", key="duplicates")
    tell(panel, "choose_spare")
    tell(panel, "tag", text="double, check")
    assert panel.given == [["check", 3], ["double", 3]]
    tell(panel, "untag", tag="check")
    tell(panel, "exclude")
    assert state.tags[EXCLUDED].tolist() == [11, 13, 14]
    assert (panel.left_out, panel.excluded, panel.given) == (3, [1, 3, 4], [["double", 3]])
    hashes = state.dataset.atlas.hashes
    assert kept.read(Home(tmp_path))[EXCLUDED] == {hashes[row] for row in (11, 13, 14)}
    tell(panel, "include")
    assert EXCLUDED not in state.tags
    assert panel.excluded == []
    tell(panel, "choose_none")
    tell(panel, "exclude")
    assert EXCLUDED not in state.tags


def test_a_copy_of_an_image_that_is_kept_is_not_tagged_as_the_tag_would_be_on_both(
    state: ViewState, panel: InsightsPanel
) -> None:
    hashes = state.dataset.atlas.hashes
    hashes[11] = hashes[10]
    tell(panel, "show", key="duplicates")
    tell(panel, "choose_spare")
    tell(panel, "exclude")
    assert state.tags[EXCLUDED].tolist() == [13, 14]
    assert "1 is left as it is" in panel.note
    tell(panel, "choose_all")
    tell(panel, "exclude")
    assert state.tags[EXCLUDED].tolist() == [10, 11, 12, 13, 14]
    assert panel.note == ""


def test_why_a_tag_cannot_be_kept_is_said(panel: InsightsPanel) -> None:
    tell(panel, "show", key="odd")
    tell(panel, "tag", text="x" * 100)
    assert "60 letters" in panel.trouble


def test_the_list_of_what_is_chosen_is_offered_until_the_session_ends(panel: InsightsPanel) -> None:
    tell(panel, "export", format="csv")
    assert panel.offered == {}
    tell(panel, "show", key="duplicates")
    tell(panel, "choose_spare")
    tell(panel, "export", format="zip")
    assert panel.offered == {}
    tell(panel, "export", format="json")
    value = json.loads(b"".join(redeem(panel.offered["token"]).export.pieces("json")))
    assert [image["id"] for image in value["images"]] == [f"folder/{row}.png" for row in (11, 13, 14)]
    tell(panel, "export", format="csv")
    panel.end()
    with pytest.raises(KeyError):
        redeem(panel.offered["token"])


def test_exports_of_the_selection_leave_out_what_is_excluded_unless_asked(state: ViewState) -> None:
    worker, chosen = TagWorker(state), SelectionPanel()
    chosen.follow(state, SimpleNamespace(camera=None), worker, ClusterNameWorker(state))
    state.selection = np.arange(4)
    worker.add(EXCLUDED, np.array([1, 2, 9]))
    assert (chosen.excluded, chosen.given) == (2, [])
    for asked, rows in ((False, [0, 3]), (True, [0, 1, 2, 3])):
        chosen._handle_msg({"kind": "export", "format": "csv", "excluded": asked})
        assert redeem(chosen.offered["token"]).export.rows.tolist() == rows
    state.selection = np.array([1, 2])
    before = chosen.offered
    chosen._handle_msg({"kind": "export", "format": "csv"})
    chosen._handle_msg({"kind": "export", "format": "json", "excluded": True})
    assert chosen.offered is before


def test_findings_that_cannot_be_read_are_reported_and_tried_again(
    state: ViewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = InsightsPanel()
    with monkeypatch.context() as broken:
        broken.setattr(insights, "findings_of", lambda _: 1 / 0)
        panel.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    assert (panel.status, panel.cards, state.findings) == ("failed", [], None)
    tell(panel, "again")
    assert (panel.status, len(panel.cards)) == ("", 2)


def address_of(state: ViewState) -> PageUrl:
    address = PageUrl()
    address.follow(state, Searcher(state))
    return address


def visitor(dataset: Dataset) -> tuple[ViewState, InsightsPanel, PageUrl]:
    state, panel = ViewState(dataset=dataset, colour="group"), InsightsPanel()
    address = address_of(state)
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    return state, panel, address


def test_an_address_brings_the_finding_back_with_what_is_chosen_of_it(
    state: ViewState, panel: InsightsPanel
) -> None:
    address = address_of(state)
    state.panel = "insights"
    tell(panel, "show", key="duplicates")
    tell(panel, "choose_spare")
    tell(panel, "tick_group", id="folder/11.png", on=False)
    fields = {name: values[0] for name, values in parse_qs(address.search).items()}
    assert (fields["panel"], fields["finding"]) == ("insights", "duplicates")
    assert json.loads(fields["chosen"]) == [
        {"how": "only", "finding": "duplicates", "spare": True},
        {"how": "less", "finding": "duplicates", "beside": "folder/11.png"},
    ]
    other, theirs, their_address = visitor(state.dataset)
    their_address.open(f"?{address.search}")
    assert (other.panel, other.finding, theirs.chosen) == ("insights", "duplicates", 2)
    assert other.selection.tolist() == [13, 14]
    assert their_address.search == address.search
    their_address.open("")
    assert (other.finding, other.panel, theirs.found) == ("", "results", {})


@pytest.mark.parametrize("key", ["gone", "x" * 5000, "<img src=x>", "labels:\u202egroup"])
def test_a_finding_that_is_not_there_is_dropped_from_an_address_without_a_word(
    state: ViewState, key: str
) -> None:
    other, panel, address = visitor(state.dataset)
    chosen = quote(json.dumps([{"how": "only", "finding": key}]))
    address.open(f"?panel=insights&finding={quote(key)}&chosen={chosen}")
    assert (other.finding, other.selection, other.steps, panel.found) == ("", None, [], {})
    assert address.search == "panel=insights"


def test_a_link_may_come_before_its_finding_is_known_and_back_has_no_step_of_that(
    state: ViewState,
) -> None:
    address = address_of(state)  # the panel does not look for findings yet
    address.open("?panel=insights&finding=gone")
    assert "finding=gone" in address.search
    panel = InsightsPanel()
    panel.follow(state, SimpleNamespace(camera=None), TagWorker(state))
    assert (state.finding, address.search, address.pushes) == ("", "panel=insights", 0)
    tell(panel, "show", key="odd")
    assert address.pushes > 0


def test_another_version_has_findings_of_its_own_and_the_open_one_is_selected_anew(
    state: ViewState, panel: InsightsPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.panel = "insights"
    tell(panel, "show", key="odd")
    later = atlas_of(home=tmp_path)
    later.version, later.findings = "v2", [finding("odd", [7, 8])]
    monkeypatch.setattr("viewer.components.page.follower.load", lambda *_args, **_more: Dataset(later))
    update = prepare_update(state.dataset, colour="group", queries=[])
    change_version(state, update.dataset, changes=compare_atlases(state.dataset.atlas, later))
    assert ([card["key"] for card in panel.cards], state.finding) == (["odd"], "odd")
    assert state.selection.tolist() == [7, 8]
    assert [item["id"] for item in panel.items] == ["folder/7.png", "folder/8.png"]
    last = atlas_of(home=tmp_path)
    last.version, last.findings = "v3", []
    change_version(state, Dataset(last), changes=compare_atlases(later, last))
    assert (panel.cards, panel.found, state.finding, state.findings) == ([], {}, "", ())


def test_escape_closes_the_finding_before_it_clears_a_selection(tmp_path: Path) -> None:
    viewer = Viewer(ViewState(dataset=Dataset(atlas_of(home=tmp_path))))
    state = viewer.state
    state.panel = "insights"
    tell(viewer.insights, "show", key="odd")
    state.param.update(selection=np.array([3]), steps=[SelectionStep("replace", OneImage("folder/3.png"))])
    viewer._escape({})
    assert (state.finding, state.selection.tolist()) == ("", [3])
    viewer._escape({})
    assert state.selection is None
