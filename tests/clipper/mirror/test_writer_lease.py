"""One run at a time writes to a home on an object store, on whichever machine; a killed one is taken over."""

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import CompletedProcess
from threading import Event, Thread

import pytest
from object_store import BUCKET, ObjectStore

from clipper.errors import BusyError, HomeStorageError, StoreError
from clipper.mirror import lease as leases
from clipper.mirror.lease import LEASE_SECONDS, Lease
from clipper.mirror.objects import open_objects
from clipper.settings import Settings
from clipper.store.home import Home

UseMachine = Callable[[str], Path]
LEASE = f"{BUCKET}/album/store/lease.json"
CURRENT = f"{BUCKET}/album/store/current.json"
KILLED = """
import os, signal, sys
from clipper.settings import Settings
from clipper.store.home import Home
with Home(Settings.load(sys.argv[1]).home).writing():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def album(store: ObjectStore) -> str:
    """A home in a bucket, of which only what is published matters here."""
    store.write(CURRENT, b"{}")
    return f"s3://{BUCKET}/album"


@pytest.fixture
def running(album: str, machine: UseMachine) -> Iterator[Home]:
    """A run that works on machine "one", and a person at machine "two"."""
    home = Home(Settings.load(album).home)
    with suppress(BusyError), home.writing():  # one that lost its lease says so when it ends, too
        machine("two")
        yield home


def work(home: str, *, wait: float = 0.0) -> None:
    """Do what every run does, and no step."""
    with Home(Settings.load(home).home).writing(timeout=wait):
        pass


def test_a_second_run_is_refused_by_the_machine_of_the_first(running: Home, album: str, store: ObjectStore):
    machine = json.loads(store.read(LEASE))["machine"]
    with pytest.raises(
        BusyError, match=rf"another run is indexing {album} \(on {machine}\); wait .* or \d+ seconds"
    ):
        work(album)
    assert running.locked_seconds() is not None


def test_a_run_may_wait_for_another_to_end(album: str, machine: UseMachine, store: ObjectStore):
    ends = ExitStack()
    ends.enter_context(Home(Settings.load(album).home).writing())

    def end_soon(method: str, key: str) -> None:
        if method == "GET" and key.endswith("lease.json") and store.names("GET").count(key) > 3:
            store.fault = lambda *_: None
            Thread(target=ends.close).start()

    store.fault = end_soon
    machine("two")
    work(album, wait=60.0)


@pytest.mark.parametrize("same_machine", [True, False])
def test_the_lease_of_a_run_that_was_killed_is_taken_over(
    album: str,
    store: ObjectStore,
    machine: UseMachine,
    python: Callable[..., CompletedProcess[str]],
    same_machine: bool,
):
    ended = python(KILLED, album, CLIPPER_HOME_CACHE=str(machine("one")))
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert json.loads(store.read(LEASE))["seconds"] == LEASE_SECONDS
    if not same_machine:  # there the lock of the copy tells that nobody works any more
        machine("two")
        with pytest.raises(BusyError, match="if it was killed"):
            work(album)
        store.age(LEASE, LEASE_SECONDS + 1)
    work(album)


def test_a_run_whose_lease_was_taken_over_publishes_nothing(running: Home, album: str, store: ObjectStore):
    store.age(LEASE, LEASE_SECONDS + 1)  # such as of a laptop that slept
    with Home(Settings.load(album).home).writing():
        with pytest.raises(
            BusyError, match=rf"took over {album}.*nothing more of this run is published: run again"
        ):
            running.write_current({"parts": {}})
        assert store.read(CURRENT) == b"{}"


def test_a_run_whose_lease_was_taken_over_sends_nothing_more(
    running: Home, album: str, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
):
    store.age(LEASE, LEASE_SECONDS + 1)
    with Home(Settings.load(album).home).writing():
        monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)  # as if the first had not renewed it for long
        made = running.part("projection", "0123456789abcdef")
        made.parent.mkdir()
        made.write_bytes(b"made by the first")
        with pytest.raises(BusyError):
            running.write_current({"parts": {}})
        assert not any("projection" in key for key in store.listed())


def test_nobody_publishes_over_what_was_published_meanwhile(running: Home, store: ObjectStore):
    """Such as by a person who restored an earlier current.json."""
    store.write(CURRENT, b'{"restored": true}')
    with pytest.raises(BusyError, match=r"another run published .*: run again"):
        running.write_current({"parts": {}})
    assert store.read(CURRENT) == b'{"restored": true}'


def test_of_many_runs_that_begin_at_the_same_moment_one_gets_the_lease(store: ObjectStore):
    taken: list[Lease] = []

    def take(number: int) -> bool:
        lease = Lease(open_objects(f"s3://{BUCKET}/album"), place=str(number))
        try:
            lease.take()
        except BusyError:
            return False
        taken.append(lease)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
        store.age(LEASE, LEASE_SECONDS + 1)
        assert sum(pool.map(take, range(8, 16))) == 1
    for lease in taken:  # their threads would go on to ask in later tests
        lease.release()


def test_a_lease_is_renewed_as_long_as_the_run_works(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, album: str, machine: UseMachine
):
    renewed = Event()
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.01)
    with Home(Settings.load(album).home).writing():
        store.age(LEASE, LEASE_SECONDS + 1)
        store.asked.clear()
        store.fault = lambda *_: renewed.set() if len(store.names("PUT")) > 2 else None
        assert renewed.wait(60)
        machine("two")
        with pytest.raises(BusyError):
            work(album)


def test_a_run_that_cannot_begin_gives_the_lease_back(
    album: str, machine: UseMachine, monkeypatch: pytest.MonkeyPatch
):
    """The network fails right after it took the lease."""

    def no_answer(_: Lease) -> None:
        raise HomeStorageError("no answer")

    with monkeypatch.context() as fails:
        fails.setattr(Lease, "_refuse_without_conditions", no_answer)
        with pytest.raises(HomeStorageError):
            work(album)
    machine("two")
    work(album)


def test_a_run_publishes_though_the_store_asks_to_write_again(running: Home, store: ObjectStore):
    """S3 does so (409) when it is busy with the object, also with an earlier try of the same run."""

    def busy_once(method: str, key: str) -> int | None:
        is_first = key == "album/store/current.json" and key not in store.names("PUT")
        return 409 if is_first and method == "PUT" else None

    store.fault = busy_once
    running.write_current({"parts": {}})
    assert store.read(CURRENT) != b"{}"


def test_a_server_that_cannot_keep_two_runs_apart_is_refused(store: ObjectStore, album: str):
    store.knows_conditions = False
    with pytest.raises(StoreError, match=r"not know If-Match and If-None-Match\); keep the home in a folder"):
        work(album)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"seconds": "soon"}', b"[" * 100_000])
def test_what_is_no_lease_holds_nothing(store: ObjectStore, album: str, data: bytes):
    store.write(LEASE, data)
    work(album)


@pytest.mark.parametrize("seconds", ["1e999", "9e9", "NaN"])
def test_no_lease_holds_for_longer_than_any_run_asks_for(store: ObjectStore, album: str, seconds: str):
    store.write(LEASE, f'{{"seconds": {seconds}}}'.encode())  # an hour ago
    work(album)
