"""Colours of tags: assigned so that they differ, changed, kept, and as clean as tags."""

import json
import threading
from pathlib import Path

import pytest

from clipper.errors import StoreError
from clipper.export.drawing import palette
from clipper.store.given import tag_colours
from clipper.store.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_each_tag_gets_a_colour_of_its_own_as_long_as_there_are_some(home: Home) -> None:
    assert tag_colours.read(home) == {}
    tag_colours.assign(home, ["a", " b "])
    tag_colours.give(home, "a", 7)
    assert tag_colours.assign(home, ["a", "b", "c"]) == {"a": 7, "b": 1, "c": 0}
    many = tag_colours.assign(home, [f"tag {n}" for n in range(40)])
    assert {*many.values()} == {*range(tag_colours.PLACES)}


def test_the_places_are_those_of_the_palette() -> None:
    assert tag_colours.PLACES == palette.MAX_CATEGORIES


@pytest.mark.parametrize("place", [-1, 20, True, 1.5, "1", None])
def test_what_is_no_place_of_the_palette_is_refused(home: Home, place: int) -> None:
    with pytest.raises(ValueError, match="0 to 19"):
        tag_colours.give(home, "a", place)
    assert not tag_colours.path_of(home).exists()


def test_writers_at_the_same_time_lose_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipper.store.home._GIVEN_WAIT", 300.0)  # however slow the disk is
    threads = [
        threading.Thread(target=tag_colours.assign, args=(home, [f"{n} {k}" for k in range(5)]))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tag_colours.read(home)) == 30


def test_damage_is_reported(home: Home) -> None:
    tag_colours.path_of(home).write_text(json.dumps({"format": 1, "tag_colours": {"a": 99}}))
    with pytest.raises(StoreError, match="is damaged"):
        tag_colours.assign(home, ["b"])
    assert "only the colours of tags are lost" in (tag_colours.problem(home) or "")
