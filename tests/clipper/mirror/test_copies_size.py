"""All local copies together stay below a size that a person sets, as far as nobody needs them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from object_store import BUCKET, ObjectStore

from clipper.errors import SettingsError
from clipper.mirror import copy as copies
from clipper.mirror import location
from clipper.settings import Settings
from clipper.store.home import Home

KILOBYTES = 100
Read = Callable[[str], Path]


@pytest.fixture
def read(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Bring the copy of a home up to date, as a process does that ends; there is room for two copies."""
    monkeypatch.setenv("CLIPPER_HOME_CACHE_GB", "0.00025")

    def run(name: str) -> Path:
        store.write(f"{BUCKET}/{name}/store/current.json", b"{}")
        store.write(f"{BUCKET}/{name}/store/facts/rows.arrow", bytes(KILOBYTES * 1_000))
        home = Home(Settings.load(f"s3://{BUCKET}/{name}").home)
        assert home.copy is not None
        home.copy.refresh(lambda: None)
        end(home.folder)
        return home.folder

    return run


def end(folder: Path) -> None:
    """What the end of a process does for a copy."""
    copy = copies._copies.pop(folder)
    if copy._kept is not None:
        os.close(copy._kept)


def test_the_copy_that_was_used_longest_ago_makes_room(read: Read):
    first, second = read("first"), read("second")
    os.utime(second / location.MARKER, (1, 1))
    third = read("third")
    assert [each.exists() for each in (first, second, third)] == [True, False, True]
    assert (third / "store/facts/rows.arrow").stat().st_size == KILOBYTES * 1_000
    assert {*first.parent.iterdir()} == {first, third}
    assert (read("second") / "store/facts/rows.arrow").exists()  # it is fetched again


def test_a_copy_that_is_open_stays(read: Read):
    opened = read("opened")
    here = copies.of(opened)
    assert here is not None
    with here.locked():
        pass
    os.utime(opened / location.MARKER, (1, 1))
    second, third = read("second"), read("third")
    assert [each.exists() for each in (opened, second, third)] == [True, False, True]
    end(opened)
    read("fourth")
    assert not opened.exists()


@pytest.mark.parametrize("name", ["facts/rows-of-a-killed-run.arrow", "dagster/runs.db"])
def test_a_copy_that_has_what_the_store_lacks_stays(read: Read, name: str):
    first = read("first")
    unsent = first / "store" / name
    unsent.parent.mkdir(exist_ok=True)
    unsent.write_bytes(b"only here")
    os.utime(first / location.MARKER, (1, 1))
    read("second")
    read("third")
    assert unsent.read_bytes() == b"only here"


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan"])
def test_a_size_that_is_none_is_refused(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, text: str):
    store.write(f"{BUCKET}/album/clipper.toml", b"")
    monkeypatch.setenv("CLIPPER_HOME_CACHE_GB", text)
    with pytest.raises(SettingsError, match=f"CLIPPER_HOME_CACHE_GB={text} is no size; set it to gigabytes"):
        Home(Settings.load(f"s3://{BUCKET}/album").home)
