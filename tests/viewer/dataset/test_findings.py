"""A finding's images in the order of the page, the rows of its parts, and the list of them as a file."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeAtlas, finding

from viewer.components.side.finding_view import (
    MAX_SHOWN,
    MAX_UNFOLDED,
    finding_cards,
    finding_items,
    finding_view,
    folded_positions,
    group_sizes,
    shown_positions,
)
from viewer.dataset.dataset import Dataset
from viewer.dataset.exports import BLOCK_ROWS, EXCLUDED, without_excluded
from viewer.dataset.findings.findings import (
    are_copies,
    findings_of,
    found_rows,
    in_listed_order,
    known_findings,
)
from viewer.dataset.findings.lists import FindingList
from viewer.server.export_route import export_file_name
from viewer.session.export_offers import offer

GROUPS = finding("duplicates", [9, 2, 4, 7, 1], groups=[5, 3, 5, 3, 5], keep=[2, 7])


@pytest.fixture
def dataset() -> Dataset:
    atlas = FakeAtlas(n=40)
    atlas.findings = [GROUPS, finding("odd", [30, 3])]
    return Dataset(atlas)


def test_the_images_of_a_group_are_side_by_side_and_the_one_to_keep_comes_first() -> None:
    listed = in_listed_order(GROUPS)
    assert listed.rows.tolist() == [9, 4, 1, 2, 7]
    assert listed.groups.tolist() == [5, 5, 5, 3, 3]
    assert listed.keep.tolist() == [False, False, False, True, True]
    assert listed.notes == ("note of 9", "note of 4", "note of 1", "note of 2", "note of 7")
    kept_last = in_listed_order(finding("duplicates", [9, 2, 4], groups=[0, 0, 0], keep=[4]))
    assert kept_last.rows.tolist() == [4, 9, 2]


@pytest.mark.parametrize("given", [(), ("one",), ("a", "b", "c", "d", "e", "f")])
def test_every_image_has_one_note_however_many_are_given(given: tuple[str, ...]) -> None:
    for groups in (None, GROUPS.groups):
        assert len(in_listed_order(replace(GROUPS, notes=given, groups=groups)).notes) == 5


def test_a_finding_of_no_images_is_in_order() -> None:
    empty = in_listed_order(finding("duplicates", [], groups=[], keep=[]))
    none = np.empty(0, np.int64)
    assert empty.rows.tolist() == []
    assert shown_positions(empty, none).tolist() == []
    assert finding_view(empty, none)["groups"] == 0


def test_findings_are_worked_out_once(dataset: Dataset) -> None:
    assert known_findings(dataset) is None
    found = findings_of(dataset)
    assert known_findings(dataset) is found is findings_of(dataset)


@pytest.mark.parametrize(("key", "options", "rows"), [
    ("duplicates", {}, [1, 2, 4, 7, 9]), ("duplicates", {"spare": True}, [1, 4, 9]),
    ("duplicates", {"beside": "folder/4.png"}, [1, 4, 9]),
    ("duplicates", {"beside": "folder/7.png", "spare": True}, []),
    ("duplicates", {"beside": "folder/39.png"}, []), ("duplicates", {"beside": "gone.png"}, []),
    ("odd", {}, [3, 30]), ("odd", {"beside": "folder/3.png"}, [3]), ("odd", {"spare": True}, [3, 30]),
    ("never heard of", {}, []),
])  # fmt: skip
def test_the_rows_of_a_finding_of_one_group_or_of_what_is_not_kept(
    dataset: Dataset, key: str, options: dict[str, object], rows: list[int]
) -> None:
    assert sorted(found_rows(dataset, key, **options).tolist()) == rows


def test_of_a_large_group_the_first_are_shown_and_the_others_unfold() -> None:
    many = finding("clusters", range(700), groups=[0] * 650 + [1] * 50)
    positions = np.arange(700)
    assert shown_positions(many, positions).tolist() == [*range(MAX_SHOWN), *range(650, 650 + MAX_SHOWN)]
    assert folded_positions(many, positions, 0).tolist() == list(range(MAX_SHOWN, MAX_SHOWN + MAX_UNFOLDED))
    assert folded_positions(many, positions, 1).tolist() == list(range(650 + MAX_SHOWN, 700))
    assert folded_positions(many, positions, 99).tolist() == []
    assert folded_positions(finding("odd", [1]), np.arange(1), 0).tolist() == []
    few = positions[::100]
    assert shown_positions(many, few).tolist() == few.tolist()
    assert group_sizes(many, few) == {0: 7}


def test_what_is_sent_has_names_and_notes_and_no_novels(dataset: Dataset) -> None:
    novel = replace(finding("odd", [3]), title="x" * 9999, detail="y" * 9999, notes=("z" * 9999,))
    (card,) = finding_cards(dataset, [novel])
    assert (card["key"], card["count"], [image["id"] for image in card["images"]]) == (
        "odd",
        1,
        ["folder/3.png"],
    )
    (item,) = finding_items(dataset, novel, np.array([0]), {})
    assert (item["at"], item["label"], "group" in item, "keep" in item) == (0, "3", False, False)
    assert len(card["title"]) <= len(card["detail"]) <= 1_000
    assert len(item["note"]) <= 300
    listed = in_listed_order(GROUPS)
    view = finding_view(listed, np.array([0, 2, 3]))
    assert (view["count"], view["hidden"], view["groups"], view["spare"]) == (3, 2, 2, 2)
    items = finding_items(dataset, listed, np.array([2, 3]), {5: 2, 3: 1})
    assert [(item["group"], item["size"], item["keep"]) for item in items] == [(5, 2, False), (3, 1, True)]


def test_of_copies_the_file_is_described_as_far_as_it_is_known(dataset: Dataset) -> None:
    values = {"width": 4000, "height": 3000, "format": "JPEG", "bytes": 2_345_678}
    dataset.atlas.metadata = lambda row: values if row == 2 else {"format": "PNG", "width": 9}
    items = finding_items(dataset, in_listed_order(GROUPS), np.array([3, 1]), {5: 2, 3: 1})
    assert [item["facts"] for item in items] == ["4000 x 3000 · JPEG · 2.35 MB", "PNG"]


def test_files_of_the_same_bytes_are_known(dataset: Dataset) -> None:
    dataset.atlas.hashes[4] = dataset.atlas.hashes[30]
    assert are_copies(dataset, np.array([3, 4]), np.array([30, 31])).tolist() == [False, True]
    assert are_copies(dataset, np.array([], np.int64), np.array([1])).tolist() == []


def test_a_list_says_of_each_image_what_was_found_and_what_exports_leave_out(dataset: Dataset) -> None:
    (listed, odd) = findings_of(dataset)
    tags = {EXCLUDED: np.array([4])}
    text = b"".join(FindingList(dataset, listed, np.array([1, 3]), tags).pieces("csv")).decode()
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"id": "folder/4.png", "note": "note of 4", "group": "5", "keep": "False", "excluded": "True"},
        {"id": "folder/2.png", "note": "note of 2", "group": "3", "keep": "True", "excluded": "False"},
    ]
    value = json.loads(b"".join(FindingList(dataset, odd, np.array([0]), tags).pieces("json")))
    assert (value["finding"], value["title"]) == ("odd", "Title of odd")
    assert value["images"] == [
        {"id": "folder/30.png", "note": "note of 30", "group": None, "keep": None, "excluded": False}
    ]


def test_a_list_is_made_in_pieces_and_holds_no_formula() -> None:
    atlas = FakeAtlas(n=BLOCK_ROWS + 5)
    atlas.ids[0] = "=1+1.png"
    dataset = Dataset(atlas)
    rows = range(BLOCK_ROWS + 5)
    evil = replace(finding("odd", rows), notes=("@SUM(A1)",) * len(rows))
    whole = FindingList(dataset, evil, np.arange(len(rows)))
    assert len(list(whole.pieces("csv"))) == 2
    lines = list(csv.reader(io.StringIO(b"".join(whole.pieces("csv")).decode(), newline="")))
    assert lines[1][:2] == ["'=1+1.png", "'@SUM(A1)"]
    assert len(lines) == len(rows) + 1
    assert len(json.loads(b"".join(whole.pieces("json")))["images"]) == len(rows)
    nothing = FindingList(dataset, evil, np.empty(0, np.int64))
    assert json.loads(b"".join(nothing.pieces("json")))["images"] == []
    assert b"".join(nothing.pieces("csv")).count(b"\n") == 1


def test_a_list_is_offered_in_its_own_formats_alone(dataset: Dataset) -> None:
    listed = FindingList(dataset, GROUPS, np.arange(2))
    assert offer(listed, "json")
    for kind in ("zip", "parquet", "ids", "exe"):
        with pytest.raises(KeyError):
            offer(listed, kind)
    assert export_file_name("Emoji", "json", name="labels:group") == "Emoji-labels-group.json"
    assert export_file_name("", "csv", name='"/../') == "images-list.csv"


def test_exports_leave_out_what_is_excluded() -> None:
    rows = np.array([5, 3, 9])
    assert without_excluded(rows, {"other": rows}) is rows
    assert without_excluded(rows, {EXCLUDED: np.array([3, 4])}).tolist() == [5, 9]
