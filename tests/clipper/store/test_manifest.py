import os
import time
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
from effort import ratio
from hypothesis import given
from hypothesis import strategies as st

from clipper.errors import ImagesError
from clipper.images.folder import ImageFolder
from clipper.indexing.scan import scan
from clipper.store.columns.entries import Entries, Entry
from clipper.store.manifest import Manifest, compare

LONG_AGO = 1_600_000_000


def write(folder: Path, name: str, data: bytes, *, at: float = LONG_AGO) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


def scanned(folder: Path, before: Manifest | None = None, *, max_bytes: int = 100) -> Manifest:
    return scan(ImageFolder(str(folder), max_bytes=max_bytes), before=before)


def test_added_changed_moved_removed_and_copied_are_distinguished(folder: Path):
    for name in ("same", "changes", "moves", "goes"):
        write(folder, f"{name}.jpg", name.encode())
    before = scanned(folder)
    write(folder, "changes.jpg", b"another", at=LONG_AGO + 5)
    (folder / "moves.jpg").rename(folder / "moved.jpg")
    (folder / "goes.jpg").unlink()
    write(folder, "new.jpg", b"new")
    write(folder, "sub/copy.jpg", b"same")
    changes = scanned(folder, before).changes_since(before)
    assert changes.added == ["new.jpg", "sub/copy.jpg"]
    assert changes.changed == ["changes.jpg"]
    assert changes.moved == {"moves.jpg": "moved.jpg"}
    assert changes.removed == ["goes.jpg"]
    assert changes.unchanged == 1
    assert changes.counts() == {"added": 2, "changed": 1, "moved": 1, "removed": 1, "unchanged": 1}


def test_the_first_time_everything_is_added(folder: Path):
    write(folder, "a.jpg", b"a")
    assert scanned(folder).changes_since(None).added == ["a.jpg"]


def test_two_files_that_swap_names_are_two_changed_ones(folder: Path):
    write(folder, "a.jpg", b"a")
    write(folder, "b.jpg", b"b")
    before = scanned(folder)
    write(folder, "a.jpg", b"b", at=LONG_AGO + 1)
    write(folder, "b.jpg", b"a", at=LONG_AGO + 1)
    after = scanned(folder, before)
    assert after.changes_since(before).changed == ["a.jpg", "b.jpg"]
    assert before.contents == after.contents


def test_of_two_copies_that_move_each_moves_once(folder: Path):
    write(folder, "a.jpg", b"x")
    write(folder, "b.jpg", b"x")
    before = scanned(folder)
    (folder / "a.jpg").rename(folder / "c.jpg")
    (folder / "b.jpg").rename(folder / "d.jpg")
    changes = scanned(folder, before).changes_since(before)
    assert (changes.moved, changes.removed, changes.added) == ({"a.jpg": "c.jpg", "b.jpg": "d.jpg"}, [], [])


def test_a_renamed_folder_of_many_images_is_compared_in_a_few_passes_over_it():
    def named(folder: str) -> Manifest:
        return Manifest(
            Entries.of(Entry(f"{folder}/{i:05}.jpg", b"%016d" % i, 1, 1) for i in range(30_000)), {}
        )

    before, after = named("old"), named("new")
    assert len(after.changes_since(before).moved) == 30_000
    both = [*before.entries, *after.entries]
    one_pass = ratio(
        lambda: after.changes_since(before), lambda: {entry.content_hash: entry.id for entry in both}
    )
    assert one_pass < 50  # each with each other would be thousands


VERSIONS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([b"1", b"2", b"3"]))


@given(VERSIONS, VERSIONS, VERSIONS)
def test_changes_and_later_ones_are_joined_as_if_they_were_one_step(
    first: dict[str, bytes], second: dict[str, bytes], third: dict[str, bytes]
):
    joined, once = compare(first, second).then(compare(second, third)), compare(first, third)
    assert joined == once
    assert joined.counts() == once.counts()


@given(VERSIONS, VERSIONS)
def test_changes_are_counted_as_they_are_named(first: dict[str, bytes], second: dict[str, bytes]):
    contents = [{name: key * 16 for name, key in sorted(one.items())} for one in (first, second)]
    before, after = (
        Manifest(Entries.of(Entry(name, key, 1, 1) for name, key in one.items()), {}) for one in contents
    )
    assert after.changes_since(before) == compare(*contents)
    assert after.count_changes(before) == after.changes_since(before).counts()
    assert after.count_changes(None) == after.changes_since(None).counts()


