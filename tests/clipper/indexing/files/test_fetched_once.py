"""An image of a server is downloaded once: the read that hashes it serves its decoding, also after a stop."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tagged_store import Tagged

from clipper.images.files import fetched
from clipper.indexing import scan as scanning
from clipper.indexing.cluster.shared import SharedFolder
from clipper.indexing.embed import embed_images
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings

WANTED = ("thumbnails", "image_facts")


def picture(number: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), (number * 9, 90, 200)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def pictures(bucket: Tagged) -> Tagged:
    for number in range(20):
        bucket.upload(f"{number:02}.jpg", picture(number), at=1_600_000_000)
    return bucket


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "store").mkdir(parents=True)
    return tmp_path / "home"


def workspace(home: Path, **settings: object) -> Workspace:
    return Workspace(Settings.load(home, images="tagged://bucket", **settings))


def test_each_new_image_is_downloaded_once(pictures: Tagged, home: Path):
    work = workspace(home)
    scan_images(work)
    steps = embed_images(work, wanted=WANTED)
    assert steps["image_facts"].counts["new"] == 20
    assert Counter(Tagged.asked) == dict.fromkeys(Tagged.store, 1)
    assert not work.folder.fetched.folder.exists()
    pictures.upload("new.jpg", picture(25), at=1_700_000_000)
    pictures.upload("copy.png", picture(5), at=1_700_000_000)
    again = workspace(home)
    scan_images(again)
    assert embed_images(again, wanted=WANTED)["image_facts"].counts["new"] == 1
    assert len(Tagged.asked) == 21


@pytest.mark.usefixtures("pictures")
def test_a_run_that_was_stopped_before_decoding_downloads_nothing_again(home: Path):
    scan_images(workspace(home))
    work = workspace(home)
    scan_images(work)
    assert embed_images(work, wanted=WANTED)["image_facts"].counts["new"] == 20
    assert len(Tagged.asked) == 20


@pytest.mark.usefixtures("pictures")
def test_without_room_images_are_downloaded_again_with_the_same_result(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetched, "MAX_BYTES", 5 * len(picture(1)))
    work = workspace(home)
    scan_images(work)
    steps = embed_images(work, wanted=WANTED)
    assert (steps["image_facts"].counts["new"], steps["image_facts"].failures) == (20, {})
    assert 30 <= len(Tagged.asked) <= 36


def test_what_lies_here_is_not_kept(home: Path, tmp_path: Path):
    for images in (str(tmp_path), f"file://{tmp_path}", "memory://pictures"):
        assert Workspace(Settings.load(home, images=images)).folder.fetched is None


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("hashed_here", [False, True])
def test_a_cluster_that_sees_the_home_downloads_each_image_once(
    home: Path, local: Any, monkeypatch: pytest.MonkeyPatch, *, hashed_here: bool
):
    if not hashed_here:
        monkeypatch.setattr(scanning, "CLUSTER_FROM", 5)
        monkeypatch.setattr(scanning, "hash_here", None)
    work = workspace(home, dask=local.scheduler_address)
    scan_images(work)
    steps = embed_images(work, wanted=WANTED)
    assert (steps["image_facts"].counts["new"], steps["image_facts"].failures) == (20, {})
    assert Counter(Tagged.asked) == dict.fromkeys(Tagged.store, 1)
    assert not work.folder.fetched.folder.exists()


@pytest.mark.usefixtures("pictures")
def test_a_cluster_that_hashes_all_files_again_keeps_no_known_content(
    home: Path, local: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scanning, "CLUSTER_FROM", 5)
    work = workspace(home, dask=local.scheduler_address)
    scan_images(work)
    embed_images(work, wanted=WANTED)
    again = workspace(home, dask=local.scheduler_address, verify=True)
    scan_images(again)
    assert Counter(Tagged.asked) == dict.fromkeys(Tagged.store, 2)
    assert not [path for path in again.folder.fetched.folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("pictures")
def test_a_worker_that_does_not_see_the_home_keeps_nothing(
    home: Path, local: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scanning, "CLUSTER_FROM", 5)
    monkeypatch.setattr(SharedFolder, "is_seen", lambda _: False)
    work = workspace(home, dask=local.scheduler_address)
    scan_images(work)
    assert not [path for path in work.folder.fetched.folder.rglob("*") if path.is_file()]
    steps = embed_images(work, wanted=WANTED)
    assert (steps["image_facts"].counts["new"], steps["image_facts"].failures) == (20, {})
    assert Counter(Tagged.asked) == dict.fromkeys(Tagged.store, 2)
