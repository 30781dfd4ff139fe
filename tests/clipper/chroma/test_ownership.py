import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from clipper.chroma.ownership import Place
from clipper.store.home import Home
from clipper.store.staged import Staged

KEY = "0123456789ab"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a home")
    home.store.mkdir(parents=True)
    Staged(server_key=KEY, server_home=str(Place.of(home))).write(home)
    return home


def recorded(home: Home) -> Place:
    place = Place.parse(Staged.read(home).server_home)
    assert place is not None
    return place


def is_copy(home: Home) -> bool:
    return Place.of(home).is_copy_of(recorded(home), KEY)


def test_a_home_where_it_was_is_itself(home: Home):
    assert recorded(home) == Place.of(home)
    assert not is_copy(home)


def test_a_copy_beside_the_original_is_a_copy_and_once_that_is_gone_it_is_the_home(
    home: Home, tmp_path: Path
):
    copy = Home(shutil.copytree(home.folder, tmp_path / "copy"))
    assert is_copy(copy)
    assert not is_copy(home)
    shutil.rmtree(home.folder)
    assert not is_copy(copy)


def test_a_home_that_was_moved_or_restored_is_itself(home: Home, tmp_path: Path):
    backup = shutil.copytree(home.folder, tmp_path / "backup")
    moved = Home(home.folder.rename(tmp_path / "moved"))
    assert not is_copy(moved)
    backup.rename(home.folder)  # where the home was when it was recorded
    assert not is_copy(home)
    assert not is_copy(moved)


def test_a_home_on_another_machine_is_a_copy_unless_it_is_the_same_folder(home: Home):
    there = replace(Place.of(home), machine="another")
    assert not there.is_copy_of(recorded(home), KEY)
    assert replace(there, inodes=(1, 2)).is_copy_of(recorded(home), KEY)


def test_an_original_that_cannot_be_read_still_counts(home: Home, tmp_path: Path):
    copy = Home(shutil.copytree(home.folder, tmp_path / "copy"))
    home.staged.write_text("{")
    assert is_copy(copy)


@pytest.mark.parametrize("text", ["", "a b c d", "m 1 2", "m 1 x /p", "m 1"])
def test_what_is_no_place_is_none(text: str):
    assert Place.parse(text) is None
