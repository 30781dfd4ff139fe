"""What several machines leave to each other: what people gave, rows of killed runs, and what nobody needs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from object_store import BUCKET, ObjectStore

from clipper.errors import HomeStorageError
from clipper.indexing.files.checkpoint import Checkpoint
from clipper.indexing.run import index_images
from clipper.mirror import writer as writers
from clipper.mirror.copy import Copy
from clipper.mirror.writer import KEPT_FOR
from clipper.store import tags
from clipper.store.columns.entries import Entries, Entry
from clipper.store.given import views
from clipper.store.home import Home
from clipper.store.shards import CHECKSUM_DIGITS

UseMachine = Callable[[str], Path]
OnMachine = Callable[[str], Home]
KEYS = [bytes([number]) * 16 for number in range(4)]
ALBUM = f"{BUCKET}/album"
UNNEEDED = f"{ALBUM}/store/unneeded.json"


def make(home: Home, part: str, version: str, data: bytes = b"made") -> Path:
    path = home.part(part, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def publish(home: Home, **parts: str) -> None:
    home.write_current({"parts": parts, "version": "0" * 16})


def test_tags_of_one_machine_are_there_on_the_other(on: OnMachine):
    tags.add(on("one"), "kept", KEYS[:1])
    assert tags.read(on("two")) == {"kept": {KEYS[0]}}
    tags.remove(on("two"), "kept")
    assert tags.read(on("one")) == {}


def test_of_two_people_who_tag_at_the_same_moment_none_loses_a_tag(
    on: OnMachine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.store.home._GIVEN_WAIT", 300.0)  # however slow the machine is
    one, two = on("one"), on("two")
    changes = [
        Thread(target=tags.add, args=(home, f"tag {number}", [key]))
        for number, key in enumerate(KEYS)
        for home in (one, two)
    ]
    changes += [
        Thread(target=tags.add, args=(home, "all", KEYS[at : at + 2])) for at, home in ((0, one), (2, two))
    ]
    for change in changes:
        change.start()
    for change in changes:
        change.join()
    expected = {f"tag {number}": {key} for number, key in enumerate(KEYS)} | {"all": {*KEYS}}
    assert tags.read(on("three")) == expected


def test_a_change_that_another_came_before_is_made_again(on: OnMachine, store: ObjectStore):
    one, two = on("one"), on("two")
    views_before = views.read(one)

    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and key.endswith("tags.json"):
            store.fault = lambda *_: None
            tags.add(two, "kept", KEYS[:1])

    store.fault = meanwhile
    made = tags.edit(one, [tags.Edit("kept", frozenset(KEYS[:2]), adds=True)])
    # What really changed, so that its inverse leaves the other's tag.
    assert made == [tags.Edit("kept", frozenset(KEYS[1:2]), adds=True)]
    assert views.read(one) == views_before


def test_a_change_that_others_always_come_before_ends(on: OnMachine, store: ObjectStore):
    one = on("one")

    def meanwhile(method: str, key: str) -> None:
        if method == "PUT" and key.endswith("tags.json"):
            store.write(f"{ALBUM}/tags.json", json.dumps({"time": len(store.asked)}).encode())

    tags.add(one, "kept", KEYS[:1])
    valid = store.read(f"{ALBUM}/tags.json")

    def always(method: str, key: str) -> None:
        if method == "PUT" and key.endswith("tags.json"):
            store.write(f"{ALBUM}/tags.json", valid + b" " * len(store.asked))

    store.fault = always
    with pytest.raises(HomeStorageError, match=r"tags\.json is changed by others all the time; try again"):
        tags.add(one, "other", KEYS[:1])


def test_a_run_does_not_write_over_what_people_gave_meanwhile(on: OnMachine):
    one = on("one")
    with one.writing():
        tags.add(on("two"), "kept", KEYS[:1])
        publish(one)
    assert tags.read(on("three")) == {"kept": {KEYS[0]}}
    assert tags.read(on("one")) == {"kept": {KEYS[0]}}


def test_what_no_version_names_any_more_stays_for_an_hour(on: OnMachine, store: ObjectStore):
    """A reader of the version before may still fetch it."""
    one = on("one")
    with one.writing():
        old = make(one, "projection", "a" * 16)
        publish(one, projection="a" * 16)
    with one.writing():
        make(one, "projection", "b" * 16)
        publish(one, projection="b" * 16)
        old.unlink()
    kept = f"album/store/projection/{'a' * 16}.parquet"
    assert kept in store.listed()
    with on("two").writing():
        pass
    assert kept in store.listed()
    past = (datetime.now(UTC) - KEPT_FOR - timedelta(seconds=1)).isoformat()
    store.write(UNNEEDED, json.dumps({kept.removeprefix("album/"): past}).encode())
    with on("two").writing():
        pass
    assert kept not in store.listed()
    assert f"album/store/projection/{'b' * 16}.parquet" in store.listed()
    assert json.loads(store.read(UNNEEDED)) == {}


def test_a_part_that_is_needed_again_stays_whoever_noted_it_as_unneeded(on: OnMachine, store: ObjectStore):
    past = (datetime.now(UTC) - 2 * KEPT_FOR).isoformat()
    one = on("one")
    with one.writing():
        make(one, "projection", "a" * 16)
        publish(one, projection="a" * 16)
    store.write(UNNEEDED, json.dumps({f"store/projection/{'a' * 16}.parquet": past}).encode())
    with on("one").writing():
        pass
    assert f"album/store/projection/{'a' * 16}.parquet" in store.listed()


def test_a_part_that_other_machines_deleted_is_sent_again_when_a_run_needs_it(
    on: OnMachine, store: ObjectStore
):
    """Such as when an image was added on one machine and deleted on another: the version is the first one."""
    one = on("one")
    with one.writing():
        make(one, "projection", "a" * 16)
        publish(one, projection="a" * 16)
    store.remove(f"{ALBUM}/store/projection/{'a' * 16}.parquet")
    one = on("one")
    with one.writing():
        assert one.part("projection", "a" * 16).exists()
        publish(one, projection="a" * 16)
    assert store.read(f"{ALBUM}/store/projection/{'a' * 16}.parquet") == b"made"


def test_of_a_part_that_two_machines_made_otherwise_all_files_are_those_of_one(on: OnMachine):
    """A run that was killed before it sent a map, and one of another processor with the same input."""
    one = on("one")
    make(one, "projection", "a" * 16, b"killed")
    two = on("two")
    with two.writing():
        make(two, "projection", "a" * 16, b"second")
        publish(two, projection="a" * 16)
    one = on("one")
    with one.writing():
        assert one.part("projection", "a" * 16).read_bytes() == b"second"


def test_what_runs_note_of_collections_on_servers_only_runs_fetch(on: OnMachine, store: ObjectStore):
    one = on("one")
    with one.writing():
        noted = make(one, "server", "clipper-0-a")
        publish(one, projection=make(one, "projection", "a" * 16).stem)
    two = on("two")
    assert two.copy is not None
    two.copy.refresh(lambda: None)
    assert two.part("projection", "a" * 16).exists()
    assert not two.part("server", noted.stem).exists()
    store.write(
        UNNEEDED, json.dumps({f"store/server/{noted.name}": datetime.now(UTC).isoformat()}).encode()
    )  # by a run that was stopped
    with two.writing():
        assert two.part("server", noted.stem).exists()


def test_rows_are_sent_while_the_run_works(
    on: OnMachine, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(writers, "SEND_SECONDS", 0.01)
    one = on("one")
    with one.writing():
        row = make(one, "facts", "a" * CHECKSUM_DIGITS, b"rows").rename(one.store / "facts" / "rows.arrow")
        make(one, "projection", "b" * 16)
        while f"album/store/facts/{row.name}" not in store.listed():
            time.sleep(0.01)
        assert not any("projection" in key for key in store.listed())


@pytest.mark.parametrize("error", [ValueError("a step failed"), HomeStorageError("no answer")])
def test_rows_of_a_run_that_fails_are_sent(on: OnMachine, store: ObjectStore, error: Exception):
    one = on("one")

    def run() -> None:
        with one.writing():
            make(one, "facts", "rows").rename(one.store / "facts" / "rows.arrow")
            make(one, "projection", "b" * 16)
            raise error

    with pytest.raises(type(error)):
        run()
    assert "album/store/facts/rows.arrow" in store.listed()
    assert not any("projection" in key for key in store.listed())


def test_what_a_failed_run_hashed_is_there_on_another_machine(on: OnMachine):
    one, hashed = on("one"), Entries.of([Entry("a.jpg", KEYS[0], 1, 2)])

    def run() -> None:
        with one.writing():
            Checkpoint(one).add(hashed)
            raise ValueError("a server is silent")

    with pytest.raises(ValueError, match="silent"):
        run()
    two = on("two")
    with two.writing():
        assert Checkpoint(two).read() == hashed


KINDS = ("embeddings", "facts", "thumbnails", "measures", "signatures")
KILLED = """
import sys, time
from clipper.indexing import run
from clipper.mirror import writer
writer.SEND_SECONDS = 0.2
def stop(work):
    print("embedded", flush=True)
    time.sleep(600)
