"""A Dask cluster hashes blocks of the listing: the manifest is that of this machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from clipper.errors import ClusterSetupError, ImagesError, StorageError
from clipper.images.folder import ImageFolder
from clipper.indexing import scan as scanning
from clipper.indexing.files import cluster, hash_worker
from clipper.indexing.files.checkpoint import Checkpoint
from clipper.indexing.scan import scan, scan_images
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings


@pytest.fixture
def images(folder: Path) -> Path:
    for number in range(100):
        path = folder / f"{number % 3}" / f"{number:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % (number % 40) if number != 50 else b"")
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture
def work(tmp_path: Path, images: Path, local: Any, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home whose new files the cluster hashes, ten at a time, and not this machine."""
    monkeypatch.setattr(cluster, "FILES_A_TASK", 10)
    monkeypatch.setattr(scanning, "CLUSTER_FROM", 20)

    def not_here(*_: object, **__: object) -> None:
        raise AssertionError("hashed on this machine")

    monkeypatch.setattr(scanning, "hash_here", not_here)
    (tmp_path / "home" / "store").mkdir(parents=True)
    settings = Settings.load(tmp_path / "home", images=str(images), dask=local.scheduler_address)
    return Workspace(settings)


def scan_on_cluster(work: Workspace) -> Step:
    """Scan, and forget what workers kept of an earlier test: they are threads of this process."""
    hash_worker._folder.cache_clear()
    return scan_images(work)


def test_a_cluster_makes_the_manifest_that_this_machine_makes(
    work: Workspace, images: Path, monkeypatch: pytest.MonkeyPatch
):
    reported: list[tuple[int, int]] = []
    work.progress = lambda _, done, total: reported.append((done, total))
    scan_on_cluster(work)
    monkeypatch.undo()
    manifest, here = work.manifest()[1], scan(ImageFolder(str(images)))
    assert manifest.version == here.version
    assert list(manifest.unreadable) == list(here.unreadable) == ["2/050.jpg"]
    assert [(entry.id, entry.content_hash, entry.mtime_ns) for entry in manifest.entries] == [
        (entry.id, entry.content_hash, entry.mtime_ns) for entry in here.entries
    ]
    assert reported == [(done, 100) for done in range(1, 101)]


def test_few_new_files_reach_no_cluster(work: Workspace, images: Path, monkeypatch: pytest.MonkeyPatch):
    scan_on_cluster(work)
    monkeypatch.undo()
    monkeypatch.setattr(scanning, "hash_on_cluster", None)
    (images / "new.jpg").write_bytes(b"new")
    assert scan_on_cluster(work).counts["added"] == 1


def test_what_the_cluster_hashed_before_an_error_is_not_hashed_again(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
):
    hashed: list[str] = []
    read = ImageFolder.read

    def note(self: ImageFolder, image_id: str, *args: Any, **more: Any) -> bytes:
        hashed.append(image_id)
        return read(self, image_id, *args, **more)

    def stop(_: str, done: int, __: int) -> None:
        if done == 45:
            raise KeyboardInterrupt

    monkeypatch.setattr(ImageFolder, "read", note)
    work.progress = stop
    with pytest.raises(KeyboardInterrupt):
        scan_on_cluster(work)
    kept = set(Checkpoint(work.home).read().names())
    assert 40 <= len(kept) <= 45
    hashed.clear()
    work.progress = lambda *_: None
    scan_on_cluster(work)
    assert not kept & set(hashed)
    assert len(work.manifest()[1].entries) == 99


def test_a_worker_that_cannot_read_the_images_says_why(work: Workspace, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> bytes:
        raise StorageError("there is no network here")

    monkeypatch.setattr(ImageFolder, "read", refuse)
    with pytest.raises(StorageError, match="no network here"):
        scan_on_cluster(work)
    monkeypatch.setattr(ImageFolder, "require", lambda _: (_ for _ in ()).throw(ImagesError("not mounted")))
    with pytest.raises(ImagesError, match=r"on the Dask worker .*: not mounted"):
        scan_on_cluster(work)
    monkeypatch.setattr(cluster, "HashSetup", lambda *args: hash_worker.HashSetup(*args[:3], "another"))
    with pytest.raises(ClusterSetupError, match="another version of Clipper"):
        scan_on_cluster(work)
