"""Metadata through real runs: into the published atlas and into Chroma."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from homes import indexed
from PIL import Image

from clipper.atlas import Atlas
from clipper.chroma.collection import Collection, address_of
from clipper.errors import ImagesError
from clipper.indexing import run
from clipper.indexing.staging.workspace import Step
from clipper.settings import Settings
from clipper.store.facts import store as facts_store
from clipper.store.home import Home, read_json
from clipper.store.shards import ShardStore

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]
HEAVY = ("torch", "transformers", "chromadb", "umap", "numba")


@pytest.fixture(scope="module")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """A home of 24 images `0.jpg` ..., three of them photos with a place, and a broken one; indexed once."""
    home = tmp_path_factory.mktemp("published") / "home"
    (home / "images").mkdir(parents=True)
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::77][:24]
    for i, file in enumerate(files):
        with Image.open(file) as image:
            image.save(home / "images" / f"{i}.jpg", exif=photo_exif(i) if i < 3 else b"")
    (home / "images" / "broken.jpg").write_bytes(b"broken")
    return indexed(home, model_folder)


@pytest.fixture
def home(once_indexed: Path, tmp_path: Path) -> Path:
    """An indexed home that a test may change."""
    return Path(shutil.copytree(once_indexed, tmp_path / "home"))


def photo_exif(i: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8769)[0x9003] = f"2024:05:0{i + 1} 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0 + i, 15.0, 0.0)})
    return exif.tobytes()


@contextmanager
def opened(home: Path) -> Iterator[Atlas]:
    atlas = Atlas(Settings.load(home))
    yield atlas
    atlas.close()


def published(home: Path) -> dict[str, dict[str, Any]]:
    """Each image's metadata in the published atlas."""
    with opened(home) as atlas:
        return {image_id: atlas._engine.metadata(row) for row, image_id in enumerate(atlas.ids)}


def held(home: Path) -> dict[str, dict[str, Any]]:
    """What Chroma holds of each image."""
    with opened(home) as atlas:
        collection = Collection(address_of(atlas._engine.home, atlas._engine.snapshot.parts["collection"]))
        found = collection.get()
        collection.close()
    return dict(zip(found["ids"], found["metadatas"], strict=True))


def types(home: Path) -> dict[str, tuple[str, str]]:
    with opened(home) as atlas:
        return {column.name: (column.type, column.origin) for column in atlas.columns.values()}


def write_csv(home: Path, *lines: str) -> None:
    (home / "images" / "metadata.csv").write_text("\n".join(lines) + "\n")


def set_gps(home: Path, *, on: bool) -> None:
    lines = [line for line in (home / "clipper.toml").read_text().splitlines() if not line.startswith("gps")]
    (home / "clipper.toml").write_text("\n".join([*lines, f"gps = {str(on).lower()}\n"]))


def embedded(steps: dict[str, Step]) -> tuple[int, int]:
    """Vectors and thumbnails that were made."""
    return steps["clip_embeddings"].counts["new"], steps["thumbnails"].counts["new"]


