"""A disk that is full ends a run with one clear line; what is published stays, and space is all it takes."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import faults
import pytest

from clipper.doctor import repair
from clipper.settings import Settings

pytestmark = pytest.mark.linux  # mounts a small disk

Run = Callable[..., subprocess.CompletedProcess[str]]
MEGABYTES = 24


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of a few megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, *, leaving: int) -> Path:
    """A file that leaves so many bytes of the disk."""
    path = disk / "filler"
    path.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - leaving)))
    return path


@pytest.mark.parametrize(
    "leaving",
    [pytest.param(0, marks=pytest.mark.slow), pytest.param(200_000, marks=pytest.mark.reliability)],
)
def test_a_full_disk_is_reported_and_nothing_is_lost(
    small_disk: Path, home_at: Callable[[Path, int], Path], clipper_command: Run, leaving: int
):
    home = home_at(small_disk / "home", 24)
    images = home / "images"
    assert clipper_command("index", "--home", str(home)).returncode == 0
    before = faults.state(home, filtered=False)  # Chroma does not open on a disk without any room
    for number, path in enumerate(sorted(images.iterdir())[:6]):
        shutil.copy2(path, images / f"copied-{number}.jpg")
        path.unlink()
        path.write_bytes((faults.DATA / "images" / "zebra.jpg").read_bytes() + bytes([number]))
    filler = fill(small_disk, leaving=leaving)
    result = clipper_command("index", "--home", str(home))
    if result.returncode:  # there was too little room
        assert len(result.stderr.splitlines()) == 1
        assert f"the disk of {home / 'store'} is full" in result.stderr
        assert "free some space and run again" in result.stderr
        assert faults.state(home, filtered=False) == before
    assert leaving or result.returncode == 1
    filler.unlink()
    assert clipper_command("index", "--home", str(home)).returncode == 0
    assert repair.diagnose(Settings.load(home)).before == []
    assert not list((home / "store").rglob(".*.tmp"))
    assert len(faults.state(home)["ids"]) == len(os.listdir(images))  # noqa: PTH208 - a count
