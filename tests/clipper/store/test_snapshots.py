"""How long what is on disk lives: as long as somebody reads it, and no longer."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

import clipper
from clipper.errors import StoreError
from clipper.indexing.run import Step
from clipper.store import shards
from clipper.store.home import Home, read_json, write_json
from clipper.store.snapshots import PARTS

Index = Callable[[Path], dict[str, Step]]
Homes = Callable[[str, int], Path]

# The parts of a home in which nobody keeps words, and without label files.
MADE = [name for name in PARTS if name not in {"word_columns", "objects", "agreement"}]


def files(home: Path) -> list[Path]:
    return sorted((home / "images").glob("*.jpg"))


def versions(home: Path) -> dict[str, int]:
    found = {name: {p.name.split(".")[0] for p in (home / "store" / name).iterdir()} for name in MADE}
    return {name: len(names) for name, names in found.items()}


def size(home: Path) -> dict[str, int]:
    """Bytes of each part of the store."""
    return {
        part.name: sum(p.stat().st_size for p in [part, *part.rglob("*")] if p.is_file())
        for part in sorted((home / "store").iterdir())
    }


def invert(path: Path, *, times: int = 1) -> None:
    """Other content under the same name: inverted, and a line more of white for each time."""
    with Image.open(path) as image:
        other = ImageOps.invert(image.convert("RGB"))
    other.putpixel((times, 0), (255, 255, 255))
    other.save(path, quality=90)


def test_only_the_published_version_stays_when_nobody_reads_another(small_home: Path, run_index: Index):
    for gone in files(small_home)[:3]:
        run_index(small_home)
        gone.unlink()
    run_index(small_home)
    assert versions(small_home) == dict.fromkeys(MADE, 1)


@pytest.mark.slow
def test_a_reader_keeps_what_it_has_open_through_many_versions(indexed_home: Path, run_index: Index):
    reader = clipper.open(indexed_home)
    for path in files(indexed_home)[:8]:
        path.unlink()
        run_index(indexed_home)
    # Only now does it look at the rest: every file of its version is still there.
    assert len(reader) == reader.vectors.shape[0] == len(reader.points) == 24
    assert reader._engine.thumbnail(23)
    assert reader._engine.image_format(0) == "JPEG"
    assert len(reader.search("a face", k=24, where={"x": {"$gt": -1e9}})) == 24
    reader.close()
    files(indexed_home)[0].unlink()
    run_index(indexed_home)
    assert versions(indexed_home) == dict.fromkeys(MADE, 1)


def test_a_reader_in_another_process_counts_and_one_that_is_killed_does_not(
    indexed_home: Path, run_index: Index
):
    code = (
        f"import clipper, sys\natlas = clipper.open({str(indexed_home)!r})\n"
        "print('open', flush=True)\nsys.stdin.read()"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    files(indexed_home)[0].unlink()
    run_index(indexed_home)
    assert versions(indexed_home)["projection"] == 2
    reader.kill()
    reader.wait()
    run_index(indexed_home)  # even where nothing else is to do
    assert versions(indexed_home)["projection"] == 1


def test_a_version_that_comes_back_is_held_again(indexed_home: Path, run_index: Index):
    first = clipper.open(indexed_home)
    data = files(indexed_home)[0].read_bytes()
    gone = files(indexed_home)[0]
    gone.unlink()
    run_index(indexed_home)
    gone.write_bytes(data)
    steps = run_index(indexed_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert len(first.vectors) == len(clipper.open(indexed_home).vectors) == 24


def test_rows_of_images_that_are_gone_are_given_back(
    home_of: Homes, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shards, "MANY_SMALL", 4)
    home = home_of("home", 30)
    run_index(home)
    for path in files(home)[:12]:
        path.unlink()
    run_index(home)
    atlas = clipper.open(home)
    for store in (
        atlas._engine.home.store / "facts",
        atlas._engine.home.embeddings(atlas._engine.snapshot.embeddings),
    ):
        tables = [shards.read_shard(path) for path in store.glob("*.arrow")]
        assert sum(map(len, tables)) == 18
    assert len(atlas.vectors) == 18
    assert run_index(home)["clip_embeddings"].counts["new"] == 0


@pytest.mark.slow
def test_many_small_shards_become_few_and_readers_find_every_row(
    home_of: Homes, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shards, "MANY_SMALL", 4)
    home = home_of("home", 24)
    later = files(home)[12:]
    held = {path: path.read_bytes() for path in later}
    for path in later:
        path.unlink()
    run_index(home)
    for path, data in held.items():
        path.write_bytes(data)
        run_index(home)
    written = list((home / "store" / "thumbnails").glob("*.arrow"))
    assert len(written) <= 5
    atlas = clipper.open(home)
    assert all(atlas._engine.thumbnail(row) for row in range(24))


def test_vectors_of_another_model_stay_for_images_that_are_there(
    indexed_home: Path, run_index: Index, tmp_path: Path, model_folder: Path
):
    config = indexed_home / "clipper.toml"
    first = config.read_text()
    other = Path(shutil.copytree(model_folder, tmp_path / "other"))
    settings = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(settings | {"resample": 2}))
    config.write_text(f'images = "images"\nmodel = "{other}"\n')
    for path in files(indexed_home)[:8]:
        path.unlink()
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 16
    config.write_text(first)
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 0


@pytest.mark.reliability
def test_ten_replacements_of_a_third_leave_a_store_of_at_most_half_more(
    home_of: Homes, run_index: Index, record_property: Callable[[str, object], None]
):
    home = home_of("home", 90)
    run_index(home)
    largest = 0
    for cycle in range(10):
        for path in files(home)[cycle % 3 :: 3]:
            invert(path, times=cycle + 1)
        counts = run_index(home)["clip_embeddings"].counts
        assert counts["new"] == 30
        largest = max(largest, sum(size(home).values()))
    fresh = home_of("fresh", 1)
    shutil.rmtree(fresh / "images")
    shutil.copytree(home / "images", fresh / "images")
    run_index(fresh)
    alone = sum(size(fresh).values())
    print(f"\nin ten cycles at most {largest / alone:.2f} times a fresh store: {size(home)}, {size(fresh)}")  # noqa: T201
    assert largest <= 1.5 * alone
    record_property("tries", 10)


def test_a_reader_finds_rows_that_are_being_moved_between_shards(
    indexed_home: Path, monkeypatch: pytest.MonkeyPatch
):
    atlas = clipper.open(indexed_home)
    folder = atlas._engine.home.store / "thumbnails"
    listed = Path.glob
    moved = False

    def glob(self: Path, pattern: str) -> list[Path]:
        nonlocal moved
        found = list(listed(self, pattern))
        if self == folder and not moved:
            moved = True
            found[0].rename(folder / "moved.arrow")  # after it was listed, before it is opened
        return found

    monkeypatch.setattr(Path, "glob", glob)
    assert atlas._engine.thumbnail(3)
    assert moved


def test_a_published_file_that_lacks_its_snapshot_still_opens(indexed_home: Path):
    for path in Home(indexed_home).snapshots.iterdir():
        path.unlink()
    assert len(clipper.open(indexed_home)) == 24
    current = Home(indexed_home).current
    write_json(current, read_json(current) | {"format": 2})
    with pytest.raises(StoreError, match="upgrade Clipper"):
        clipper.open(indexed_home)