def written(home: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(home)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (home / "store").rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_csv_alone_becomes_columns_of_the_atlas_and_of_chroma(home: Path, run_index: Index):
    write_csv(home, "file_name,mood,year", "0.jpg,glad,2010", "1,sad,2011", "2.jpg,,n/a", "nobody.jpg,x,2012")
    steps = run_index(home)
    assert embedded(steps) == (0, 0)
    assert types(home)["mood"] == ("str", "metadata.csv")
    assert types(home)["year"] == ("int", "metadata.csv")
    for rows in (published(home), held(home)):
        assert (rows["0.jpg"]["mood"], rows["0.jpg"]["year"]) == ("glad", 2010)
        assert rows["1.jpg"]["year"] == 2011
        assert not {"mood", "year"} & set(rows["2.jpg"])
    assert steps["image_metadata"].notes == [
        "metadata.csv: 'year' is integer, 1 value(s) are not ('n/a'); left out",
        "metadata.csv: no image is called 'nobody.jpg'",
    ]


def test_a_parquet_alone_becomes_columns_too(home: Path, run_index: Index):
    table = pa.table({"file_name": ["0.jpg", "1.jpg"], "score": [0.5, None], "tags": [["a", "b"], ["c"]]})
    pq.write_table(table, home / "images" / "metadata.parquet")
    assert embedded(run_index(home)) == (0, 0)
    assert types(home)["tags"] == ("list[str]", "metadata.parquet")
    for rows in (published(home), held(home)):
        assert rows["0.jpg"]["score"] == 0.5
        assert rows["0.jpg"]["tags"] == ["a", "b"]
        assert "score" not in rows["1.jpg"]


def test_of_three_sources_the_strongest_counts_and_disagreements_are_reported(home: Path, run_index: Index):
    (home / "images" / "metadata.json").write_text(json.dumps({"0": {"v": "json", "only": 1}}))
    table = pa.table({"file_name": ["0.jpg", "1.jpg"], "v": ["parquet", "parquet"]})
    pq.write_table(table, home / "images" / "metadata.parquet")
    write_csv(home, "file_name,v", "0.jpg,csv", "1.jpg,csv", "2.jpg,csv")
    steps = run_index(home)
    assert [published(home)[f"{i}.jpg"]["v"] for i in range(3)] == ["json", "parquet", "csv"]
    assert held(home)["2.jpg"]["v"] == "csv"
    assert types(home)["v"] == ("str", "metadata.json and metadata.parquet and metadata.csv")
    assert steps["image_metadata"].notes == [
        "metadata.parquet: 1 value(s) differ from those of metadata.json, which are used ('v of 0.jpg')",
        "metadata.csv: 2 value(s) differ from those of metadata.json and metadata.parquet, which are used "  # noqa: ISC004
        "('v of 0.jpg', 'v of 1.jpg')",
    ]


def test_an_edited_table_embeds_nothing_and_a_column_that_is_removed_is_gone_from_chroma(
    home: Path, run_index: Index
):
    write_csv(home, "file_name,mood,year", "0.jpg,glad,2010", "1.jpg,sad,2011")
    run_index(home)
    before = written(home)
    steps = run_index(home)
    assert (written(home), steps["atlas"].counts["published"]) == (before, False)
    write_csv(home, "file_name,mood", "0.jpg,calm", "1.jpg,sad")
    steps = run_index(home)
    assert embedded(steps) == (0, 0)
    assert steps["chroma_collection"].counts["written"] == 2
    assert held(home)["0.jpg"]["mood"] == "calm"
    assert not any("year" in row for row in held(home).values())
    assert "year" not in types(home)
    (home / "images" / "metadata.csv").unlink()
    assert embedded(run_index(home)) == (0, 0)
    assert not any("mood" in row for row in held(home).values())


@pytest.mark.parametrize(
    ("name", "data", "remedy"),
    [
        ("metadata.csv", "file_name,mood\n0.jpg,fr\xf6hlich\n".encode("latin-1"), "save it as UTF-8"),
        ("metadata.csv", b"title,mood\nx,glad\n", "call it file_name"),
        ("metadata.parquet", b"PAR1 and no more", "write it again or delete it"),
        ("metadata.csv", b"file_name,mood\n" + b"0.jpg,glad\n" * 40_000, "max_bytes"),
    ],
)
def test_a_broken_table_keeps_what_is_published(
    home: Path, run_index: Index, name: str, data: bytes, remedy: str
):
    write_csv(home, "file_name,mood", "0.jpg,glad")
    config = home / "clipper.toml"
    config.write_text(config.read_text() + "max_bytes = 400000\n")
    run_index(home)
    before = published(home)
    (home / "images" / name).write_bytes(data)
    with pytest.raises(ImagesError, match=remedy) as raised:
        run_index(home)
    assert str(home / "images" / name) in str(raised.value)
    assert published(home) == before
    assert before["0.jpg"]["mood"] == "glad"


def test_a_folder_behind_a_url_has_tables_too(
    home: Path, memory_folder: str, model_folder: Path, tmp_path: Path
):
    files = fsspec.filesystem("memory")
    for i in range(3):
        files.pipe(f"/pictures/{i}.jpg", (home / "images" / f"{i}.jpg").read_bytes())
    files.pipe("/pictures/metadata.csv", b"file_name;mood\n0.jpg;glad\n")
    buffer = io.BytesIO()
    pq.write_table(pa.table({"file_name": ["1.jpg"], "mood": ["sad"]}), buffer)
    files.pipe("/pictures/metadata.parquet", buffer.getvalue())
    (tmp_path / "remote").mkdir()
    run.index(Settings.load(tmp_path / "remote", images=memory_folder, model=str(model_folder)))
    rows = published(tmp_path / "remote")
    assert (rows["0.jpg"]["mood"], rows["1.jpg"]["mood"]) == ("glad", "sad")


def stored(home: Path) -> bytes:
    """All bytes of the store, but for HNSW's: it writes memory it never set, which may hold anything."""
    files = [path for path in sorted((home / "store").rglob("*")) if path.is_file() and path.suffix != ".bin"]
    return b"".join(path.read_bytes() for path in files)


def test_without_gps_no_coordinate_is_stored(home: Path):
    rows = published(home)
    assert rows["0.jpg"]["taken_at"] == "2024-05-01T07:08:09"
    assert rows["0.jpg"]["orientation"] == 1
    assert not (home / "store" / "places").exists()
    assert b"latitude" not in stored(home)
    assert not any("latitude" in text for text in facts_texts(home))


def facts_texts(home: Path) -> list[str]:
    return [text for text in facts_store(Home(home)).table()["facts"].to_pylist() if text]


def test_gps_on_off_and_on_again_reads_facts_alone(home: Path, run_index: Index):
    for _ in range(2):
        set_gps(home, on=True)
        steps = run_index(home)
        assert embedded(steps) == (0, 0)
        assert steps["image_facts"].counts["places_read"] == 24
        for rows in (published(home), held(home)):
            assert (rows["1.jpg"]["latitude"], rows["1.jpg"]["longitude"]) == (52.5, -14.25)
            assert "latitude" not in rows["5.jpg"]
        assert types(home)["latitude"] == ("float", "file")
        assert b"latitude" in stored(home)
        before = written(home)
        assert run_index(home)["image_facts"].counts["places_read"] == 0
        assert written(home) == before

        set_gps(home, on=False)
        steps = run_index(home)
        assert embedded(steps) == (0, 0)
        assert not any("latitude" in row for row in (published(home) | held(home)).values())
        assert "longitude" not in types(home)
        assert not (home / "store" / "places").exists()
        assert b"latitude" not in stored(home)
        before = written(home)
        run_index(home)
        assert written(home) == before


TOGGLED = f"""
import sys
from clipper.indexing import metadata, scan
from clipper.indexing import embed
from clipper.settings import Settings
from clipper.indexing.staging.workspace import Workspace
work = Workspace(Settings.load(sys.argv[1]))
with work.home.writing():
    scan.scan_images(work)
    embed.embed_images(work)
    metadata.join_metadata(work)
print(*[name for name in {HEAVY} if name in sys.modules])
"""


def test_switching_gps_loads_no_model_even_beside_a_broken_file(home: Path, python: Run):
    set_gps(home, on=True)
    result = python(TOGGLED, str(home))
    assert (result.returncode, result.stdout) == (0, "\n"), result.stderr


def test_a_new_image_has_its_place_at_once(home: Path, run_index: Index):
    set_gps(home, on=True)
    run_index(home)
    with Image.open(home / "images" / "5.jpg") as image:
        image.rotate(90).save(home / "images" / "new.jpg", exif=photo_exif(7))
    steps = run_index(home)
    assert embedded(steps) == (1, 1)
    assert steps["image_facts"].counts["places_read"] == 1
    assert published(home)["new.jpg"]["longitude"] == -20.25


def test_places_of_images_that_are_gone_are_given_back(home: Path, run_index: Index):
    set_gps(home, on=True)
    run_index(home)
    for i in range(6):
        (home / "images" / f"{i}.jpg").unlink()
    run_index(home)
    work = run.Workspace(Settings.load(home))
    assert not any(work.coordinates.table()["latitude"].to_pylist())


def test_facts_that_another_version_made_can_still_be_read_by_an_open_atlas(home: Path):
    ours = facts_store(Home(home))
    rows = ours.table().to_pylist()
    shutil.rmtree(ours.folder)
    ShardStore(ours.folder, ours.schema.remove_metadata(), made_by="another").append(rows)
    assert len(facts_store(Home(home)).table()) == 0
    with opened(home) as atlas:
        assert atlas._engine.image_format(0) == "JPEG"
        assert atlas.failures["id"].tolist() == ["broken.jpg"]


def test_columns_that_an_earlier_clipper_wrote_can_still_be_read(home: Path):
    (sidecar,) = home.glob("store/metadata/*.json")
    made_of = read_json(sidecar)
    made_of["columns"] = [
        {"name": "mood", "type": "str", "origin": "metadata"},
        {"name": "width", "type": "int", "origin": "file"},
    ]
    sidecar.write_text(json.dumps(made_of))
    with opened(home) as atlas:
        assert atlas.info()["origins"] == {"mood": "metadata.json", "width": "the files"}


def test_columns_are_reported_when_they_changed(home: Path, run_index: Index):
    step = run_index(home)["image_metadata"]
    assert not step.columns_changed
    write_csv(home, "file_name,mood", "0.jpg,glad", "1.jpg,sad")
    step = run_index(home)["image_metadata"]
    assert step.columns_changed
    (mood,) = [column for column in step.columns if column.name == "mood"]
    assert (mood.type, mood.origin, mood.filled, mood.example) == ("str", "metadata.csv", 2, "glad")
    write_csv(home, "file_name,mood", "0.jpg,calm", "1.jpg,sad")
    assert not run_index(home)["image_metadata"].columns_changed
