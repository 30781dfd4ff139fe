from pathlib import Path

import pytest
from plain_user import run_as_plain_user

from clipper.errors import SettingsError
from clipper.settings import (
    CONFIG_NAME,
    DEFAULT_MODEL,
    DEFAULT_REVISION,
    Settings,
    absolute_location,
    find_home,
)


def write(home: Path, text: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    (home / "clipper.toml").write_text(text)
    return home


def test_an_argument_beats_the_environment_beats_the_file_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = write(tmp_path, "")
    assert Settings.load(home).batch_size == 64
    write(home, "batch_size = 8")
    assert Settings.load(home).batch_size == 8
    monkeypatch.setenv("CLIPPER_BATCH_SIZE", "16")
    assert Settings.load(home).batch_size == 16
    assert Settings.load(home, batch_size=32).batch_size == 32


def test_an_argument_that_was_not_given_overrides_nothing(tmp_path: Path):
    assert Settings.load(write(tmp_path, "batch_size = 8"), batch_size=None).batch_size == 8


def test_an_empty_variable_is_one_that_was_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = write(tmp_path, 'images = "pictures"\nbatch_size = 8')
    monkeypatch.setenv("CLIPPER_IMAGES", "")
    monkeypatch.setenv("CLIPPER_BATCH_SIZE", "")
    settings = Settings.load(home)
    assert (settings.images, settings.batch_size) == ("pictures", 8)


def test_a_home_without_a_file_has_the_defaults(tmp_path: Path):
    settings = Settings.load(tmp_path)
    assert settings.images_location == str(tmp_path / "images")
    assert settings.model == DEFAULT_MODEL == "openai/clip-vit-base-patch32"


def test_the_default_model_is_pinned_to_a_commit_and_others_are_not(tmp_path: Path):
    assert len(DEFAULT_REVISION) == 40
    assert Settings.load(tmp_path).revision == DEFAULT_REVISION
    assert Settings.load(tmp_path, model="some/other").revision is None
    assert Settings.load(tmp_path, model_revision="v2").revision == "v2"


def test_a_bad_value_is_blamed_on_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = write(tmp_path, "batch_size = 8")
    with pytest.raises(SettingsError, match=r"^given for this run: batch_size = 0: "):
        Settings.load(home, batch_size=0)
    monkeypatch.setenv("CLIPPER_BATCH_SIZE", "-1")
    with pytest.raises(SettingsError, match=r"^CLIPPER_BATCH_SIZE: batch_size = '-1': "):
        Settings.load(home)
    monkeypatch.delenv("CLIPPER_BATCH_SIZE")
    write(tmp_path, "batch_size = -2")
    with pytest.raises(SettingsError, match=r"clipper\.toml: batch_size = -2: "):
        Settings.load(home)


def test_an_unknown_key_is_reported_with_file_and_key_and_what_is_known(tmp_path: Path):
    home = write(tmp_path, 'imagse = "pictures"')
    with pytest.raises(SettingsError, match="unknown setting 'imagse'; is 'images' meant") as raised:
        Settings.load(home)
    assert str(home / "clipper.toml") in str(raised.value)
    assert "images" in str(raised.value)
    assert "\n" not in str(raised.value)
    write(tmp_path, "")
    with pytest.raises(SettingsError, match=r"^given for this run: unknown setting 'nosuch'; known are"):
        Settings.load(home, nosuch=1)


@pytest.mark.parametrize(
    "line",
    [
        "batch_size = 0",
        'batch_size = "many"',
        "umap_min_dist = 2.0",
        "umap_n_neighbors = 1",
        'dtype = "int4"',
        "images = 3",
        "umap_seed = -1",
    ],
)
def test_a_value_out_of_range_is_reported_with_file_and_key(tmp_path: Path, line: str):
    home = write(tmp_path, line)
    with pytest.raises(SettingsError) as raised:
        Settings.load(home)
    message = str(raised.value)
    assert str(home / "clipper.toml") in message
    assert line.split(" = ", maxsplit=1)[0] in message
    assert "\n" not in message


def test_a_bad_value_from_the_environment_is_reported_by_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLIPPER_UMAP_N_NEIGHBORS", "few")
    with pytest.raises(SettingsError, match="CLIPPER_UMAP_N_NEIGHBORS"):
        Settings.load(tmp_path)


@pytest.mark.parametrize("data", [b"images = ", b"a = 1\na = 2", b'title = "caf\xe9"'])
def test_what_is_not_toml_is_reported_with_the_file(tmp_path: Path, data: bytes):
    (tmp_path / "clipper.toml").write_bytes(data)
    with pytest.raises(SettingsError, match=r"clipper\.toml is not valid TOML") as raised:
        Settings.load(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_the_images_of_the_file_are_relative_to_the_home_and_of_the_environment_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = write(tmp_path / "home", 'images = "../pictures"')
    assert Settings.load(home).images_location == str(tmp_path / "pictures")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("CLIPPER_IMAGES", "mine")
    assert Settings.load(home).images_location == str(tmp_path / "here" / "mine")


def test_a_url_stays_as_it_is(tmp_path: Path):
    assert Settings.load(tmp_path, images="s3://bucket/x").images_location == "s3://bucket/x"
    assert absolute_location("memory://x") == "memory://x"


def test_the_title_is_the_folder_that_says_something(tmp_path: Path):
    assert Settings.load(tmp_path, title="Mine").display_title == "Mine"
    assert Settings.load(tmp_path, images="/a/birds").display_title == "birds"
    assert Settings.load(tmp_path, images="/a/birds/images").display_title == "birds"
    assert Settings.load(tmp_path, images="s3://bucket/birds/").display_title == "birds"


def test_a_home_named_in_its_own_file_changes_nothing(tmp_path: Path):
    assert Settings.load(write(tmp_path, 'home = "/elsewhere"')).home == tmp_path


def test_a_home_is_found_here_or_hidden_here_or_in_data_or_hidden_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    deep = tmp_path / "photos" / "2024" / "may"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    above = write(tmp_path / "photos" / ".clipper", "")
    assert find_home() == above
    data = write(deep / "data", "")
    assert find_home() == data
    hidden = write(deep / ".clipper", "")
    assert find_home() == hidden
    write(deep, "")
    assert find_home() == deep
    monkeypatch.setenv("CLIPPER_HOME", str(tmp_path / "named"))
    assert find_home() == tmp_path / "named"


def test_without_any_home_the_error_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="clipper index FOLDER"):
        Settings.load()


def test_a_closed_folder_of_another_user_on_the_way_up_is_passed_over(tmp_path: Path):
    """Such as a `.clipper` of theirs above a folder that they share."""
    closed, shared = tmp_path / ".clipper", tmp_path / "shared"
    for folder in (closed, shared):
        folder.mkdir()
    (closed / CONFIG_NAME).write_text("")
    closed.chmod(0)
    code = """
import os, sys
from clipper.settings import Settings
os.chdir(sys.argv[1])
Settings.load(sys.argv[2] or None)
"""
    ran = run_as_plain_user(code, shared, "")
    assert "no atlas found from" in ran.stderr.splitlines()[-1]
    ran = run_as_plain_user(code, shared, closed)
    assert f"{closed / CONFIG_NAME} cannot be read: Permission denied" in ran.stderr.splitlines()[-1]
    closed.chmod(0o700)
