"""An object store in trouble, or one that refuses or cuts: one line says so, and what is published stays."""

import errno
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from object_store import BUCKET, ObjectStore

import clipper
from clipper.errors import ClipperError, HomeRefusedError, HomeStorageError, StoreError, is_transient
from clipper.mirror import copy as copies
from clipper.mirror import disk
from clipper.mirror.index import Index
from clipper.mirror.objects import TRIES_TO_WRITE
from clipper.network import storage
from clipper.settings import Settings
from clipper.store.home import Home

PAUSE = storage.PAUSE  # when this module is imported: the tests do not wait so long
UseMachine = Callable[[str], Path]
Fault = Callable[[str, str], int | str | None]
CURRENT = f"{BUCKET}/album/store/current.json"


@pytest.fixture
def album(store: ObjectStore, once_indexed: Path) -> str:
    """A home that was indexed before, without its images, of which nothing here makes use."""
    store.copy(once_indexed / "store", f"{BUCKET}/album/store")
    store.write(f"{BUCKET}/album/clipper.toml", (once_indexed / "clipper.toml").read_bytes())
    return f"s3://{BUCKET}/album"


def publish(home: str) -> None:
    """Do what a run does around its steps, and publish."""
    here = Home(Settings.load(home).home)
    with here.writing():
        made = here.part("projection", "0123456789abcdef")
        made.write_bytes(b"made")
        here.write_current({"parts": {"projection": "0123456789abcdef"}})


def first(times: int, fault: int | str, *, of: str = "", method: str = "") -> Fault:
    """Answer so for the first times that a key which ends so is asked for."""
    seen: Counter[tuple[str, str]] = Counter()

    def decide(how: str, key: str) -> int | str | None:
        if not key.endswith(of) or (method and how != method):
            return None
        seen[how, key] += 1
        return fault if seen[how, key] <= times else None

    return decide


def test_a_run_endures_a_store_in_trouble_for_a_minute(store: ObjectStore, album: str):
    here = Home(Settings.load(album).home)
    with here.writing():
        store.fault = first(TRIES_TO_WRITE - 1, 503)
        here.part("projection", "0123456789abcdef").write_bytes(b"made")
        here.write_current({"parts": {"projection": "0123456789abcdef"}})
    assert b"0123456789abcdef" in store.read(CURRENT)
    assert storage_pauses(TRIES_TO_WRITE) > 60


def test_a_run_ends_with_one_line_if_the_store_stays_in_trouble(store: ObjectStore, album: str):
    published = store.read(CURRENT)
    store.fault = lambda method, key: 503 if "projection" in key and method == "PUT" else None
    with pytest.raises(HomeStorageError, match=rf"{album}/store/projection/.* be written: .*try again"):
        publish(album)
    assert store.read(CURRENT) == published
    store.fault = lambda *_: None
    publish(album)  # what it could not send is sent by the next one
    assert store.read(f"{BUCKET}/album/store/projection/0123456789abcdef.parquet") == b"made"


def test_trouble_is_transient_and_a_refusal_is_not(store: ObjectStore, album: str):
    store.fault = lambda *_: 503
    with pytest.raises(HomeStorageError) as passing:
        clipper.open(album)
    store.fault = lambda *_: 403
    with pytest.raises(HomeRefusedError, match=r"set AWS_ACCESS_KEY_ID .*s3:PutObject") as lasting:
        clipper.open(album)
    assert (is_transient(passing.value), is_transient(lasting.value)) == (True, False)
    assert not [error for error in (passing, lasting) if "\n" in str(error.value)]


def test_a_user_who_may_only_read_reads_and_is_told_so_when_running(store: ObjectStore, album: str):
    store.fault = lambda method, _: 403 if method == "PUT" else None
    with clipper.open(album) as atlas:
        assert len(atlas) == 24
        with pytest.raises(HomeRefusedError, match=r"tags\.json cannot be written"):
            atlas.tags.add(atlas.ids[:1], "kept")
    with pytest.raises(HomeRefusedError, match=r"lease\.json cannot be written"):
        publish(album)


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_named():
    with pytest.raises(HomeRefusedError, match="there is no such bucket; make it first"):
        clipper.open("s3://nothing-here/album")


@pytest.mark.parametrize("what", ["arrow", "parquet", "clipper.toml", "current.json"])
def test_a_download_that_is_cut_is_tried_again(store: ObjectStore, album: str, what: str):
    store.fault = first(1, "cut", of=what, method="GET")
    with clipper.open(album) as atlas:
        assert len(atlas.thumbnail(atlas.ids[0]).tobytes()) > 0


def test_a_download_that_is_always_cut_leaves_nothing_that_looks_whole(
    store: ObjectStore, album: str, machine: UseMachine
):
    caches = machine("two")
    store.fault = lambda method, key: "cut" if method == "GET" and "/embeddings/" in key else None
    with pytest.raises(ClipperError, match="embeddings") as told:
        clipper.open(album)
    assert is_transient(told.value)
    assert not [*caches.rglob("embeddings/*/*.arrow"), *caches.rglob("*.tmp"), *caches.rglob("current.json")]
    store.fault = lambda *_: None
    clipper.open(album).close()


