"""A store that this user may not read or write: it is not called damaged, and nothing of it is deleted."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plain_user import run_as_plain_user

from clipper.errors import AccessError, StoreError
from clipper.store.home import damage_error

SEARCH = """
import sys, clipper
try:
    print(clipper.open(sys.argv[1]).search("heart", k=1, where={"bytes": {"$gt": 0}})["id"].tolist())
except clipper.ClipperError as error:
    print(type(error).__name__, error)
"""
REPAIR = """
import sys
from pathlib import Path
from clipper.doctor import repair
from clipper.errors import AccessError
from clipper.settings import Settings
try:
    print(repair.repair(Settings.load(Path(sys.argv[1]))))
except AccessError as error:
    print("refused:", error)
"""


@pytest.fixture
def openable(indexed_home: Path) -> Iterator[Path]:
    """An indexed home whose permissions a test takes away; they are back when it is deleted."""
    yield indexed_home
    for path in [indexed_home, *indexed_home.rglob("*")]:
        path.chmod(0o755)


def files(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.mark.parametrize(
    "closed", ["store", "store/current.json", "store/snapshots/*.json", "store/metadata/*"]
)
def test_a_search_says_which_file_it_may_not_read(openable: Path, closed: str):
    for path in openable.glob(closed):
        path.chmod(0)
    said = run_as_plain_user(SEARCH, openable).stdout
    assert said.startswith("AccessError"), said
    assert "cannot be read (Permission denied" in said
    assert "damaged" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "closed",
    [
        "store/facts/*",
        "store/projection/*.parquet",
        "store/current.json",
        "store/collection/*/chroma.sqlite3",
    ],
)
def test_a_repair_deletes_nothing_that_it_may_not_read(openable: Path, closed: str):
    """Who may write a folder may delete files in it that they may not read, such as in a group's home."""
    before = files(openable)
    for path in openable.glob(closed):
        path.chmod(0)
    said = run_as_plain_user(REPAIR, openable).stdout
    assert said.startswith("refused:"), said
    assert files(openable) == before


def test_a_home_that_may_only_be_read_is_searched_and_filtered(openable: Path):
    for path in [*openable.rglob("*"), openable]:
        path.chmod(path.stat().st_mode & 0o555)
    assert "jpg" in run_as_plain_user(SEARCH, openable).stdout


def test_a_collection_is_searched_of_which_only_one_file_may_not_be_written(openable: Path):
    """SQLite once made it for its owner alone, in a home that a group shares."""
    for path in openable.glob("store/collection/*/chroma.sqlite3"):
        path.chmod(0o444)
    assert "jpg" in run_as_plain_user(SEARCH, openable).stdout


@pytest.mark.slow
def test_a_run_on_a_collection_that_is_read_only_writes_a_new_one(openable: Path):
    for path in openable.glob("store/collection/*/**/*"):
        path.chmod(path.stat().st_mode & 0o555)
    first = min((openable / "images").glob("*.jpg"))
    first.rename(first.with_name("moved.jpg"))
    index = """
import sys
from pathlib import Path
from clipper.indexing import run
from clipper.settings import Settings
steps = run.index(Settings.load(Path(sys.argv[1])))
print([step.counts for step in steps], [note for step in steps for note in step.notes])
"""
    ran = run_as_plain_user(index, openable)
    assert ran.returncode == 0, ran.stderr
    assert "'moved': 1" in ran.stdout
    assert "of an earlier version cannot be deleted" in ran.stdout  # its folders may not be written
    assert "jpg" in run_as_plain_user(SEARCH, openable).stdout


@pytest.mark.linux
def test_who_shares_a_home_with_a_group_shares_all_of_its_files(
    home_at: Callable[[Path, int], Path], tmp_path: Path, run_index: Callable[[Path], object]
):
    before = os.umask(0o002)
    try:
        home = home_at(tmp_path / "shared", 12)
        run_index(home)
    finally:
        os.umask(before)
    alone = [path for path in (home / "store").rglob("*") if not path.stat().st_mode & 0o020]
    assert not alone


def test_nobody_is_told_to_delete_tags_that_they_may_not_read(openable: Path):
    tag = "import sys, clipper; atlas = clipper.open(sys.argv[1]); atlas.tags.add(atlas.ids[:1], 'mine')"
    assert run_as_plain_user(tag, openable).returncode == 0
    (openable / "tags.json").chmod(0)
    said = run_as_plain_user(tag, openable).stderr.splitlines()[-1]
    assert "tags.json cannot be read (Permission denied" in said
    assert "or delete it" not in said
    (openable / "tags.json").chmod(0o600)
    assert "mine" in (openable / "tags.json").read_text("utf-8")


def test_a_disk_that_does_not_answer_is_no_damage(tmp_path: Path):
    gone = OSError(errno.ESTALE, "Stale file handle")
    assert "try again later" in str(damage_error(tmp_path, gone))
    assert not isinstance(damage_error(tmp_path, OSError(errno.EIO, "Input/output error")), AccessError)
    assert isinstance(damage_error(tmp_path, ValueError("no JSON")), StoreError)