def test_touching_a_file_changes_nothing(folder: Path):
    path = write(folder, "a.jpg", b"a")
    before = scanned(folder)
    os.utime(path, (LONG_AGO + 9, LONG_AGO + 9))
    after = scanned(folder, before)
    assert after.version == before.version
    assert after.changes_since(before).unchanged == 1


def test_a_file_of_known_size_and_time_is_not_read_again(folder: Path):
    path = write(folder, "a.jpg", b"one")
    before = scanned(folder)
    path.write_bytes(b"two")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert scanned(folder, before).version == before.version


def test_a_file_written_within_the_clocks_grain_of_a_scan_is_read_again_by_the_next_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(folder, "a.jpg", b"one", at=time.time())
    at = path.stat().st_mtime_ns
    monkeypatch.setattr("clipper.indexing.scan.time", SimpleNamespace(time_ns=lambda: at + 10**9))
    before = scanned(folder)
    path.write_bytes(b"two")
    os.utime(path, ns=(at, at))
    monkeypatch.setattr("clipper.indexing.scan.time", SimpleNamespace(time_ns=lambda: at + 10**12))
    after = scanned(folder, before)
    assert after.version != before.version
    path.write_bytes(b"new")
    os.utime(path, ns=(at, at))
    assert scanned(folder, after).version == after.version  # that scan came late enough to trust the time


def test_a_time_in_the_future_is_never_trusted(folder: Path):
    path = write(folder, "a.jpg", b"one", at=time.time() + 10_000)
    at = path.stat().st_mtime_ns
    before = scanned(folder)
    path.write_bytes(b"two")
    os.utime(path, ns=(at, at))
    assert scanned(folder, before).version != before.version


def test_a_url_without_times_is_read_each_time(memory_folder: str):
    files = fsspec.filesystem("memory")
    files.pipe("/pictures/a.jpg", b"one")
    before = scan(ImageFolder(memory_folder))
    files.pipe("/pictures/a.jpg", b"two")
    assert scan(ImageFolder(memory_folder), before=before).version != before.version


@pytest.mark.linux
def test_files_that_cannot_be_read_are_named_and_the_rest_is_there(folder: Path):
    write(folder, "good.jpg", b"a")
    write(folder, "empty.jpg", b"")
    write(folder, "large.jpg", bytes(101))
    (folder / "gone.jpg").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.jpg")
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:  # noqa: PTH123 - no Path of bytes
        file.write(b"a")
    manifest = scanned(folder)
    assert [entry.id for entry in manifest.entries] == ["good.jpg"]
    assert set(manifest.unreadable) == {"empty.jpg", "large.jpg", "gone.jpg", "pipe.jpg", "caf\\xe9.jpg"}
    assert "UTF-8" in manifest.unreadable["caf\\xe9.jpg"]
    assert all(manifest.unreadable.values())


def test_a_folder_without_images_is_an_error_and_not_an_empty_atlas(folder: Path):
    with pytest.raises(ImagesError, match="no image files"):
        scanned(folder)


def test_a_manifest_is_written_and_read_back_whole(folder: Path, tmp_path: Path):
    write(folder, "ä/日本\n.jpg", b"a")
    write(folder, "empty.jpg", b"")
    manifest = scanned(folder)
    manifest.write(tmp_path / "manifest.parquet")
    assert Manifest.read(tmp_path / "manifest.parquet") == manifest


def test_the_version_follows_from_names_and_contents_alone(folder: Path, tmp_path: Path):
    write(folder, "a.jpg", b"a")
    write(folder, "b.jpg", b"b")
    other = tmp_path / "other"
    write(other, "b.jpg", b"b", at=LONG_AGO + 7)
    write(other, "a.jpg", b"a", at=LONG_AGO + 8)
    assert scanned(folder).version == scanned(other).version
    (other / "a.jpg").rename(other / "c.jpg")
    assert scanned(folder).version != scanned(other).version


def test_progress_is_reported_for_each_file(folder: Path):
    write(folder, "a.jpg", b"a")
    write(folder, "b.jpg", b"b")
    reported: list[tuple[int, int]] = []
    scan(ImageFolder(str(folder)), progress=lambda done, total: reported.append((done, total)))
    assert reported == [(1, 2), (2, 2)]
