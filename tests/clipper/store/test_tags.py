"""Tags that people give: kept by content, never lost, a column at the next index."""

import json
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from joined_metadata import join

import clipper
from clipper.doctor import repair
from clipper.errors import StoreError
from clipper.hashing import KEY
from clipper.indexing import run
from clipper.metadata.entries import Source
from clipper.settings import Settings
from clipper.store import tags
from clipper.store.columns.keys import Keys
from clipper.store.home import Home

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_tag_is_given_taken_and_gone_with_its_last_image(home: Home) -> None:
    assert tags.read(home) == {}
    tags.add(home, "  keep \n it ", [A, B])
    assert tags.add(home, "keep it", [C]) == {"keep it": {A, B, C}}
    assert tags.remove(home, "keep it", [A, C]) == {"keep it": {B}}
    assert tags.read(home) == {"keep it": {B}}
    assert tags.remove(home, "keep it") == {}
    assert tags.remove(home, "never there", [A]) == {}


def test_what_joins_emoji_and_persian_letters_stays(home: Home) -> None:
    for text in ("\U0001f469\u200d\U0001f4bb coder", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        assert text in tags.add(home, f" {text}\u202e\u200d ", [A])


@pytest.mark.parametrize("text", ["", " \t\n", "\x00\x07", "x" * (tags.MAX_LENGTH + 1)])
def test_what_is_no_tag_is_refused(home: Home, text: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        tags.add(home, text, [A])
    assert not tags.path_of(home).exists()


def test_writers_at_the_same_time_lose_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipper.store.home._GIVEN_WAIT", 300.0)  # however slow the disk is

    def write(n: int) -> None:
        for k in range(5):
            tags.add(home, "shared", [bytes([n, k]) * 8])
            tags.add(home, f"of {n}", [A])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = tags.read(home)
    assert len(found["shared"]) == 30
    assert len(found) == 7


@pytest.mark.parametrize("change", ["cut", "edit", "empty", "list", "half a character"])
def test_damage_is_reported_and_nothing_is_written_over_it(home: Home, change: str) -> None:
    tags.add(home, "keep", [A])
    path = tags.path_of(home)
    whole = path.read_text()
    changes = {"cut": whole[:-9], "edit": whole.replace("keep", "lose"), "empty": "", "list": "[]"}
    half = {key: value for key, value in json.loads(whole).items() if key != KEY}
    changes["half a character"] = json.dumps(half).replace("keep", r"\uD83D")
    path.write_text(changes[change])
    damaged = path.read_text()
    with pytest.raises(StoreError, match="is damaged"):
        tags.add(home, "more", [B])
    assert path.read_text() == damaged
    assert "damaged" in (tags.problem(home) or "")


def test_a_newer_format_is_left_alone(home: Home) -> None:
    tags.path_of(home).write_text(json.dumps({"format": 99, "tags": {}}))
    with pytest.raises(StoreError, match="format 99"):
        tags.read(home)


def lists(*given: list[str]) -> pa.ListArray:
    return pa.array(given, pa.list_(pa.large_string()))


def test_tags_of_many_contents_are_those_of_each_one() -> None:
    random = np.random.default_rng(0)
    keys = [bytes(row) for row in random.integers(0, 256, (40, 16), np.uint8)]
    given = {tag: frozenset(key for key in keys if random.random() < 0.3) for tag in ("b", "a", "ä", "b: c")}
    contents = Keys.of(keys[:30])  # the images of the others are gone
    each = tags.by_image(given)
    found = tags.of_contents({**given, "odd": [b"no hash"]}, contents)
    assert found.to_pylist() == [each.get(key, []) for key in contents]
    assert found.type == pa.list_(pa.large_string())
    assert tags.of_contents({}, contents).to_pylist() == [[]] * 30
    assert tags.of_contents(given, Keys.of([])).to_pylist() == []


def test_a_sources_own_tags_stay_as_they_are() -> None:
    source = Source.of_entries("metadata.json", {"a": {"tags": ["red"]}, "b": {"tags": ["blue"]}})
    joined = join(["a.jpg", "b.jpg"], [{}, {}], [source], tags=lists(["mine"], []))
    assert joined.rows == [{"tags": ["red"], "clipper_tags": ["mine"]}, {"tags": ["blue"]}]
    plain = join(["a.jpg", "b.jpg"], [{}, {}], [], tags=lists([], ["mine"]))
    assert [(c.name, c.type, c.origin, c.filled) for c in plain.columns] == [("tags", "list[str]", "tags", 1)]


@pytest.mark.slow
def test_tags_survive_a_rename_become_a_column_and_reach_chroma(small_home: Path) -> None:
    settings = Settings.load(small_home)
    home = Home(small_home)
    run.index(settings)
    atlas = clipper.open(small_home)
    before = atlas._engine.snapshot.parts["metadata"]
    chosen = atlas._engine.hashes[3]
    atlas.close()
    tags.add(home, "keep", [chosen])
    image = small_home / "images" / atlas.ids[3]
    image.rename(image.with_name("another-name.jpg"))
    run.index(settings)
    atlas = clipper.open(small_home)
    row = atlas._engine.row("another-name.jpg")
    assert atlas._engine.metadata(row)["tags"] == ["keep"]
    assert atlas.columns["tags"].origin == "tags"
    found = atlas.search("anything", k=24, where={"tags": {"$contains": "keep"}})
    assert list(found["id"]) == ["another-name.jpg"]
    atlas.close()
    assert repair.diagnose(settings).before == []
    tags.remove(home, "keep")
    image.with_name("another-name.jpg").rename(image)
    run.index(settings)
    atlas = clipper.open(small_home)
    assert "tags" not in atlas.columns
    assert atlas._engine.snapshot.parts["metadata"] == before  # no trace of there having been any
    atlas.close()


def test_doctor_names_damaged_tags_and_deletes_nothing(small_home: Path) -> None:
    settings = Settings.load(small_home)
    run.index(settings)
    tags.path_of(Home(small_home)).write_text("{")
    assert [damage.where for damage in repair.diagnose(settings).before] == ["tags.json"]
    with pytest.raises(StoreError, match=r"tags\.json is damaged"):
        repair.repair(settings)
    assert tags.path_of(Home(small_home)).read_text() == "{"


def test_an_edit_tells_what_really_changed_and_its_inverse_restores_exactly_what_was(tmp_path: Path):
    home = Home(tmp_path)
    one, two, three = (bytes([n]) * 16 for n in (1, 2, 3))
    before = tags.add(home, "seen", [one])
    made = tags.edit(
        home,
        [
            tags.Edit(" seen ", frozenset({one, two}), True),
            tags.Edit("seen", frozenset({one, three}), False),
            tags.Edit("new", frozenset(), True),
        ],
    )
    assert made == [
        tags.Edit("seen", frozenset({two}), True),
        tags.Edit("seen", frozenset({one}), False),
    ]
    assert tags.read(home) == {"seen": {two}}
    tags.edit(home, [each.undone() for each in reversed(made)])
    assert tags.read(home) == before


def test_an_edit_that_cannot_be_made_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, one = Home(tmp_path), bytes(16)
    monkeypatch.setattr(tags, "MAX_TAGS", 1)
    tags.add(home, "a", [one])
    with pytest.raises(ValueError, match="no room"):
        tags.edit(home, [tags.Edit("a", frozenset({one}), False), tags.Edit("b", frozenset({one}), True),
                         tags.Edit("c", frozenset({one}), True)])  # fmt: skip
    assert tags.read(home) == {"a": {one}}
