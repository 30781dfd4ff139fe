"""What was fetched is kept within a limit, and what is given back is whole."""

from pathlib import Path

import pytest

from clipper.hashing import content_hash
from clipper.images.files import fetched
from clipper.images.files.fetched import FetchedFiles

ONE, OTHER = b"one" * 100, b"other" * 100


def put(files: FetchedFiles, *contents: bytes) -> list[bytes | None]:
    """Put contents; return what is given back of them."""
    for data in contents:
        files.put(content_hash(data), data)
    return [files.get(content_hash(data)) for data in contents]


def test_bytes_are_given_back_until_they_are_cleared(tmp_path: Path):
    files = FetchedFiles(tmp_path / "kept")
    assert put(files, ONE, OTHER, ONE) == [ONE, OTHER, ONE]
    assert FetchedFiles(tmp_path / "kept").get(content_hash(ONE)) == ONE
    files.clear()
    assert files.get(content_hash(ONE)) is None
    assert not (tmp_path / "kept").exists()
    assert put(files, ONE) == [ONE]


def test_no_more_is_kept_than_there_is_room_for_with_what_a_stopped_run_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetched, "MAX_BYTES", len(ONE) + len(OTHER))
    first = FetchedFiles(tmp_path / "kept")
    assert put(first, ONE, b"x" * 1_000, OTHER, b"y") == [ONE, None, OTHER, None]
    first._path(content_hash(OTHER)).unlink()
    assert put(FetchedFiles(tmp_path / "kept"), b"x" * 501, b"y") == [None, b"y"]
    monkeypatch.setattr(fetched, "FREE_SHARE", 0.0)
    assert put(FetchedFiles(tmp_path / "more"), ONE) == [None]


def test_however_many_processes_write_no_more_is_kept_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetched, "MAX_BYTES", 4 * len(ONE))
    monkeypatch.setattr(fetched, "GRANT", len(ONE))
    FetchedFiles(tmp_path / "kept").grant(tmp_path / "room")
    contents = [bytes([number]) * len(ONE) for number in range(9)]
    kept = [put(FetchedFiles(tmp_path / "kept", grants=tmp_path / "room"), each) for each in contents]
    assert kept == [[each] for each in contents[:4]] + [[None]] * 5
    assert put(FetchedFiles(tmp_path / "kept", grants=tmp_path / "gone"), contents[8]) == [None]


def test_a_file_that_is_larger_than_one_grant_takes_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetched, "MAX_BYTES", 40)
    monkeypatch.setattr(fetched, "GRANT", 10)
    FetchedFiles(tmp_path / "kept").grant(tmp_path / "room")
    files = FetchedFiles(tmp_path / "kept", grants=tmp_path / "room")
    assert put(files, b"x" * 25, b"y" * 15, b"z") == [b"x" * 25, b"y" * 15, None]


def test_a_content_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetched, "MAX_BYTES", 2 * len(ONE) + len(OTHER))
    assert put(FetchedFiles(tmp_path / "kept"), ONE, ONE, ONE, OTHER) == [ONE, ONE, ONE, OTHER]


def test_a_file_that_was_written_in_part_is_not_given_back(tmp_path: Path):
    files = FetchedFiles(tmp_path / "kept")
    put(files, ONE, OTHER)
    path = files._path(content_hash(ONE))
    path.write_bytes(path.read_bytes()[:-1])
    assert [files.get(content_hash(data)) for data in (ONE, OTHER)] == [None, OTHER]


def test_a_disk_that_cannot_be_written_ends_no_run(tmp_path: Path):
    (tmp_path / "kept").write_bytes(b"a file in its place")
    assert put(FetchedFiles(tmp_path / "kept"), ONE, OTHER) == [None, None]
    assert put(FetchedFiles(tmp_path / "no" / "kept"), ONE) == [None]


def test_contents_that_need_no_decoding_are_not_kept(tmp_path: Path):
    files = FetchedFiles(tmp_path / "kept")
    files.known = {content_hash(ONE)}
    assert put(files, ONE, OTHER) == [None, OTHER]
