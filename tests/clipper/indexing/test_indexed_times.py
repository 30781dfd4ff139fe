"""When an image was first indexed: kept while its bytes are there, whatever it is called."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import clipper
from clipper.doctor import repair
from clipper.images.folder import ImageFolder
from clipper.indexing import run
from clipper.indexing.scan import scan
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.manifest import FIRST_NS, Manifest
from clipper.store.tables import write_part

Runs = Callable[[Path], dict[str, run.Step]]


def times(home: Path) -> dict[str, float]:
    atlas = clipper.open(home)
    try:
        return dict(zip(atlas.ids, atlas._engine.indexed.tolist(), strict=True))
    finally:
        atlas.close()


def manifests(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (home / "store" / "manifest").iterdir()}


def test_a_scan_dates_what_it_has_not_met_and_nothing_else(tmp_path: Path):
    def at(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    for name in ("stays", "moves", "changes", "goes"):
        at(f"{name}.jpg", name.encode())
    folder = ImageFolder(str(tmp_path))
    before = scan(folder)
    (first,) = {entry.first_ns for entry in before.entries}
    (tmp_path / "moves.jpg").rename(tmp_path / "moved.jpg")
    at("changes.jpg", b"changed!")
    goes = at("goes.jpg", b"goes")
    goes.unlink()
    at("copy.jpg", b"stays")
    at("new.jpg", b"new")
    after = scan(folder, before=before)
    dated = {entry.id: entry.first_ns for entry in after.entries}
    assert {name for name, ns in dated.items() if ns == first} == {"stays.jpg", "moved.jpg", "copy.jpg"}
    assert {name for name, ns in dated.items() if ns > first} == {"changes.jpg", "new.jpg"}
    assert {e.id: e.first_ns for e in scan(folder, before=after, verify=True).entries} == dated
    at("goes.jpg", b"goes")  # it was forgotten with the image
    assert max(e.first_ns for e in scan(folder, before=after).entries if e.id == "goes.jpg") > first


def test_a_time_stays_with_an_image_and_an_unchanged_run_writes_nothing(
    home_of: Callable[[str, int], Path], run_index: Runs
):
    home = home_of("times", 6)
    run_index(home)
    first = times(home)
    assert len({*first.values()}) == 1
    before = manifests(home)
    run_index(home)
    assert manifests(home) == before
    names = sorted(first)
    (home / "images" / names[0]).rename(home / "images" / "renamed.jpg")
    Image.new("RGB", (64, 48), "teal").save(home / "images" / names[1])
    run_index(home)
    after = times(home)
    assert after["renamed.jpg"] == first[names[0]]
    assert after[names[1]] > first[names[1]]
    assert {name: after[name] for name in names[2:]} == {name: first[name] for name in names[2:]}
    assert repair.examine(Home(home)) == []


@pytest.mark.slow
def test_a_home_of_an_earlier_clipper_has_no_times_until_something_changes(
    home_of: Callable[[str, int], Path], run_index: Runs
):
    home = home_of("old", 5)
    run_index(home)
    published = snapshots.published(Home(home))
    path = Home(home).part("manifest", published.parts["manifest"])
    write_part(path, pq.read_table(path).drop_columns([FIRST_NS]), {})
    old = manifests(home)
    assert np.isnan([*times(home).values()]).all()
    run_index(home)
    assert manifests(home) == old
    assert repair.examine(Home(home)) == []
    Image.new("RGB", (64, 48), "teal").save(home / "images" / "new.png")
    steps = run_index(home)
    assert steps["clip_embeddings"].counts["new"] == 1
    after = times(home)
    new = after.pop("new.png")
    assert {*after.values()} == {float(int(published.published_at.timestamp()))}
    assert new > max(after.values())


def test_times_are_read_back_as_they_were_written(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    manifest = scan(ImageFolder(str(tmp_path / "images")))
    manifest.write(tmp_path / "m.parquet")
    assert manifest.entries[0].first_ns
    assert Manifest.read(tmp_path / "m.parquet") == manifest
