"""Names that people give to clusters: kept by identity, never lost, as clean as tags."""

import json
import threading
from pathlib import Path

import pytest

from clipper.errors import StoreError
from clipper.store import cluster_names, tags
from clipper.store.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_name_is_given_changed_and_removed(home: Home) -> None:
    assert cluster_names.read(home) == {}
    cluster_names.give(home, 7, "  red \n things ")
    assert cluster_names.give(home, 2**62, "boats") == {7: "red things", 2**62: "boats"}
    assert cluster_names.give(home, 7, "cars") == cluster_names.read(home) == {7: "cars", 2**62: "boats"}
    assert cluster_names.remove(home, 7) == {2**62: "boats"}
    assert cluster_names.remove(home, 7) == cluster_names.read(home) == {2**62: "boats"}


@pytest.mark.parametrize("text", ["", " \t\n", "\x00\x07", "\u200d", "x" * (cluster_names.MAX_LENGTH + 1)])
def test_what_is_no_name_is_refused(home: Home, text: str) -> None:
    with pytest.raises(ValueError, match="name"):
        cluster_names.give(home, 1, text)
    assert not cluster_names.path_of(home).exists()


def test_hostile_text_is_cleaned_as_tags_are(home: Home) -> None:
    for text in (
        "<b>\u202eevil</b>",
        "half \ud800 a character",
        "\U0001f469\u200d\U0001f4bb coder",
        "a\x1b[31mb",
    ):
        assert cluster_names.give(home, 1, text)[1] == tags.clean_tag(text)
        assert cluster_names.read(home)[1] == tags.clean_tag(text)


def test_there_is_a_limit_and_a_cluster_that_has_a_name_may_change_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_names, "MAX_NAMES", 2)
    cluster_names.give(home, 1, "a")
    cluster_names.give(home, 2, "b")
    with pytest.raises(ValueError, match="no room"):
        cluster_names.give(home, 3, "c")
    assert cluster_names.give(home, 2, "d") == {1: "a", 2: "d"}


def test_writers_at_the_same_time_lose_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipper.store.home._GIVEN_WAIT", 300.0)  # however slow the disk is

    def write(n: int) -> None:
        for k in range(5):
            cluster_names.give(home, 10 * n + k, f"{n} {k}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cluster_names.read(home)) == 30


@pytest.mark.parametrize("change", ["cut", "edit", "empty", "list", "other entry", "no number", "no text"])
def test_damage_is_reported_and_nothing_is_written_over_it(home: Home, change: str) -> None:
    cluster_names.give(home, 1, "keep")
    path = cluster_names.path_of(home)
    whole = path.read_text()
    damages = {
        "cut": whole[:-9],
        "edit": whole.replace("keep", "lose"),
        "empty": "",
        "list": "[]",
        "other entry": json.dumps({"format": 1, "cluster_names": ["keep"]}),
        "no number": json.dumps({"format": 1, "cluster_names": {"one": "keep"}}),
        "no text": json.dumps({"format": 1, "cluster_names": {"1": None}}),
    }
    path.write_text(damages[change])
    with pytest.raises(StoreError, match="is damaged"):
        cluster_names.give(home, 2, "more")
    assert path.read_text() == damages[change]
    assert "only the names are lost" in (cluster_names.problem(home) or "")


def test_a_newer_format_is_left_alone(home: Home) -> None:
    cluster_names.path_of(home).write_text(json.dumps({"format": 99, "cluster_names": {}}))
    with pytest.raises(StoreError, match="format 99"):
        cluster_names.read(home)
    assert cluster_names.problem(home) == "has format 99, this Clipper reads 1; upgrade it"


def test_a_home_that_cannot_be_written_is_told(home: Home) -> None:
    home.store.write_text("a file in the store's place")
    with pytest.raises(StoreError, match=r"cluster_names\.json cannot be written"):
        cluster_names.give(home, 1, "boats")