run.join_metadata = stop
run.index_images(sys.argv[1], home=sys.argv[2], model=sys.argv[3], progress=False)
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_on_another_machine(
    store: ObjectStore,
    machine: UseMachine,
    home_of: Callable[[str, int], Path],
    model_folder: Path,
):
    pictures, home = home_of("local", 6) / "images", f"s3://{BUCKET}/six"
    environment = os.environ | {"CLIPPER_HOME_CACHE": str(machine("one"))}
    words = [sys.executable, "-c", KILLED, str(pictures), home, str(model_folder)]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"embedded\n"
        while not all(any(f"/{kind}/" in key for key in store.listed()) for kind in KINDS):
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    machine("two")
    store.age(f"{BUCKET}/six/store/lease.json", 600)
    _, steps = index_images(pictures, home=home, model=str(model_folder), progress=False)
    counts = next(dict(step.counts) for step in steps if step.name == "clip_embeddings")
    assert (counts["new"], counts["reused"]) == (0, 6)


def test_people_give_tags_while_a_version_is_fetched(on: OnMachine, store: ObjectStore):
    one = on("one")
    with one.writing():
        publish(one, projection=make(one, "projection", "a" * 16).stem)
    two = on("two")
    assert two.copy is not None
    given, people = [], []

    def tag_meanwhile(method: str, key: str) -> None:
        if method == "GET" and "/projection/" in key:
            store.fault = lambda *_: None
            person = Thread(target=lambda: given.append(tags.add(two, "kept", KEYS[:1])), daemon=True)
            people.append(person)
            person.start()
            person.join(10)  # less than a client waits for an answer

    store.fault = tag_meanwhile
    two.copy.refresh(lambda: None)
    people[0].join(60)
    assert given == [{"kept": {KEYS[0]}}]
    assert two.part("projection", "a" * 16).exists()


