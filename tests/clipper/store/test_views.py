"""Saved views: kept by name, never lost when several people save at once, and as clean as tags."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clipper.errors import StoreError
from clipper.store.given import views
from clipper.store.given.views import View
from clipper.store.home import Home

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def view(name: str, query: str = "q=cat", **more: str) -> View:
    return views.make(name, query, at=NOON, **more)


def test_a_view_is_saved_renamed_and_removed(home: Home) -> None:
    assert views.read(home) == {}
    views.save(home, view("  red \n things ", "?q=red&colour=group", by=" Ada ", version="v1"))
    (saved,) = views.read(home).values()
    assert saved == View("red things", "q=red&colour=group", "Ada", "2026-05-01T12:00:00+00:00", "v1")
    assert saved.saved_at == NOON
    assert [*views.rename(home, "red things", "reds")] == ["reds"]
    assert views.read(home)["reds"].by == "Ada"
    assert views.remove(home, "reds") == views.read(home) == {}


def test_a_name_has_one_view_unless_it_is_replaced(home: Home) -> None:
    views.save(home, view("a"))
    views.save(home, view("b"))
    with pytest.raises(ValueError, match="choose another name"):
        views.save(home, view("a", "q=dog"))
    with pytest.raises(ValueError, match="choose another name"):
        views.rename(home, "a", "b")
    assert views.save(home, view("a", "q=dog"), replacing=True)["a"].query == "q=dog"
    assert views.rename(home, "a", " a ")["a"].query == "q=dog"


def test_what_is_not_there_is_neither_renamed_nor_removed(home: Home) -> None:
    for act in (lambda: views.remove(home, "a"), lambda: views.rename(home, "a", "b")):
        with pytest.raises(KeyError):
            act()
    assert not views.path_of(home).exists()


@pytest.mark.parametrize("name", ["", " \t\n", "\x00\x07", "\u200d", "x" * (views.MAX_LENGTH + 1)])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        view(name)


def test_hostile_texts_are_cleaned_and_limited() -> None:
    made = view("<b>\u202eevil</b>", "q=a\nb\x1b[31m", by="half \ud800" + "x" * 999, version="v" * 999)
    assert made.name == "<b> evil</b>"
    assert made.query == "q=a b [31m"
    assert len(made.by) == views.MAX_LENGTH
    assert len(made.version) == views.MAX_VERSION
    json.dumps(made.by).encode()
    with pytest.raises(ValueError, match="up to 8,200"):
        view("long", "q" * (views.MAX_QUERY + 1))


def test_there_is_a_limit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_VIEWS", 2)
    views.save(home, view("a"))
    views.save(home, view("b"))
    with pytest.raises(ValueError, match="no room"):
        views.save(home, view("c"))
    assert [*views.save(home, view("b", "q=x"), replacing=True)] == ["a", "b"]


def test_the_newest_comes_first(home: Home) -> None:
    for name, hour in (("old", 1), ("new", 9), ("also new", 9)):
        views.save(home, views.make(name, "", at=NOON.replace(hour=hour)))
    assert [each.name for each in views.newest_first(views.read(home))] == ["also new", "new", "old"]


SAVING = """
import sys
from pathlib import Path
from clipper.store import home as homes
from clipper.store.given import views
from clipper.store.home import Home
homes._GIVEN_WAIT = 300  # however slow the disk is
home, who = Home(Path(sys.argv[1])), sys.argv[2]
for k in range(8):
    views.save(home, views.make(f"{who} {k}", f"q={k}", by=who))
"""


def test_processes_that_save_at_once_lose_nothing(home: Home) -> None:
    people = ["Ada", "Grace", "Mary"]
    running = [subprocess.Popen([sys.executable, "-c", SAVING, str(home.folder), who]) for who in people]
    assert [process.wait(280) for process in running] == [0, 0, 0]
    assert {*views.read(home)} == {f"{who} {k}" for who in people for k in range(8)}


@pytest.mark.parametrize("change", ["cut", "edit", "empty", "list", "no text", "no time", "no query"])
def test_damage_is_reported_and_nothing_is_written_over_it(home: Home, change: str) -> None:
    views.save(home, view("keep"))
    path = views.path_of(home)
    whole = path.read_text()
    entry = {"query": "q=a", "by": "", "at": NOON.isoformat(), "version": ""}
    damages = {
        "cut": whole[:-9],
        "edit": whole.replace("keep", "lose"),
        "empty": "",
        "list": json.dumps({"format": 1, "views": ["keep"]}),
        "no text": json.dumps({"format": 1, "views": {"a": {**entry, "by": 7}}}),
        "no time": json.dumps({"format": 1, "views": {"a": {**entry, "at": "noon"}}}),
        "no query": json.dumps({"format": 1, "views": {"a": {"by": ""}}}),
    }
    path.write_text(damages[change])
    with pytest.raises(StoreError, match="is damaged"):
        views.save(home, view("more"))
    assert path.read_text() == damages[change]
    assert "only the saved views are lost" in (views.problem(home) or "")
