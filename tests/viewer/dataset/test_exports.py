"""Exports hold what was chosen, in pieces, and nothing that a spreadsheet runs."""

import csv
import gc
import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pyarrow.parquet as pq
import pytest
from fakes import FakeAtlas, FakeColumn

from clipper.export.formats.dataset import BLOCK_ROWS
from clipper.export.formats.tables import escape_formula
from clipper.hashing import content_hash
from clipper.metadata import sources
from clipper.metadata.keys.match import ImageKeys
from viewer.components.side.selection_panel import SelectionPanel
from viewer.dataset.dataset import Dataset
from viewer.dataset.exports import Export, class_column, write_export
from viewer.server.export_route import export_file_name
from viewer.session import export_offers
from viewer.session.export_offers import MAX_OFFERS, offer, redeem
from viewer.session.state import ViewState
from viewer.session.workers.cluster_names import ClusterNameWorker
from viewer.session.workers.tags import TagWorker

EVILS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "\uff1d1"]


class Hostile(FakeAtlas):
    """Ids, values and a column name that a spreadsheet would run."""

    def __init__(self) -> None:
        super().__init__(n=len(EVILS) + 2)
        self.points["group"] = [*EVILS, "plain", None]
        self.points = self.points.rename(columns={"group": "=group"})
        self.columns = {
            "=group": FakeColumn("=group", "str"),
            "size": FakeColumn("size", "float"),
            "tags": FakeColumn("tags", "list[str]"),
        }
        self.ids = [*(f"{evil.replace('/', '_')}.png" for evil in EVILS), "..\\up.png", "a/CON?.png"]
        self.hashes = [content_hash(self.image(row)) for row in range(self.n)]

    @property
    def metadata_table(self):
        import pyarrow as pa

        return pa.Table.from_pandas(self.points[["id", "=group", "size", "tags"]], preserve_index=False)


def export(dataset: Dataset, rows: object = None, **options: object) -> Export:
    return Export(dataset, np.arange(dataset.n) if rows is None else np.array(rows), **options)