def test_a_damaged_object_is_named_with_the_way_out(store: ObjectStore, album: str):
    shard = next(key for key in store.listed() if "/facts/" in key)
    data = bytearray(store.read(f"{BUCKET}/{shard}"))
    data[len(data) // 2] ^= 255
    store.write(f"{BUCKET}/{shard}", bytes(data))
    with pytest.raises(
        StoreError, match=r"facts/.* is damaged .*delete it there: `clipper index --home s3://"
    ):
        clipper.open(album)


def test_a_part_that_a_run_deletes_while_it_is_fetched_is_that_of_an_earlier_version(
    store: ObjectStore, album: str
):
    """The reader begins again, with the version that the run published."""
    current = store.read(CURRENT)
    gone = next(key for key in store.listed() if "/projection/" in key and key.endswith(".parquet"))
    data = store.read(f"{BUCKET}/{gone}")
    asked = []

    def delete_once(method: str, key: str) -> None:
        if key == gone and method == "GET":
            asked.append(key)
            if len(asked) == 1:
                store.remove(f"{BUCKET}/{gone}")
        elif asked and key.endswith("current.json"):
            store.write(f"{BUCKET}/{gone}", data)
            store.write(CURRENT, current)

    store.fault = delete_once
    with clipper.open(album) as atlas:
        assert len(atlas) == 24
    assert len(asked) == 2


def test_a_full_disk_names_the_copy_and_the_setting(
    store: ObjectStore, album: str, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(StoreError, match=r"is full \(0\.00 GB are needed, 0\.00 .*CLIPPER_HOME_CACHE"):
        clipper.open(album)
    assert not [key for key in store.names("GET") if key.endswith(".arrow")]


def test_a_disk_that_fills_while_files_are_fetched_leaves_nothing_half(
    album: str, machine: UseMachine, monkeypatch: pytest.MonkeyPatch
):
    caches = machine("two")
    replace = copies.replace_file

    def full(temporary: Path, path: Path) -> None:
        if path.suffix == ".arrow":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(temporary, path)

    monkeypatch.setattr(copies, "replace_file", full)
    with pytest.raises(StoreError, match=r"is full \(No space left on device\)"):
        clipper.open(album)
    assert not [*caches.rglob("*.tmp"), *caches.rglob("current.json")]


def test_a_disk_that_is_full_when_a_run_publishes_leaves_what_is_published(
    store: ObjectStore, album: str, monkeypatch: pytest.MonkeyPatch
):
    published = store.read(CURRENT)
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "current.json" in path.name and b"0123456789abcdef" in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"full .*run again: what is published is whole"):
        publish(album)
    assert store.read(CURRENT) == published


def test_a_run_succeeds_though_the_disk_is_full_once_it_has_published(
    store: ObjectStore, album: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    save = Index.save

    def full(index: Index) -> None:
        if b"0123456789abcdef" in store.read(CURRENT):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(index)

    monkeypatch.setattr(Index, "save", full)
    publish(album)
    here = Home(Settings.load(album).home)
    assert b"0123456789abcdef" in store.read(CURRENT)
    assert here.current.read_bytes() == store.read(CURRENT)
    assert "is published; its local copy notes that later" in caplog.text
    assert json.loads(store.read(f"{BUCKET}/album/store/lease.json"))["seconds"] == 0
    monkeypatch.setattr(Index, "save", save)
    publish(album)


def test_a_run_whose_local_copy_cannot_have_what_it_published_says_that_it_published(
    store: ObjectStore, album: str, monkeypatch: pytest.MonkeyPatch
):
    replace = disk.replace_file

    def refuse(temporary: Path, path: Path) -> None:
        if path.name == "current.json" and b"0123456789abcdef" in temporary.read_bytes():
            raise OSError(errno.EIO, "Input/output error")
        replace(temporary, path)

    monkeypatch.setattr(disk, "replace_file", refuse)
    with pytest.raises(StoreError, match=f"{album} is published, but not in its local copy"):
        publish(album)
    assert b"0123456789abcdef" in store.read(CURRENT)


def test_copies_that_were_deleted_are_fetched_again(album: str, machine: UseMachine):
    caches = machine("two")
    with clipper.open(album) as atlas:
        version = atlas.version
        shutil.rmtree(caches)  # while it is open, too
        with clipper.open(album) as again:
            assert again.version == version
            assert again.thumbnail(again.ids[0]).size
    for part in ("projection", "thumbnails"):
        shutil.rmtree(next(caches.rglob(part)))
        forget(album)
        with clipper.open(album) as again:
            assert again.thumbnail(again.ids[0]).size


def storage_pauses(tries: int) -> float:
    """The seconds that pass until the last try, as they are without the fixture's hurry."""
    return sum(PAUSE * 2**number for number in range(tries - 1))


def forget(home: str) -> None:
    """Be another process."""
    copies._copies.pop(Settings.load(home).home, None)
