"""A model is its fingerprint, and where it lies is a setting: a folder that moved costs nothing."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import indexed, written

import clipper
from clipper.errors import ModelError
from clipper.indexing.staging.workspace import Step
from clipper.models import source
from clipper.settings import Settings

Index = Callable[[Path], dict[str, Step]]


@pytest.fixture
def model(tmp_path: Path, model_folder: Path) -> Path:
    """A copy of the sample's model, which a test may move."""
    return Path(shutil.copytree(model_folder, tmp_path / "models" / "first"))


@pytest.fixture
def home(small_home: Path, model: Path) -> Path:
    """A home of 24 images, indexed with that copy."""
    return indexed(small_home, model)


def name_model(home: Path, model: object) -> None:
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = "{model}"\n')


def found(home: Path) -> list[str]:
    atlas = clipper.open(home)
    ids: list[str] = atlas.search("red heart", k=5)["id"].tolist()
    atlas.close()
    return ids


@pytest.mark.parametrize("name", ["elsewhere/first", "models/another name"])
def test_a_model_that_moved_is_used_where_the_setting_names_it_and_nothing_is_embedded(
    home: Path, model: Path, tmp_path: Path, name: str, run_index: Index
):
    before, version = found(home), clipper.published_version(home)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    model.rename(tmp_path / name)
    with pytest.raises(ModelError) as lost:
        found(home)
    assert str(model) in str(lost.value)
    assert f"Set `model` in {home / 'clipper.toml'} to where it lies now" in str(lost.value)

    name_model(home, tmp_path / name)
    assert found(home) == before
    steps = run_index(home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert (steps["atlas"].counts["published"], steps["atlas"].replaced) == (False, [])
    assert f"is {tmp_path / name} now" in steps["clip_embeddings"].notes[0]
    assert clipper.published_version(home) == version
    assert found(home) == before
    assert clipper.open(home).info()["model"] == str(tmp_path / name)
    files = written(home)
    assert run_index(home)["clip_embeddings"].notes == []
    assert written(home) == files


def test_an_open_atlas_finds_the_model_as_soon_as_the_setting_names_it(
    home: Path, model: Path, tmp_path: Path
):
    atlas = clipper.open(home)
    model.rename(tmp_path / "moved")
    with pytest.raises(ModelError):
        atlas.search("red heart")
    name_model(home, tmp_path / "moved")
    assert len(atlas.search("red heart", k=5)) == 5


def test_an_error_names_where_the_model_was_and_where_the_setting_looks(
    home: Path, model: Path, tmp_path: Path
):
    model.rename(tmp_path / "moved")
    name_model(home, tmp_path / "nowhere")
    with pytest.raises(ModelError) as lost:
        found(home)
    assert str(model) in str(lost.value)
    assert str(tmp_path / "nowhere") in str(lost.value)


def test_another_model_in_the_old_place_is_not_used_and_the_setting_finds_the_right_one(
    home: Path, model: Path, tmp_path: Path
):
    before = found(home)
    shutil.copytree(model, tmp_path / "kept")
    change(model)
    with pytest.raises(ModelError, match="is not the model this atlas was made with"):
        found(home)
    name_model(home, tmp_path / "kept")
    assert found(home) == before


def change(model: Path) -> None:
    path = model / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.1, 0.2, 0.3]}))


def test_a_model_whose_files_changed_in_place_embeds_all_again_and_the_run_says_so(
    home: Path, model: Path, run_index: Index
):
    change(model)
    steps = run_index(home)
    assert steps["clip_embeddings"].counts["new"] == steps["atlas"].counts["images"]
    assert f"the files of the model {model} changed" in steps["clip_embeddings"].notes[0]
    assert "model" in steps["atlas"].replaced
    assert len(found(home)) == 5
    assert run_index(home)["clip_embeddings"].notes == []


def test_a_setting_that_names_another_model_leaves_the_published_one_searchable_until_the_next_run(
    home: Path, model: Path, tmp_path: Path, run_index: Index
):
    before = found(home)
    change(Path(shutil.copytree(model, tmp_path / "other")))
    name_model(home, tmp_path / "other")
    assert found(home) == before
    assert run_index(home)["clip_embeddings"].counts["new"] > 0
    name_model(home, model)
    assert run_index(home)["clip_embeddings"].counts["new"] == 0


def test_a_copied_home_finds_a_model_within_it_without_the_first(
    small_home: Path, model_folder: Path, tmp_path: Path, run_index: Index
):
    shutil.copytree(model_folder, small_home / "clip")
    before = found(indexed(small_home, Path("clip")))
    copy = Path(shutil.copytree(small_home, tmp_path / "copy"))
    shutil.rmtree(small_home)
    assert found(copy) == before
    assert run_index(copy)["clip_embeddings"].counts["new"] == 0


def test_a_model_of_the_hub_that_becomes_a_folder_of_the_same_files_is_the_same_model(
    small_home: Path, model: Path, tmp_path: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    cache = tmp_path / "hub" / "models--someone--clip"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0" * 40)
    shutil.copytree(model, cache / "snapshots" / ("0" * 40))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    before = found(indexed(small_home, Path("someone/clip")))
    shutil.rmtree(cache)
    name_model(small_home, model)
    assert found(small_home) == before
    assert run_index(small_home)["clip_embeddings"].counts["new"] == 0


def test_a_model_within_its_home_is_noted_relative_to_it(
    small_home: Path, tmp_path: Path, model_folder: Path
):
    home = tmp_path / "home"
    shutil.copytree(model_folder, home / "clip")
    clipper.index(small_home / "images", home=home, model=str(home / "clip"), progress=False)
    assert 'model = "clip"' in (home / "clipper.toml").read_text()


def test_vectors_of_an_earlier_name_serve_though_the_store_names_them_by_it(
    home: Path, model: Path, run_index: Index
):
    vectors = next((home / "store" / "embeddings").iterdir())
    assert vectors.name.startswith("first-")
    for lost in ("current.json", "staged.json"):
        (home / "store" / lost).unlink()
    name_model(home, model.rename(model.parent / "second"))
    assert run_index(home)["clip_embeddings"].counts["new"] == 0
    assert list((home / "store" / "embeddings").iterdir()) == [vectors]


def test_a_fingerprint_is_read_once_and_again_after_any_change(model: Path, monkeypatch: pytest.MonkeyPatch):
    settings = Settings(home=model.parent, model=str(model))
    weights = model / "model.safetensors"
    monkeypatch.setattr("clipper.models.fingerprint.RACY_NS", -(10**18))  # as if long ago
    first = source.find(settings).fingerprint
    with monkeypatch.context() as patch:
        patch.setattr("clipper.models.fingerprint.blake2b", None)
        assert source.find(settings).fingerprint == first
    seen = weights.stat()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    os.utime(weights, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert source.find(settings).fingerprint != first
