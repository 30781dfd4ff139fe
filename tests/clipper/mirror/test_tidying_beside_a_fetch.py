"""One process deletes earlier versions from a local copy while another fetches: nothing new is lost."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread

import pytest
from object_store import BUCKET, ObjectStore

from clipper.mirror import copy as copies
from clipper.mirror import disk
from clipper.mirror.copy import Copy
from clipper.settings import Settings
from clipper.store import snapshots
from clipper.store.home import Home

UseMachine = Callable[[str], Path]
NEXT = "f" * 16


@pytest.fixture
def at(store: ObjectStore, once_indexed: Path, machine: UseMachine) -> Callable[[str], Home]:
    """Go to a machine, of which each is asked about a home that was indexed before."""
    store.copy(once_indexed / "store", f"{BUCKET}/album/store")
    store.write(f"{BUCKET}/album/clipper.toml", (once_indexed / "clipper.toml").read_bytes())

    def go(name: str) -> Home:
        machine(name)
        for copy in copies._copies.values():
            copy._asked.clear()
        return Home(Settings.load(f"s3://{BUCKET}/album").home)

    return go


def publish_another_map(home: Home) -> None:
    with home.writing():
        before = snapshots.current(home)
        assert before is not None
        for ending in (".parquet", ".json"):
            shutil.copy(
                home.part("projection", before.parts["projection"], ending),
                home.part("projection", NEXT, ending),
            )
        snapshots.publish(home, replace(before, parts={**before.parts, "projection": NEXT}))


def another_process(home: Home) -> Copy:
    """The copy as another process of this machine has it."""
    return Copy(home.folder, f"s3://{BUCKET}/album")


def test_a_version_stays_that_one_process_fetches_while_another_tidies(
    at: Callable[[str], Home], store: ObjectStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk, "AT_ONCE", 1)
    one, two = at("one"), at("two")
    snapshots.refresh(one)
    half_there, tidied = Event(), Event()

    def wait_for_the_other(method: str, key: str) -> None:
        if method == "GET" and "/snapshots/" in key:  # the last of a version
            half_there.set()
            tidied.wait(10)

    fetching_next = Thread(target=another_process(two).refresh, args=(lambda: None,))

    def tidy_late() -> None:
        """Delete what is not of the version that was fetched, once a newer one is half fetched."""
        publish_another_map(one)
        store.fault = wait_for_the_other
        fetching_next.start()
        half_there.wait(1.0)
        snapshots._tidy_copy(two)
        tidied.set()

    another_process(two).refresh(tidy_late)
    fetching_next.join()
    assert half_there.is_set()
    published = snapshots.current(two)
    assert published is not None
    assert published.parts["projection"] == NEXT
    assert two.part("projection", NEXT).exists()


def collection_of(home: Home) -> str:
    snapshots.refresh(home)
    published = snapshots.current(home)
    assert published is not None
    return published.parts["collection"]


def test_a_run_that_tidies_leaves_a_collection_that_another_process_fetches(
    at: Callable[[str], Home], store: ObjectStore
):
    two = at("two")
    version = collection_of(two)
    run = Thread(target=snapshots.tidy, args=(two,))
    first = Lock()  # of several requests at the same time

    def tidy_meanwhile(method: str, key: str) -> None:
        if method == "GET" and f"/collection/{version}/" in key and first.acquire(blocking=False):
            run.start()
            run.join(1.0)

    store.asked.clear()
    store.fault = tidy_meanwhile
    another_process(two).fetch_collection(version)
    run.join()
    fetched = [key for key in store.names("GET") if f"/collection/{version}/" in key]
    assert sorted(fetched) == sorted(key for key in store.listed() if f"/collection/{version}/" in key)


def test_a_run_does_not_wait_for_long_until_it_tidies(
    at: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
):
    """It has published: what it leaves, the next run deletes."""
    monkeypatch.setattr(snapshots, "_FETCH_WAIT", 0.1)
    two = at("two")
    collection_of(two)
    old = two.part("projection", NEXT)
    old.write_bytes(b"of an earlier version")
    with another_process(two).fetching():
        alive, _ = snapshots.tidy(two)
        assert len(alive) == 1
        assert old.exists()
    snapshots.tidy(two)
    assert not old.exists()


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_collection_whose_files_somebody_deletes_while_it_comes_is_fetched_again(
    at: Callable[[str], Home],
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    *,
    part: int,
    at_once: int,
):
    monkeypatch.setattr(disk, "AT_ONCE", at_once)
    two = at("two")
    version = collection_of(two)
    asked: list[str] = []

    def delete_once(method: str, key: str) -> None:
        if method == "GET" and f"/collection/{version}/" in key:
            asked.append(key)
            if len(asked) == part + 1:
                for path in two.store.glob("collection/.*.tmp"):
                    shutil.rmtree(path, ignore_errors=True)  # of files that come at the same time

    store.fault = delete_once
    assert two.copy is not None
    two.copy.fetch_collection(version)
    folder = two.part("collection", version, "")
    came = {
        f"album/{path.relative_to(two.folder).as_posix()}" for path in folder.rglob("*") if path.is_file()
    }
    assert came == {key for key in store.listed() if f"/collection/{version}/" in key}
