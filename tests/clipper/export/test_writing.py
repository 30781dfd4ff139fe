"""An export is there as a whole or not at all, replaces only exports, and its names suit every system."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipper.atlas import Atlas
from clipper.atlas.exports import select
from clipper.errors import ClipperError
from clipper.export.formats.folders import Plan
from clipper.export.formats.names import Names, safe_path
from clipper.export.formats.writing import atomic_folder
from clipper.export.run import stream


def test_an_export_replaces_only_an_export_and_only_when_told_to(atlas: Atlas, tmp_path: Path):
    out = tmp_path / "out"
    atlas.export(out)
    with pytest.raises(ClipperError, match="--force"):
        atlas.export(out, format="coco")
    assert (out / "README.md").exists()
    atlas.export(out, format="coco", force=True)
    assert not (out / "README.md").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.txt").write_text("mine")
    with pytest.raises(ClipperError, match="no export of Clipper"):
        atlas.export(mine, force=True)
    assert (mine / "photo.txt").read_text() == "mine"
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(ClipperError, match="--force"):
        atlas.export(tmp_path / "x.csv", format="csv")


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path):
    out = tmp_path / "out"
    with atomic_folder(out, force=False) as folder:
        (folder / "a.txt").write_text("old")
    with pytest.raises(ClipperError, match="nothing"), atomic_folder(out, force=True) as folder:  # noqa: PT012
        (folder / "a.txt").write_text("new")
        raise OSError("nothing")
    assert (out / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_images_takes_no_export(atlas: Atlas):
    with pytest.raises(ClipperError, match="within the images folder"):
        atlas.export(atlas.home / "images" / "out")


def test_linked_images_are_the_same_files(atlas: Atlas, tmp_path: Path):
    atlas.export(tmp_path / "out", images="link")
    linked = (tmp_path / "out" / "test-tube.jpg").stat()
    assert linked.st_ino == (atlas.home / "images" / "test-tube.jpg").stat().st_ino


def test_a_folder_goes_to_a_browser_as_a_zip(atlas: Atlas):
    plan = Plan(select(atlas._engine), label="group")
    with zipfile.ZipFile(io.BytesIO(b"".join(stream(plan, "yolo")))) as archive:
        assert archive.testzip() is None
        assert {"data.yaml", "metadata.jsonl", "missing.txt"} <= set(archive.namelist())
        assert sum(name.endswith(".jpg") for name in archive.namelist()) == 22


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("../../etc/passwd", "_/_/etc/passwd"),
        ("/root.jpg", "_/root.jpg"),
        ("a\\..\\b:c?.jpg", "a_.._b_c_.jpg"),
        ("con.jpg", "_con.jpg"),
        ("NUL", "_NUL"),
        (".hidden", "_.hidden"),
        ("end. ", "end_"),
        ("x" * 300 + ".jpeg", "x" * 195 + ".jpeg"),
        ("a\u202egpj.exe", "a_gpj.exe"),
    ],
)
def test_a_name_is_one_that_every_system_accepts(text: str, name: str):
    assert safe_path(text) == name


@given(st.lists(st.text(max_size=12), max_size=30))
def test_every_file_has_a_name_of_its_own_below_the_folder(texts: list[str]):
    names = Names(["metadata.json"])
    given_names = [names.of(text) for text in texts]
    assert len({name.lower() for name in [*given_names, "metadata.json"]}) == len(texts) + 1
    for name in given_names:
        assert not name.startswith("/")
        assert all(part.strip(". ") and not part.startswith(".") for part in name.split("/"))