def test_a_collection_that_was_never_fetched_stays_in_the_store(on: OnMachine, store: ObjectStore):
    store.write(f"{ALBUM}/store/collection/{'a' * 16}.parquet", b"table")
    store.write(f"{ALBUM}/store/collection/{'a' * 16}/chroma.sqlite3", b"rows")
    home = on("one")
    with home.writing():
        home.part("collection", "a" * 16).touch()  # it looks as if it was changed here
    assert store.read(f"{ALBUM}/store/collection/{'a' * 16}/chroma.sqlite3") == b"rows"


def test_a_run_that_published_does_not_fail_because_nothing_can_be_deleted(on: OnMachine, store: ObjectStore):
    home = on("one")
    with home.writing():
        old = make(home, "projection", "a" * 16)
        publish(home)
    past = (datetime.now(UTC) - 2 * KEPT_FOR).isoformat()
    store.write(UNNEEDED, json.dumps({f"store/projection/{'a' * 16}.parquet": past}).encode())
    with home.writing():
        old.unlink()
        store.fault = lambda method, _: 403 if method == "DELETE" else None
    assert f"album/store/projection/{'a' * 16}.parquet" in store.listed()


def test_two_readers_on_one_machine_fetch_each_file_once(on: OnMachine, store: ObjectStore):
    home = on("one")
    with home.writing():
        publish(home, projection=make(home, "projection", "a" * 16).stem)
    folder = on("two").folder
    readers = [Copy(folder, f"s3://{ALBUM}") for _ in range(4)]  # as different processes have them
    store.asked.clear()
    reading = [Thread(target=each.refresh, args=(lambda: None,)) for each in readers]
    for each in reading:
        each.start()
    for each in reading:
        each.join()
    assert store.names("GET").count(f"album/store/projection/{'a' * 16}.parquet") == 1
    assert all("all" in each._asked for each in readers)
