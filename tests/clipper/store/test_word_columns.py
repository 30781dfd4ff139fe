"""Lists of words that people keep as columns: named, limited, never lost."""

import json
import threading
from pathlib import Path

import pytest

from clipper.errors import StoreError
from clipper.store import word_columns
from clipper.store.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_list_is_kept_changed_and_forgotten(home: Home) -> None:
    assert word_columns.read(home) == {}
    assert word_columns.keep(home, " animal\n", [" cat", "black  dog", ""]) == {
        "animal": ["cat", "black dog"]
    }
    word_columns.keep(home, "animal", ["cat", "black dog"])  # the same again
    with pytest.raises(ValueError, match=r"“animal” is a column of other words \(cat, black dog\)"):
        word_columns.keep(home, "animal", ["bird"])
    assert word_columns.keep(home, "animal", ["bird"], replace=True) == word_columns.read(home)
    word_columns.keep(home, "room", ["kitchen"])
    assert word_columns.forget(home, "animal") == word_columns.read(home) == {"room": ["kitchen"]}
    with pytest.raises(KeyError):
        word_columns.forget(home, "animal")


@pytest.mark.parametrize(
    "name", ["", " \t", "\x00", "x" * 61, "id", "tags", "x", "cluster", ":words", "$in", "chroma:document"]
)
def test_a_name_that_clipper_uses_or_nobody_can_read_is_refused(home: Home, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        word_columns.keep(home, name, ["cat"])
    assert not word_columns.path_of(home).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "at least one word"),
        ([" ", "\x07"], "at least one word"),
        (["cat", "dog", "Cat"], "“Cat” is there twice"),
        (["x" * 61], "has 61 letters; up to 60"),
        ([str(n) for n in range(21)], "these are 21 words; up to 20"),
    ],
)
def test_words_that_cannot_be_told_apart_are_refused_in_a_sentence(words: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        word_columns.clean_words(words)


def test_there_is_a_limit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_columns, "MAX_COLUMNS", 1)
    word_columns.keep(home, "a", ["cat"])
    with pytest.raises(ValueError, match="no room"):
        word_columns.keep(home, "b", ["cat"])


def test_writers_at_the_same_time_lose_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipper.store.home._GIVEN_WAIT", 300.0)  # however slow the disk is

    def write(n: int) -> None:
        for k in range(5):
            word_columns.keep(home, f"{n} {k}", ["cat", "dog"])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(word_columns.read(home)) == 30


@pytest.mark.parametrize("change", ["cut", "edit", "no list", "no text", "a name of Clipper's"])
def test_damage_is_reported_and_nothing_is_written_over_it(home: Home, change: str) -> None:
    word_columns.keep(home, "animal", ["cat"])
    path = word_columns.path_of(home)
    whole = path.read_text()

    def other(columns: object) -> str:
        return json.dumps({"format": 1, "word_columns": columns})

    damages = {
        "cut": whole[:-9],
        "edit": whole.replace("cat", "cow"),
        "no list": other({"animal": "cat"}),
        "no text": other({"animal": [1]}),
        "a name of Clipper's": other({"x": ["cat"]}),
    }
    path.write_text(damages[change])
    with pytest.raises(StoreError, match="is damaged"):
        word_columns.keep(home, "more", ["dog"])
    assert path.read_text() == damages[change]
    assert "only the lists of words are lost" in (word_columns.problem(home) or "")
