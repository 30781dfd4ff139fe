"""A run that is stopped while it hashes leaves its hashes to the next one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipper.errors import StorageError
from clipper.images.folder import ImageFolder
from clipper.indexing.files import hash_files
from clipper.indexing.files.checkpoint import Checkpoint
from clipper.indexing.scan import scan, scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.manifest import Manifest

LONG_AGO = 1_600_000_000


class Counting(ImageFolder):
    """A folder that notes which files are read, and fails at one."""

    def __init__(self, location: str, fails_at: str = "") -> None:
        super().__init__(location)
        self.fails_at = fails_at
        self.asked: list[str] = []

    def reads_at_once(self) -> int:
        return 1

    def read(self, image_id: str, *_: object, **__: object) -> bytes:
        if image_id == self.fails_at:
            raise StorageError("there is no network")
        self.asked.append(image_id)
        return super().read(image_id)


@pytest.fixture
def many(folder: Path) -> Path:
    """A folder of 200 files."""
    for number in range(200):
        write(folder / f"{number:03}.jpg", b"%d" % number)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(Home(tmp_path / "home"))


def write(path: Path, data: bytes, at: int = LONG_AGO) -> None:
    path.write_bytes(data)
    os.utime(path, (at, at))


def stop_at(fails_at: str, many: Path, checkpoint: Checkpoint, before: Manifest | None = None) -> set[str]:
    """Scan until a file fails; return the files whose hashes are kept."""
    with pytest.raises(StorageError):
        scan(Counting(str(many), fails_at), before=before, checkpoint=checkpoint)
    return set(checkpoint.read().names())


def test_what_was_hashed_before_an_error_is_not_hashed_again(many: Path, checkpoint: Checkpoint):
    kept = stop_at("150.jpg", many, checkpoint)
    assert len(kept) >= 100
    folder, reported = Counting(str(many)), []
    made = scan(folder, checkpoint=checkpoint, progress=lambda *counts: reported.append(counts))
    assert not kept & set(folder.asked)
    assert reported[0] == (len(kept), 200)
    whole = scan(ImageFolder(str(many)))
    assert made.version == whole.version
    assert [entry.mtime_ns for entry in made.entries] == [entry.mtime_ns for entry in whole.entries]
    assert all(entry.first_ns for entry in made.entries)


def test_hashes_are_kept_while_the_run_goes_on(
    many: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hash_files, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(hash_files, "KEEP_SHARE", 0.0)
    seen: list[int] = []
    scan(
        ImageFolder(str(many)),
        checkpoint=checkpoint,
        progress=lambda done, _: seen.append(len(checkpoint.read())) if done % 50 == 0 else None,
    )
    assert seen == [49, 99, 149, 199]


def test_a_file_that_changed_meanwhile_is_hashed_again(many: Path, checkpoint: Checkpoint):
    assert {"000.jpg", "001.jpg", "002.jpg"} <= stop_at("150.jpg", many, checkpoint)
    write(many / "000.jpg", b"other")
    write(many / "001.jpg", b"1", at=LONG_AGO + 1)
    (many / "002.jpg").unlink()
    folder = Counting(str(many))
    made = scan(folder, checkpoint=checkpoint)
    assert {"000.jpg", "001.jpg"} <= set(folder.asked)
    assert made.version == scan(ImageFolder(str(many))).version


def test_a_file_that_was_just_written_is_hashed_again(many: Path, checkpoint: Checkpoint):
    write(many / "000.jpg", b"0", at=4_000_000_000)  # however long it takes until the scan
    assert "000.jpg" in stop_at("150.jpg", many, checkpoint)
    folder = Counting(str(many))
    scan(folder, checkpoint=checkpoint)
    assert "000.jpg" in folder.asked


def test_several_stopped_runs_add_up_beside_a_manifest(many: Path, checkpoint: Checkpoint):
    before = scan(ImageFolder(str(many)))
    for number in range(200):
        write(many / f"{number:03}.jpg", b"new %d" % number)
    first = stop_at("064.jpg", many, checkpoint, before)
    write(many / "001.jpg", b"newer still")  # of two rows the later one counts
    second = stop_at("150.jpg", many, checkpoint, before)
    assert len(second) > len(first) > 0
    folder = Counting(str(many))
    made = scan(folder, before=before, checkpoint=checkpoint)
    assert not second & set(folder.asked)
    assert made.version == scan(ImageFolder(str(many))).version
    assert made.count_changes(before)["changed"] == 200


def test_damage_costs_no_more_than_hashing_again(
    many: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hash_files, "KEEP_SECONDS", 3_600.0)  # one shard, however slow the machine is
    stop_at("150.jpg", many, checkpoint)
    (shard,) = checkpoint.folder.glob("*.arrow")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (checkpoint.folder / f"{'0' * 32}.arrow").write_bytes(b"no shard")
    folder = Counting(str(many))
    assert scan(folder, checkpoint=checkpoint).version == scan(ImageFolder(str(many))).version
    assert len(folder.asked) == 200
    checkpoint.clear()
    assert not list(checkpoint.folder.iterdir())


def test_verify_hashes_every_file_again(many: Path, checkpoint: Checkpoint):
    stop_at("150.jpg", many, checkpoint)
    folder = Counting(str(many))
    scan(folder, checkpoint=checkpoint, verify=True)
    assert len(folder.asked) == 200


KILLED = """
import os, sys
from pathlib import Path
from clipper.indexing.files import hash_files
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
hash_files.KEEP_SECONDS = hash_files.KEEP_SHARE = 0.0
def die(stage, done, total):
    if done == 100:
        os.kill(os.getpid(), 9)
scan_images(Workspace(Settings.load(Path(sys.argv[1]), images=sys.argv[2]), die))
"""


@pytest.mark.linux
def test_a_run_that_is_killed_goes_on_where_it_was_and_leaves_nothing(many: Path, tmp_path: Path):
    home = tmp_path / "killed"
    home.mkdir()
    ended = subprocess.run([sys.executable, "-c", KILLED, str(home), str(many)], check=False)
    assert ended.returncode == -9
    work = Workspace(Settings.load(home, images=str(many)))
    work.folder = folder = Counting(str(many))
    step = scan_images(work)
    assert step.counts["added"] == 200
    assert 100 <= len(folder.asked) <= 101
    assert not list((home / "store" / "hashed").iterdir())
    assert len(work.manifest()[1].entries) == 200
