"""A folder that empties or cannot be read leaves what is published."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from homes import draw, images, opened

from clipper.errors import ImagesError, StoreError
from clipper.images.child_tasks import DecodeResult
from clipper.indexing import run
from clipper.indexing.contents.shard_writer import ShardWriter
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings
from clipper.store import snapshots
from clipper.store.columns.entries import Entries

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]


def test_an_empty_or_missing_folder_leaves_what_is_published(indexed_home: Path, run_index: Index):
    version = opened(indexed_home).version
    (indexed_home / "images").rename(indexed_home / "away")
    with pytest.raises(ImagesError, match="does not exist"):
        run_index(indexed_home)
    (indexed_home / "images").mkdir()
    with pytest.raises(ImagesError, match="no image files"):
        run_index(indexed_home)
    (indexed_home / "images" / "a.jpg").write_text("no image")
    with pytest.raises(ImagesError, match="24 of 24 images are gone"):
        run_index(indexed_home)
    atlas = opened(indexed_home)
    assert atlas.version == version
    assert len(atlas._engine.thumbnail(0)) > 0
    shutil.rmtree(indexed_home / "images")
    (indexed_home / "away").rename(indexed_home / "images")
    assert run_index(indexed_home)["clip_embeddings"].counts["new"] == 0


def test_images_that_all_vanish_while_they_are_read_are_named_with_the_reason(
    small_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    embed = run.embed_images

    def after_all_vanished(work: Workspace) -> dict[str, Step]:
        shutil.rmtree(small_home / "images")
        return embed(work)

    monkeypatch.setattr(run, "embed_images", after_all_vanished)
    named = (
        r"none of the 24 files is a usable image: \S+\.jpg vanished while it was being read.*; .* and 21 more"
    )
    with pytest.raises(ImagesError, match=named):
        run_index(small_home)


def test_files_that_vanish_are_looked_up_together(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    work = Workspace(Settings.load(small_home))
    with work.home.writing():
        scan_images(work)
    _, manifest = work.manifest()
    looks: list[int] = []
    look_up = Entries.where
    monkeypatch.setattr(
        Entries, "where", lambda entries, mask: looks.append(len(mask)) or look_up(entries, mask)
    )
    writer = ShardWriter(work, manifest, (), ("image_facts",))
    for key in manifest.contents:
        writer._take(DecodeResult(key, reason="gone", vanished=True), ())
    assert writer.passed_over == set(manifest.entries.names())
    assert len(looks) == 1


def test_a_folder_that_may_not_be_read_leaves_what_is_published(
    indexed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    version = opened(indexed_home).version
    scandir = os.scandir

    def refused(path: Path) -> Iterator[os.DirEntry]:  # a superuser, as the tests may be, is refused nothing
        if Path(path) == indexed_home / "images":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ImagesError, match="images cannot be read: Permission denied"):
        run_index(indexed_home)
    monkeypatch.undo()
    assert opened(indexed_home).version == version


@pytest.mark.slow
def test_more_than_half_of_the_images_do_not_vanish_without_a_word(
    indexed_home: Path, run_index: Index, clipper_command: Run
):
    version = opened(indexed_home).version
    half = images(indexed_home)[:12]
    for path in half:
        path.unlink()
    run_index(indexed_home)  # half is not more than half
    assert len(opened(indexed_home)) == 12
    version = opened(indexed_home).version
    for path in images(indexed_home)[:7]:
        path.unlink()
    with pytest.raises(ImagesError, match=r"7 of 12 images are gone from .*--allow-shrink"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version
    result = clipper_command("index", "--allow-shrink", "--home", str(indexed_home))
    assert result.returncode == 0, result.stderr
    assert len(opened(indexed_home)) == 5


def test_images_that_all_turn_unreadable_at_once_do_not_empty_the_atlas(indexed_home: Path, run_index: Index):
    version = opened(indexed_home).version
    for path in images(indexed_home)[:20]:
        path.write_bytes(b"\0" * 512)  # as a failing disk may give them
    with pytest.raises(ImagesError, match="20 of 24 images are gone"):
        run_index(indexed_home)
    assert opened(indexed_home).version == version


def test_a_snapshot_that_cannot_be_held_is_not_read_unheld(
    indexed_home: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_words: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(snapshots.os, "open", refused)
    with pytest.raises(StoreError, match="Too many open files"):
        opened(indexed_home)


def test_the_same_folder_under_another_spelling_is_the_same(indexed_home: Path):
    for path in images(indexed_home)[:20]:
        path.unlink()
    for spelled in ("./images", str(indexed_home / "images"), "images/../images"):
        with pytest.raises(ImagesError, match="20 of 24 images are gone"):
            run.index(Settings.load(indexed_home, images=spelled))


def test_another_images_folder_may_be_smaller(indexed_home: Path, tmp_path: Path):
    draw(tmp_path / "one" / "only.png", "red")
    run.index(Settings.load(indexed_home, images=str(tmp_path / "one")))
    assert opened(indexed_home).ids == ["only.png"]
