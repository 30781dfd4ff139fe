"""The latest runs, kept with what is published: bounded, whatever becomes of the files."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clipper.indexing import run as indexing
from clipper.store import snapshots
from clipper.store.home import Home, read_json
from clipper.store.snapshots import Run, Snapshot

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def snapshot(number: int) -> Snapshot:
    parts = {name: str(number) for name in snapshots.PARTS}
    counts = {"images": number, "added": 1}
    return Snapshot(parts, "images", {}, "model", AT + timedelta(days=number), counts, seconds=number / 2)


def publish(home: Home, *numbers: int) -> None:
    for number in numbers:
        snapshots.publish(home, snapshot(number))


def images(home: Home) -> list[int]:
    return [run.counts["images"] for run in snapshots.published(home).runs]


def rewrite(path: Path, **entries: object) -> None:
    """Change a file as somebody with an editor does, who knows of no checksum."""
    path.write_text(json.dumps({**read_json(path), **entries}))


def test_the_latest_runs_are_listed_newest_first_and_no_more_than_so_many(tmp_path: Path):
    home = Home(tmp_path)
    publish(home, 1, 2, 3)
    assert images(home) == [3, 2, 1]
    run = snapshots.published(home).runs[1]
    assert run == Run(AT + timedelta(days=2), snapshot(2).version, {"images": 2, "added": 1}, 1.0)
    publish(home, *range(4, 60))
    assert images(home) == [*range(59, 59 - snapshots.MAX_RUNS, -1)]
    publish(home, 3)  # as when a folder is put back to what it was
    assert images(home)[:3] == [3, 59, 58]


def test_a_run_that_changes_nothing_writes_nothing_and_is_not_listed(tmp_path: Path):
    home = Home(tmp_path)
    publish(home, 1, 2)
    before = home.current.read_bytes()
    assert snapshots.publish(home, replace(snapshot(2), published_at=AT + timedelta(days=9))) is False
    assert home.current.read_bytes() == before
    snapshots.lease_path(home, snapshot(2)).unlink()
    publish(home, 2)
    assert home.current.read_bytes() == before
    assert [run.counts["images"] for run in snapshots._earlier(home, snapshot(2), None)] == [1]


def test_what_is_no_run_is_passed_over(tmp_path: Path):
    home = Home(tmp_path)
    publish(home, 1, 2, 3)
    good = snapshot(1).runs[0].to_json()
    wrong = {"at": "yesterday", "counts": [1], "seconds": "x"}
    bad = [None, 7, "x", [], {}, {"at": good["at"]}, {**good, "counts": {"added": None}}]
    bad += [{**good, name: value} for name, value in wrong.items()]
    rewrite(home.current, earlier=[*bad, good, *bad])
    assert images(home) == [3, 1]
    for earlier in (None, "x", {}, 5):
        rewrite(home.current, earlier=earlier)
        assert images(home) == [3]
    publish(home, 4)
    assert images(home) == [4, 3]


def test_what_an_earlier_clipper_published_is_a_run_too(tmp_path: Path):
    home = Home(tmp_path)
    publish(home, 1)
    entries = read_json(home.current)
    later = ("earlier", "seconds")  # what a later Clipper keeps
    home.current.write_text(json.dumps({name: entries[name] for name in entries if name not in later}))
    (run,) = snapshots.published(home).runs
    assert (run.at, run.seconds) == (AT + timedelta(days=1), None)
    publish(home, 2)
    assert images(home) == [2, 1]


def test_a_lost_current_json_loses_no_run(tmp_path: Path):
    home = Home(tmp_path)
    publish(home, 1, 2, 3)
    home.current.unlink()
    publish(home, 3)
    assert images(home) == [3, 2, 1]


def test_a_run_tells_how_long_it_took_and_what_it_found(
    home_of: Callable[[str, int], Path], run_index: Callable[[Path], dict[str, indexing.Step]]
):
    home = home_of("runs", 5)
    run_index(home)
    min((home / "images").glob("*.jpg")).unlink()
    run_index(home)
    run_index(home)
    second, first = snapshots.published(Home(home)).runs
    assert (first.counts["added"], second.counts["removed"]) == (5, 1)
    assert 0 < second.seconds < 300
    assert first.seconds > 0
    assert Home(home).locked_seconds() is None
