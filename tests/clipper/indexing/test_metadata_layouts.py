"""Where metadata may lie: in any folder, in a file beside each image; and what is said of the rest."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest
from homes import indexed
from PIL import Image

from clipper.errors import ImagesError
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.indexing import embed, metadata, scan
from clipper.indexing.sidecars import read_sidecars
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings
from clipper.store.home import Home

Index = Callable[[Path], dict[str, Step]]
IDS = [f"{folder}{i}.jpg" for folder in ("", "train/", "train/deep/", "val/") for i in range(3)]


@pytest.fixture(scope="module")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    home = tmp_path_factory.mktemp("layouts") / "home"
    for number, image_id in enumerate(IDS):
        path = home / "images" / image_id
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (20 * number, 90, 200 - 10 * number)).save(path)
    return indexed(home, model_folder)


@pytest.fixture
def home(once_indexed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once_indexed, tmp_path / "home"))


def put(home: Path, **files: Any) -> None:
    """Write files beside the images; a value that is no text as JSON."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (home / "images" / name).write_text(text)


def joined(home: Path, **settings: Any) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The values of each image that has some, once metadata is joined anew, and the notes of the run."""
    work = Workspace(Settings.load(home, **settings))
    with work.home.writing():
        notes = scan.scan_images(work).notes
        embed.embed_images(work)
        step = metadata.join_metadata(work)
    files = [column.name for column in step.columns if column.origin not in ("file", "folder")]
    table = pq.read_table(work.home.part("metadata", step.version)).select(["id", *files])
    rows = {row.pop("id"): {k: v for k, v in row.items() if v is not None} for row in table.to_pylist()}
    return {image_id: row for image_id, row in rows.items() if row}, [*notes, *step.notes]


def test_a_table_in_a_folder_describes_the_images_below_it_and_the_nearest_table_wins(home: Path):
    put(home, **{
        "metadata.csv": "file_name,mood,year\n0.jpg,top,1\ntrain/0.jpg,top,1\ntrain/deep/0.jpg,top,1\n",
        "train/metadata.csv": "file_name,mood\n0.jpg,near\ndeep/0.jpg,near\n",
        "train/deep/metadata.json": {"0": {"mood": "nearest"}},
    })  # fmt: skip
    rows, notes = joined(home)
    assert rows == {
        "0.jpg": {"mood": "top", "year": 1},
        "train/0.jpg": {"mood": "near", "year": 1},
        "train/deep/0.jpg": {"mood": "nearest", "year": 1},
    }
    assert [note.partition(" are used ")[2] for note in notes] == [
        "('mood of train/deep/0.jpg')",
        "('mood of train/0.jpg', 'mood of train/deep/0.jpg')",
    ]
    assert notes[1].startswith(
        "metadata.csv: 2 value(s) differ from those of train/deep/metadata.json and train/metadata.csv"
    )


def test_a_table_of_a_folder_never_describes_images_elsewhere(home: Path):
    put(home, **{"train/metadata.csv": "file_name,v\n0.jpg,1\n1.jpg,2\nval/2.jpg,3\n"})
    rows, notes = joined(home)
    assert rows == {"train/0.jpg": {"v": 1}, "train/1.jpg": {"v": 2}}
    assert notes == ["train/metadata.csv: no image is called 'val/2.jpg'"]


def test_a_changed_table_of_a_folder_makes_the_metadata_again(home: Path):
    put(home, **{"val/metadata.csv": "file_name,v\n0.jpg,1\n"})
    assert joined(home)[0] == {"val/0.jpg": {"v": 1}}
    put(home, **{"val/metadata.csv": "file_name,v\n0.jpg,2\n"})
    assert joined(home)[0] == {"val/0.jpg": {"v": 2}}
    (home / "images" / "val" / "metadata.csv").unlink()
    assert joined(home)[0] == {}


@pytest.mark.parametrize("name", ["metadata.csv", "train/metadata.csv"])
def test_a_table_whose_rows_all_miss_refuses_the_run_and_keeps_what_is_published(
    home: Path, run_index: Index, name: str
):
    put(home, **{name: "file_name,v\n0.jpg,1\n1.jpg,2\n"})
    run_index(home)
    current = (home / "store" / "current.json").read_bytes()
    put(home, **{name: "file_name,v\nwrong_0.jpg,1\nwrong_1.jpg,2\n"})
    with pytest.raises(ImagesError, match="describes no image, and nothing was changed") as raised:
        run_index(home)
    assert str(home / "images" / name) in str(raised.value)
    assert (home / "store" / "current.json").read_bytes() == current
    (home / "images" / name).unlink()
    run_index(home)


def test_a_table_most_of_whose_rows_miss_all_at_once_is_refused_too(home: Path, run_index: Index):
    put(home, **{"metadata.csv": "\n".join(["file_name,v", *(f"{image_id},1" for image_id in IDS)])})
    run_index(home)
    lines = ["file_name,v", f"{IDS[0]},1", *(f"wrong_{i},1" for i in range(len(IDS) - 1))]
    put(home, **{"metadata.csv": "\n".join(lines)})
    with pytest.raises(ImagesError, match=r"describes 1 images, and 12 before: .*'wrong_0'.*--allow-shrink"):
        run_index(home)
    put(home, **{"metadata.csv": "\n".join(lines).replace("wrong", "wrong,1")})
    with pytest.raises(ImagesError, match=r"describes 1 images, and 12 before: .*lack or exceed the header"):
        run_index(home)
    put(home, **{"metadata.csv": "file_name,v\n"})
    with pytest.raises(
        ImagesError, match=r"has no rows, and described 12 images before\. Nothing was changed"
    ):
        run_index(home)
    assert joined(home, allow_shrink=True)[0] == {}
    put(home, **{"metadata.csv": "\n".join(lines)})
    assert joined(home, allow_shrink=True)[0] == {IDS[0]: {"v": 1}}
    put(
        home, **{"metadata.csv": f"file_name,v\n{IDS[0]},2\n"}
    )  # a table that a person made shorter is no slip
    assert joined(home)[0] == {IDS[0]: {"v": 2}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.json", {"album": {"title": "Holiday"}}),
        ("metadata.json", "no JSON"),
        ("metadata.csv", "file_name,v\nx.jpg,1\n"),
        ("metadata.csv", "title\nHoliday\n"),
    ],
)
def test_a_file_of_a_folder_that_never_described_an_image_stops_nothing(home: Path, name: str, content: Any):
    (home / "images" / "no images").mkdir()
    put(home, **{f"val/{name}": content, f"no images/{name}": content})
    rows, notes = joined(home)
    assert rows == {}
    assert {note.partition(": ")[0] for note in notes} == {
        f"val/{name} is left out",
        f"no images/{name} is left out",
    }


def test_files_beside_images_describe_them(home: Path):
    put(home, **{
        "0.txt": "a red square\n",
        "1.json": {"caption": "a blue one", "likes": 9, "url": "https://h.org/1"},
        "1.txt": "a blue one",
        "train/2.caption": "third",
        "train/2.jpg.json": {"rating": 5},
        "train/1.txt": "0.25 0.5 -0.5 0.1 7\n",
        "readme.txt": "not of an image",
    })  # fmt: skip
    rows, notes = joined(home)
    assert rows == {
        "0.jpg": {"caption": "a red square"},
        "1.jpg": {"caption": "a blue one", "likes": 9, "url": "https://h.org/1"},
        "train/2.jpg": {"caption": "third", "rating": 5},
    }
    assert "1 other file left alone: .txt 1" in notes
    assert "files beside the images: train/1.txt holds numbers, no caption; left out" in notes


def test_files_are_found_in_upper_case_and_as_takeout_calls_them(home: Path):
    taken = {"photoTakenTime": {"timestamp": "1709280000", "formatted": "Mar 1, 2024"}}
    put(home, **{
        "0.TXT": "a red square",
        "1.jpg.supplemental-metadata.json": taken,
        "2.jpg.suppl.json": {"title": "2.jpg"},
        "train/Metadata.CSV": "file_name,v\n0.jpg,5\n",
        "train/0.XMP": "<x:xmpmeta/>",
    })  # fmt: skip
    rows, notes = joined(home)
    assert rows == {
        "0.jpg": {"caption": "a red square"},
        "1.jpg": {"photoTakenTime": "2024-03-01T08:00:00Z"},
        "2.jpg": {"title": "2.jpg"},
        "train/0.jpg": {"v": 5},
    }
    assert any(note.startswith("not read, although") and "train/0.XMP" in note for note in notes)


def test_a_table_beside_the_images_folder_is_named_as_not_read(home: Path):
    (home / "metadata.csv").write_text("file_name,v\n0.jpg,1\n")
    rows, notes = joined(home)
    assert rows == {}
    assert notes == [f"{home / 'metadata.csv'} is not read: move it into the images folder"]


def test_of_a_file_beside_an_image_and_tables_the_file_wins(home: Path):
    put(home, **{"0.txt": "mine", "metadata.csv": "file_name,caption\n0.jpg,table\n1.jpg,table\n"})
    assert joined(home)[0] == {"0.jpg": {"caption": "mine"}, "1.jpg": {"caption": "table"}}


def test_a_run_reads_only_new_and_changed_files_beside_images(home: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    read_many = ImageFolder.read_many

    def counted(self: ImageFolder, found: list[FoundImage]) -> list[bytes | None]:
        read.extend(file.id for file in found)
        return read_many(self, found)

    monkeypatch.setattr(ImageFolder, "read_many", counted)
    monkeypatch.setattr("clipper.indexing.sidecars.RACY_NS", 0)
    put(home, **{"0.txt": "one", "1.txt": "two"})
    assert joined(home)[0]["0.jpg"] == {"caption": "one"}
    assert read == ["0.txt", "1.txt"]
    store = (home / "store" / "sidecars.parquet").stat()
    assert joined(home)[0]["0.jpg"] == {"caption": "one"}
    assert read == ["0.txt", "1.txt"]
    assert (home / "store" / "sidecars.parquet").stat().st_ino == store.st_ino
    put(home, **{"1.txt": "two and a half"})
    assert joined(home)[0]["1.jpg"] == {"caption": "two and a half"}
    assert read == ["0.txt", "1.txt", "1.txt"]
    for name in ("0.txt", "1.txt"):
        (home / "images" / name).unlink()
    assert joined(home)[0] == {}
    assert not (home / "store" / "sidecars.parquet").exists()


def test_a_file_that_was_written_just_now_is_read_again(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clipper.indexing.sidecars.RACY_NS", 10**13)  # however long this takes
    put(home, **{"0.txt": "one"})
    listing = ImageFolder(str(home / "images")).list_files()
    for text in ("one", "two"):  # as long, and perhaps at the same moment
        (home / "images" / "0.txt").write_text(text)
        found = read_sidecars(
            Home(home),
            ImageFolder(str(home / "images")),
            listing.sidecars,
            listed_ns=listing.began_ns,
            coordinates=False,
        )
        assert found.values == {"0.txt": json.dumps({"caption": text})}


def test_an_interrupted_run_keeps_what_it_read_beside_images(home: Path, monkeypatch: pytest.MonkeyPatch):
    for setting in ("RACY_NS", "SAVE_ROWS"):
        monkeypatch.setattr(f"clipper.indexing.sidecars.{setting}", 0)
    monkeypatch.setattr("clipper.indexing.sidecars.BATCH", 1)
    put(home, **{"0.txt": "one", "1.txt": "two", "2.txt": "three"})
    read_many = ImageFolder.read_many
    read: list[str] = []

    def interrupted(self: ImageFolder, found: list[FoundImage]) -> list[bytes | None]:
        if len(read) == 2:
            raise KeyboardInterrupt
        read.extend(file.id for file in found)
        return read_many(self, found)

    monkeypatch.setattr(ImageFolder, "read_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        joined(home)
    read.clear()
    assert len(joined(home)[0]) == 3
    assert read in (["1.txt", "2.txt"], ["2.txt"])


def test_a_damaged_store_of_files_beside_images_is_made_again(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clipper.indexing.sidecars.RACY_NS", 0)
    put(home, **{"0.txt": "one"})
    joined(home)
    (home / "store" / "sidecars.parquet").write_bytes(b"damaged")
    assert joined(home)[0] == {"0.jpg": {"caption": "one"}}


def test_coordinates_beside_images_are_stored_only_with_gps(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clipper.indexing.sidecars.RACY_NS", 0)
    put(home, **{"0.json": {"title": "x", "geoData": {"latitude": 52.5}}})
    rows, notes = joined(home)
    assert rows == {"0.jpg": {"title": "x"}}
    assert notes == ["files beside the images: 0.json holds coordinates, which need gps = true; left out"]
    assert "geoData" in joined(home, gps=True)[0]["0.jpg"]
    assert joined(home)[0] == {"0.jpg": {"title": "x"}}
    kept = pq.read_table(home / "store" / "sidecars.parquet")["values"].to_pylist()
    assert kept == ['{"title": "x"}']


def test_what_looks_like_metadata_and_is_not_read_is_named_with_the_way_out(home: Path):
    put(
        home,
        **{"labels.csv": "a", "Metadata.xlsx": "b", "captions.txt": "c", "notes.txt": "d", "data.bin": "e"},
    )
    put(home, **{f"val/{name}": "x" for name in ("a.json", "b.jsonl", "c.parquet")})
    note = joined(home)[1][1]
    assert note.startswith(
        "not read, although they may describe images: Metadata.xlsx, captions.txt, labels.csv, val/a.json, "
        "val/b.jsonl and 1 more; Clipper reads metadata.json, "
    )
    assert "Save a table as metadata.csv" in note
    (home / "images" / "clipper.toml").write_text("")
    put(home, **{"tags.json": "{}"})
    assert "tags.json" not in " ".join(joined(home)[1])


def test_the_fingerprint_sees_metadata_in_every_folder_and_beside_images(home: Path):
    folder = ImageFolder(str(home / "images"))
    known = [folder.fingerprint()]
    for name in ("train/metadata.csv", "train/0.txt", "1.json", "val/metadata.tsv"):
        put(home, **{name: "x"})
        known.append(folder.fingerprint())
    assert len(set(known)) == len(known)
    put(home, **{"other.txt": "x", "labels.csv": "x"})
    assert folder.fingerprint() == known[-1]


def test_a_folder_behind_a_url_has_the_same_layouts(home: Path, memory_folder: str):
    files = fsspec.filesystem("memory")
    for image_id in IDS[:5]:
        files.pipe(f"/pictures/{image_id}", (home / "images" / image_id).read_bytes())
    files.pipe("/pictures/train/metadata.csv", b"file_name,mood\n0.jpg,glad\n")
    files.pipe("/pictures/1.txt", b"a caption")
    files.pipe("/pictures/.hidden/metadata.csv", b"broken")
    (home / "clipper.toml").write_text(
        (home / "clipper.toml").read_text().replace('"images"', f'"{memory_folder}"', 1)
    )
    rows, _ = joined(home, allow_shrink=True)
    assert rows == {"1.jpg": {"caption": "a caption"}, "train/0.jpg": {"mood": "glad"}}
