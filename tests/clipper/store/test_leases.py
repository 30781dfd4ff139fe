"""What a reader holds stays, what nobody needs goes: snapshots without an index."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clipper.errors import NoIndexError
from clipper.store import snapshots
from clipper.store.home import Home
from clipper.store.snapshots import Snapshot

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def snapshot(number: int) -> Snapshot:
    parts = dict.fromkeys(snapshots.PARTS, f"v{number}")
    return Snapshot(parts, "images", {}, "model", AT, {"images": number})


def numbers(kept: Iterable[Snapshot]) -> list[int]:
    return sorted(one.counts["images"] for one in kept)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    assert snapshots.publish(made, snapshot(1)) is True
    return made


def test_what_is_published_already_is_not_published_again(home: Home):
    assert snapshots.publish(home, snapshot(1)) is False
    assert snapshots.publish(home, snapshot(2)) is True
    assert snapshots.published(home).version == snapshot(2).version


def test_a_snapshot_is_kept_while_a_reader_holds_it(home: Home):
    first, lease = snapshots.lease(home)
    assert numbers([first]) == [1]
    snapshots.publish(home, snapshot(2))
    _, second = snapshots.lease(home)
    snapshots.publish(home, snapshot(3))
    assert numbers(snapshots.drop_unleased(home)) == [1, 2, 3]
    lease.close()
    lease.close()  # once more does no harm
    assert numbers(snapshots.drop_unleased(home)) == [2, 3]
    second.close()
    assert numbers(snapshots.drop_unleased(home)) == [3]
    assert [path.name for path in home.snapshots.iterdir()] == [
        snapshots.lease_path(home, snapshot(3)).name,
    ]


def test_a_reader_of_a_home_without_leases_reads_what_is_published(home: Home):
    snapshots.lease_path(home, snapshot(1)).unlink()
    found, lease = snapshots.lease(home)
    lease.close()
    assert found.version == snapshot(1).version


def test_parts_of_dropped_versions_go_and_so_does_what_is_half_written(home: Home):
    for name in snapshots.PARTS:
        for version in ("v1", "v2"):
            for ending in (".parquet", ".json"):
                home.part(name, version, ending).parent.mkdir(parents=True, exist_ok=True)
                home.part(name, version, ending).write_bytes(b"x")
    home.part("collection", "v2", "").mkdir()
    (home.part("collection", "v2", "") / "chroma.sqlite3").write_bytes(b"x")
    (home.store / "manifest" / ".v3.parquet.1.tmp").write_bytes(b"x")
    snapshots.prune(home, [snapshot(1)])
    left = {entry.name for name in snapshots.PARTS for entry in (home.store / name).iterdir()}
    assert left == {"v1.parquet", "v1.json"}


def test_a_home_without_an_index_and_one_that_is_not_there_are_different_errors(tmp_path: Path):
    with pytest.raises(NoIndexError, match="has no index yet; make one with `clipper index FOLDER-OF-IMAGES"):
        snapshots.published(Home(tmp_path))
    (tmp_path / "images").mkdir()
    with pytest.raises(NoIndexError, match="make one with `clipper index --home"):
        snapshots.published(Home(tmp_path))
    with pytest.raises(NoIndexError, match="does not exist"):
        snapshots.published(Home(tmp_path / "none"))