def test_a_csv_has_no_cell_that_is_a_formula_and_numbers_stay_numbers() -> None:
    dataset = Dataset(Hostile())
    text = b"".join(write_export(export(dataset), "csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == dataset.n
    numbers = {"x", "y", "size"}
    for row in rows:
        for name, cell in row.items():
            assert not name.startswith(("=", "+", "-", "@"))
            assert name in numbers or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert [float(row["x"]) for row in rows] == pytest.approx(dataset.atlas.xy[:, 0].tolist())
    assert any(row["x"].startswith("-") for row in rows)
    assert json.loads(rows[0]["tags"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [("=1", "'=1"), ("a=1", "a=1"), (-1.5, -1.5), (None, None), (["=x"], '["=x"]'), ("", "")],
)
def test_cells(cell: object, safe: object) -> None:
    assert escape_formula(cell) == safe


def test_parquet_comes_back_with_types_tags_and_similarities_in_order() -> None:
    dataset = Dataset(FakeAtlas(n=BLOCK_ROWS + 50))
    rows = np.arange(BLOCK_ROWS + 50)[::-1]
    scores = np.linspace(0, 1, BLOCK_ROWS + 50).astype(np.float32)
    pieces = list(
        write_export(export(dataset, rows, tags={"keep": np.array([3])}, similarities=scores), "parquet")
    )
    table = pq.read_table(io.BytesIO(b"".join(pieces)))
    assert len(pieces) > 2
    assert table["id"].to_pylist()[0] == f"folder/{BLOCK_ROWS + 49}.png"
    assert table["similarity"].to_pylist() == scores[rows].tolist()
    assert table["tags"].to_pylist()[0] == ["a", "b"]  # the dataset's own
    given = table["clipper_tags"].to_pylist()
    assert (given[-4], given[-1]) == (["keep"], [])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_exported_table_beside_the_images_names_each_of_them(kind: str) -> None:
    dataset = Dataset(Hostile())
    ids = list(dataset.atlas.ids)
    data = b"".join(write_export(export(dataset), kind))
    name = f"metadata.{kind}"
    source = sources.read(name, data, location=name, max_bytes=1 << 20, images=ImageKeys(ids))
    assert source.matches is not None
    assert source.matches.rows.tolist() == list(range(len(ids)))


def test_a_zip_has_the_originals_that_are_there_and_says_which_are_not() -> None:
    atlas = Hostile()
    atlas.hashes[0] = content_hash(b"another file")
    dataset = Dataset(atlas)
    pieces = list(write_export(export(dataset), "zip"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(set(map(str.lower, names))) == len(names)
    assert all(
        "\\" not in name and ".." not in name.split("/") and not name.startswith("/") for name in names
    )
    assert "a/CON_.png" in names
    assert archive.read("a/CON_.png") == b"a/CON?.png"
    assert "has changed" in archive.read("missing.txt").decode()
    metadata = json.loads(archive.read("metadata.json"))
    assert len(metadata) == dataset.n - 1
    assert metadata["a/CON_.png"]["tags"] == ["a", "b"]
    assert set(metadata) < set(names)
    assert archive.read("table.csv").decode().count("\n") == dataset.n + 1


def test_names_that_meet_in_an_archive_are_kept_apart() -> None:
    atlas = FakeAtlas(n=3)
    atlas.ids = ["a?.png", "A*.png", "metadata.json"]
    atlas.hashes = [content_hash(atlas.image(row)) for row in range(3)]
    names = zipfile.ZipFile(io.BytesIO(b"".join(write_export(export(Dataset(atlas)), "zip")))).namelist()
    assert names == ["a_.png", "A_ (2).png", "metadata (2).json", "metadata.json", "table.csv"]


def test_ids_one_a_line() -> None:
    dataset = Dataset(FakeAtlas(n=5))
    assert b"".join(write_export(export(dataset, [4, 0]), "ids")) == b"folder/4.png\nfolder/0.png"


def test_an_export_of_originals_never_holds_more_than_a_few_of_them() -> None:
    atlas = FakeAtlas(n=40)
    atlas.image = lambda row: bytes([row]) * 1_000_000
    atlas.hashes = [content_hash(atlas.image(row)) for row in range(40)]
    sizes = [len(piece) for piece in write_export(export(Dataset(atlas)), "zip")]
    assert max(sizes) < 1_100_000
    assert sum(sizes) > 40_000_000


def test_a_token_is_good_once_and_only_so_many_wait(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = export(dataset)
    token = offer(offered, "csv")
    assert redeem(token).export is offered
    with pytest.raises(KeyError):
        redeem(token)
    tokens = [offer(offered, "ids") for _ in range(MAX_OFFERS + 1)]
    with pytest.raises(KeyError):
        redeem(tokens[0])
    with pytest.raises(KeyError):
        offer(offered, "exe")
    monkeypatch.setattr("viewer.session.export_offers.time", SimpleNamespace(monotonic=lambda: 1e12))
    with pytest.raises(KeyError):
        redeem(tokens[-1])


class Timer:
    """A timer that waits for nobody: the test calls what it would call."""

    started: list["Timer"]

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call = seconds, call

    def start(self) -> None:
        self.started.append(self)


def test_an_export_that_nobody_fetches_is_let_go_of_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    Timer.started = []
    if export_offers._sweeper is not None:  # of an earlier test; it would look after this one's offers too
        export_offers._sweeper.cancel()
        export_offers._sweeper = None
    for name, value in {
        "_offered": OrderedDict(), "_sweeper": None, "threading": SimpleNamespace(Timer=Timer),
        "time": SimpleNamespace(monotonic=lambda: now[0]),
    }.items():  # fmt: skip
        monkeypatch.setattr(export_offers, name, value)
    offered = export(Dataset(FakeAtlas(n=3)))
    held, fetched = ref(offered.dataset), offer(offered, "csv")
    redeem(fetched)
    tokens = [offer(offered, "csv"), offer(offered, "zip")]
    del offered
    gc.collect()
    (timer,) = Timer.started  # one looks after all
    now[0] += 59
    timer.call()
    gc.collect()
    assert held() is not None
    (_, timer) = Timer.started
    now[0] += timer.seconds
    assert now[0] == pytest.approx(160, abs=1)
    timer.call()
    gc.collect()
    assert held() is None  # though nobody offered or took anything since
    for token in tokens:
        with pytest.raises(KeyError):
            redeem(token)


def test_a_session_that_ends_takes_its_exports_with_it_and_no_others(dataset: Dataset) -> None:
    state = ViewState(dataset=dataset, selection=np.arange(4))
    chosen, others = SelectionPanel(), offer(export(dataset), "csv")
    chosen.follow(state, SimpleNamespace(fly_to=None), TagWorker(state), ClusterNameWorker(state))
    chosen._handle_msg({"kind": "export", "format": "csv"})
    mine = chosen.offered["token"]
    chosen.end()
    with pytest.raises(KeyError):
        redeem(mine)
    assert redeem(others).kind == "csv"


@pytest.mark.parametrize("title", ['"><img src=x>', "../../etc/passwd", "", "日本語", "a\r\nb: c", "x" * 300])
def test_a_file_name_is_letters(title: str) -> None:
    name = export_file_name(title, "zip")
    assert name.endswith("-selection.zip")
    assert len(name) < 90
    assert not set('"/\\<>\r\n:') & set(name)
    assert Path(name).name == name


@pytest.mark.parametrize("kind", ["imagefolder", "coco", "yolo", "fiftyone"])
def test_a_folder_for_another_tool_arrives_as_a_zip_with_labels_and_tags(kind: str) -> None:
    atlas = FakeAtlas(n=6)
    atlas.hashes = [content_hash(atlas.image(row)) for row in range(atlas.n)]
    chosen = export(Dataset(atlas), [4, 2], tags={"nice": np.array([2])}, label="group")
    with zipfile.ZipFile(io.BytesIO(b"".join(write_export(chosen, kind)))) as archive:
        assert archive.testzip() is None
        lines = [json.loads(line) for line in archive.read("metadata.jsonl").decode().splitlines()]
        assert [line["file_name"].rpartition("/")[2] for line in lines] == ["4.png", "2.png"]
        assert {line["file_name"] for line in lines} < set(archive.namelist())
    assert export_file_name("Emoji", kind) == "Emoji-selection.zip"


def test_the_table_with_images_has_their_bytes() -> None:
    atlas = FakeAtlas(n=6)
    atlas.hashes = [content_hash(atlas.image(row)) for row in range(atlas.n)]
    table = pq.read_table(io.BytesIO(b"".join(write_export(export(Dataset(atlas), [4, 2]), "images"))))
    assert [row["bytes"] for row in table["image"].to_pylist()] == [atlas.image(4), atlas.image(2)]
    assert export_file_name("Emoji", "images") == "Emoji-selection.parquet"


def test_the_classes_are_the_column_that_colours_the_map() -> None:
    dataset = Dataset(FakeAtlas())
    assert [class_column(dataset, name) for name in ("group", "size", "tags", ":cluster", "")] == [
        "group",
        *[""] * 4,
    ]
