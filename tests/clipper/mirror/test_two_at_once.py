"""Objects that change while they are fetched, runs that were stopped in the middle, clocks that differ."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from object_store import BUCKET, ObjectStore

from clipper.errors import StoreError
from clipper.mirror import layout, objects
from clipper.mirror import writer as writers
from clipper.mirror.writer import KEPT_FOR
from clipper.settings import Settings
from clipper.store.home import Home

OnMachine = Callable[[str], Home]
ALBUM = f"{BUCKET}/album"
CURRENT, UNNEEDED = f"{ALBUM}/store/current.json", f"{ALBUM}/store/unneeded.json"
FIRST, SECOND = "a" * 16, "b" * 16


def make(home: Home, part: str, version: str, ending: str = "parquet") -> Path:
    path = home.store / part / f"{version}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"made")
    return path


def publish(home: Home, **parts: str) -> None:
    home.write_current({"parts": parts, "version": "0" * 16})


@pytest.mark.parametrize("after", [b'title = "Another, and longer"\n', None])
def test_settings_that_change_while_they_are_fetched_are_the_new_ones(
    store: ObjectStore, on: OnMachine, after: bytes | None
):
    store.write(f"{ALBUM}/clipper.toml", b'title = "One"\n')

    def meanwhile(method: str, key: str) -> None:
        if method == "GET" and key.endswith("clipper.toml"):
            store.fault = lambda *_: None
            store.remove(f"{ALBUM}/clipper.toml")
            if after:
                store.write(f"{ALBUM}/clipper.toml", after)

    store.fault = meanwhile
    assert Settings.load(on("two").folder).title == ("Another, and longer" if after else "")
    assert Settings.load(on("two").folder).title == ("Another, and longer" if after else "")


def test_a_part_that_is_needed_again_is_fetched_though_the_run_that_needed_it_was_stopped(
    store: ObjectStore, on: OnMachine
):
    """It published, and was killed before it noted that the part is needed."""
    one = on("one")
    with one.writing():
        make(one, "projection", FIRST)
        publish(one, projection=FIRST)
    store.write(
        UNNEEDED, json.dumps({f"store/projection/{FIRST}.parquet": "2026-01-01T00:00:00+00:00"}).encode()
    )
    two = on("two")
    with two.writing():
        assert two.part("projection", FIRST).exists()


def test_rows_that_another_machine_dropped_stay_if_this_run_uses_them(store: ObjectStore, on: OnMachine):
    """Such as of an image that was deleted on one machine, and is there again on the other."""
    one = on("one")
    with one.writing():
        make(one, "facts", FIRST, "arrow")
        publish(one, projection=FIRST)
    two = on("two")
    with two.writing():
        rows = make(two, "facts", FIRST, "arrow")
    with two.writing():
        rows.unlink()
    one = on("one")
    with one.writing():
        assert one.copy is not None
        assert (one.store / "facts" / rows.name).exists()
        one.copy.drop_stale_rows()  # as a run does once it has published
        publish(one, projection=SECOND)
        assert (one.store / "facts" / rows.name).exists()
    assert json.loads(store.read(UNNEEDED)) == {}


def test_rows_that_a_run_sent_and_joined_to_others_are_noted_by_that_run(store: ObjectStore, on: OnMachine):
    """Otherwise the next run would fetch them."""
    one = on("one")
    with one.writing():
        rows = make(one, "facts", FIRST, "arrow")
        publish(one)
        rows.unlink()
    assert [*json.loads(store.read(UNNEEDED))] == [f"store/facts/{rows.name}"]


@pytest.mark.parametrize("days", [-1, 1])
def test_what_is_unneeded_stays_for_an_hour_by_the_clock_of_the_store(
    store: ObjectStore, on: OnMachine, monkeypatch: pytest.MonkeyPatch, days: int
):
    """The clock of each machine that writes may be wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    one = on("one")
    with one.writing():
        old = make(one, "projection", FIRST)
        publish(one, projection=FIRST)
    with one.writing():
        make(one, "projection", SECOND)
        publish(one, projection=SECOND)
        old.unlink()
    for module in (objects, writers):
        monkeypatch.setattr(module, "datetime", Wrong)
    with on("one").writing():
        pass
    assert f"album/store/projection/{old.name}" in store.listed()
    past = (datetime.now(UTC) - KEPT_FOR - timedelta(minutes=1)).isoformat()
    store.write(UNNEEDED, json.dumps({f"store/projection/{old.name}": past}).encode())
    with on("one").writing():
        pass
    assert f"album/store/projection/{old.name}" not in store.listed()


def test_a_run_that_published_succeeds_though_the_store_refuses_what_is_left(
    store: ObjectStore, on: OnMachine, caplog: pytest.LogCaptureFixture
):
    one = on("one")
    with one.writing():
        publish(one)
        make(one, "facts", FIRST, "arrow")
        store.fault = lambda method, key: 403 if method == "PUT" and "facts" in key else None
    assert "is published; the next run does what is left" in caplog.text
    store.fault = lambda *_: None
    with one.writing():
        pass
    assert f"album/store/facts/{FIRST}.arrow" in store.listed()


def test_a_file_that_is_deleted_while_files_are_listed_hides_no_other(
    on: OnMachine, monkeypatch: pytest.MonkeyPatch
):
    one = on("one")
    assert one.copy is not None
    paths = [make(one, "facts", f"{number:016x}", "arrow") for number in range(4)]
    is_copied = layout.is_copied

    def deleting(name: str) -> bool:
        for path in paths[:2]:
            path.unlink(missing_ok=True)
        return is_copied(name)

    monkeypatch.setattr(layout, "is_copied", deleting)
    assert {path.name for path in paths[2:]} == {name.rpartition("/")[2] for name in one.copy.files()}


def test_a_copy_that_may_not_be_written_is_named_in_one_line(on: OnMachine):
    folder = on("one").folder
    (folder / ".mirror.lock").unlink(missing_ok=True)
    (folder / ".mirror.lock").mkdir()
    with pytest.raises(StoreError, match=rf"the local copy {folder} of .* cannot be written .*CLIPPER_HOME"):
        on("one")
