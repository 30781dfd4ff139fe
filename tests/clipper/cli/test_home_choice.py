"""Which home a command uses, and what it notes in it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from clipper.settings import Settings

InProcess = Callable[..., tuple[int, str, str]]


def test_a_bare_folder_gets_a_home_within_it_that_is_never_indexed(
    command: InProcess, photos: Path, model_folder: Path
):
    code, out, err = command("index", photos, "--model", model_folder)
    assert (code, err) == (0, "")
    home = photos / ".clipper"
    assert f"clipper view --home '{home}'" in out
    assert "9 images on the map, 0 skipped; 9 added; 9 embedded" in out
    Image.new("RGB", (9, 9), "red").save(home / "picture.png")
    code, out, _ = command("index", photos)
    assert (code, "nothing changed; 0 embedded" in out) == (0, True)
    assert Settings.load(home).images_location == str(photos)
    _, out, _ = command("info", "--json", "--home", home)
    assert json.loads(out)["images"] == 9
    code, out, _ = command("search", "cat", "-k", "3", cwd=photos / "trip" / "day one")
    assert (code, len(out.splitlines())) == (0, 3)
    assert str(photos) in out


def test_a_model_is_noted_once_it_is_known_to_be_one(command: InProcess, photos: Path, model_folder: Path):
    code, _, err = command("index", photos, "--model", photos)  # a folder, but of images
    assert code == 1
    assert str(photos) in err
    assert not (photos / ".clipper").exists()
    assert command("index", photos, "--model", model_folder)[0] == 0
    assert command("index", photos)[0] == 0


def test_a_run_that_comes_to_nothing_leaves_no_home_that_would_be_found(command: InProcess, photos: Path):
    code, _, err = command("index", photos, "--model", "/no/such/model")
    assert (code, "/no/such/model" in err) == (1, True)
    assert not (photos / ".clipper").exists()
    code, _, err = command("index", "")
    assert (code, "name is empty" in err) == (1, True)


def test_a_folders_own_home_is_found_wherever_it_is(
    command: InProcess, photos: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CLIPPER_HOME", str(tmp_path / "of the environment"))
    assert command("index", photos, "--model", model_folder)[0] == 0
    assert not (photos / ".clipper").exists()
    assert len(command("search", "cat", "-k", "2")[1].splitlines()) == 2
    monkeypatch.delenv("CLIPPER_HOME")
    code, out, _ = command("index", photos, cwd=tmp_path / "of the environment")
    assert (code, "nothing changed" in out) == (0, True)
    assert not (photos / ".clipper").exists()
    code, _, err = command("index", tmp_path / "of the environment")
    assert (code, "is an atlas's home" in err) == (1, True)


def test_the_images_folder_stands_for_the_home_within_it(
    command: InProcess, photos: Path, model_folder: Path
):
    command("index", photos, "--model", model_folder)
    assert json.loads(command("info", "--json", "--home", photos)[1])["home"] == str(photos / ".clipper")


def test_the_folder_that_is_named_beats_the_one_of_the_environment(
    command: InProcess, photos: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("CLIPPER_IMAGES", str(tmp_path / "other"))
    for _ in range(2):
        code, out, err = command("index", photos, "--model", model_folder)
        assert (code, err) == (0, "")
        assert "9 images" in out


def test_a_home_is_not_given_another_folder_by_accident(
    command: InProcess, photos: Path, tmp_path: Path, model_folder: Path
):
    home = tmp_path / "home"
    assert command("index", photos, "--home", home, "--model", model_folder)[0] == 0
    (tmp_path / "other").mkdir()
    code, _, err = command("index", tmp_path / "other", "--home", home)
    assert code == 1
    assert f"belongs to the images in {photos}" in err


def test_an_empty_folder_is_an_error_and_the_index_of_nothing_is_not_made(
    command: InProcess, folder: Path, model_folder: Path
):
    code, _, err = command("index", folder, "--model", model_folder)
    assert code == 1
    assert "no image files" in err
    assert command("info", "--home", folder / ".clipper")[0] == 1


def test_the_first_model_named_is_the_one_of_later_runs(command: InProcess, photos: Path, model_folder: Path):
    config = photos / ".clipper" / "clipper.toml"
    config.parent.mkdir()
    config.write_text('images = ".."')  # as left by a first run that could not fetch the default model
    assert command("index", photos, "--model", model_folder)[0] == 0
    assert command("index", photos)[0] == 0
    assert config.read_text().splitlines() == ['images = ".."', f'model = "{model_folder}"']
