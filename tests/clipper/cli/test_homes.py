"""Which homes `clipper view` shows, and what their addresses are called."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clipper.cli.homes import MOST_HOMES, find_homes, name_homes
from clipper.errors import SettingsError

InProcess = Callable[..., tuple[int, str, str]]
Started = tuple[list[str], dict[str, str]]


def make(folder: Path, *, hidden: bool = False) -> Path:
    home = folder / ".clipper" if hidden else folder
    home.mkdir(parents=True)
    (home / "clipper.toml").write_text("")
    return home


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    calls: list[Started] = []
    monkeypatch.setattr(
        "os.execve", lambda _path, words, environment: calls.append((words, dict(environment)))
    )
    return calls


def test_homes_are_those_named_and_those_in_named_folders_each_once(tmp_path: Path):
    one, two = make(tmp_path / "b"), make(tmp_path / "a", hidden=True)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").write_text("")
    other = make(tmp_path / "deep" / "er")
    assert find_homes([str(tmp_path)]) == [two, one]
    assert find_homes([str(one), str(tmp_path), str(other)]) == [one, two, other]
    assert find_homes([str(two.parent)]) == [two]


@pytest.mark.parametrize(
    ("name", "message"), [("empty", "has none in it"), ("missing", "cannot be read: No such")]
)
def test_a_path_without_a_home_is_named(tmp_path: Path, name: str, message: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=re.escape(str(tmp_path / name)) + ".*" + message):
        find_homes([str(tmp_path / name)])


def test_too_many_homes_are_refused(tmp_path: Path):
    for number in range(MOST_HOMES + 1):
        make(tmp_path / f"{number:03d}")
    with pytest.raises(SettingsError, match="201 homes are more than 200"):
        find_homes([str(tmp_path)])


def test_names_are_safe_in_an_address_and_no_two_are_the_same():
    folders = [
        "a/Cats & dogs", "b/cats-dogs", "c/<img src=x onerror=alert(1)>", "d/../..", "e/ünïcode", "f/日本",
        "g/♥", "h/compare", "i/static", "j/%2e%2e", "k/" + "x" * 300, "l/cats-dogs-2", "m/.clipper",
    ]  # fmt: skip
    names = list(name_homes(map(Path, folders)))
    assert len(names) == len(folders)
    assert all(re.fullmatch("[a-z0-9-]{1,64}", name) for name in names)
    assert names[:2] == ["cats-dogs", "cats-dogs-2"]
    assert names[4:9] == ["unicode", "atlas-2", "atlas-3", "compare-2", "static-2"]
    assert names[-1] == "m"


def test_several_homes_are_served_together_and_one_alone_as_ever(
    command: InProcess, tmp_path: Path, started: list[Started]
):
    one, _two = make(tmp_path / "one"), make(tmp_path / "two")
    assert "2 atlases at http://127.0.0.1:" in command("view", tmp_path, "--port", "0")[1]
    assert "/viewer (Ctrl-C" in command("view", one, "--port", "0")[1]
    assert "/viewer (Ctrl-C" in command("view", "--home", one, "--port", "0")[1]
    command("view", tmp_path, "--workers", "3", "--port", "0")
    several, positional, option, workers = started
    assert several[0][1:3] == ["-m", "viewer"]
    assert json.loads(several[1]["CLIPPER_HOMES"]) == {name: str(tmp_path / name) for name in ("one", "two")}
    for words, environment in (positional, option):
        assert words[1:3] == ["-m", "viewer"]
        assert environment["CLIPPER_HOME"] == str(one)
        assert "CLIPPER_HOMES" not in environment
    assert "viewer.server.processes.supervisor" in workers[0]
    assert "CLIPPER_HOMES" in workers[1]


def test_a_folder_of_one_home_has_a_page_of_one_card(
    command: InProcess, tmp_path: Path, started: list[Started]
):
    make(tmp_path / "one")
    command("view", tmp_path, "--port", "0")
    assert json.loads(started[0][1]["CLIPPER_HOMES"]) == {"one": str(tmp_path / "one")}


def test_homes_and_a_home_are_not_named_together(command: InProcess, tmp_path: Path):
    code, _, err = command("view", tmp_path, "--home", tmp_path)
    assert (code, err) == (1, "clipper: name the homes, or one with `--home`, but not both\n")
