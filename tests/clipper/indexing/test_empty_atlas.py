"""An atlas whose images are all gone, on purpose, has no images; it opens, and images may come back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import images

import clipper
from clipper.atlas.report import describe, page
from clipper.doctor.repair import diagnose
from clipper.errors import ImagesError
from clipper.indexing import run
from clipper.indexing.staging.workspace import Step
from clipper.settings import Settings

Index = Callable[[Path], dict[str, Step]]


@pytest.fixture
def emptied(small_home: Path, tmp_path: Path, run_index: Index) -> Path:
    """A home whose images lie elsewhere now, and whose run was allowed to shrink."""
    run_index(small_home)
    shutil.copytree(small_home / "images", tmp_path / "kept")
    for path in images(small_home):
        path.unlink()
    version = clipper.published_version(small_home)
    with pytest.raises(ImagesError, match=r"no image files in .*--allow-shrink"):
        run_index(small_home)
    assert clipper.published_version(small_home) == version
    run.index(Settings.load(small_home, allow_shrink=True))
    return small_home


def test_an_atlas_may_shrink_to_nothing_and_says_so_wherever_it_is_read(emptied: Path):
    atlas = clipper.open(emptied)
    assert (len(atlas), atlas.info()["images"]) == (0, 0)
    assert len(atlas.search("cat")) == 0
    assert len(atlas.points) == 0
    engine = atlas._engine
    assert describe(engine)["images"] == 0
    assert "0 images" in page(engine)
    assert not engine.coverage(["cat"]).unsure.any()
    assert engine.classify(["cat", "dog"]) is not None
    assert diagnose(Settings.load(emptied)).before == []


def test_an_empty_atlas_stays_as_it_is_until_images_come_back(
    emptied: Path, tmp_path: Path, run_index: Index
):
    assert not run_index(emptied)["atlas"].counts["published"]
    shutil.copytree(tmp_path / "kept", emptied / "images", dirs_exist_ok=True)
    steps = run_index(emptied)
    assert steps["atlas"].counts["images"] == 24
    assert len(clipper.open(emptied).search("cat", k=5)) == 5


def test_a_folder_whose_files_are_all_unusable_may_shrink_to_nothing_too(small_home: Path, run_index: Index):
    run_index(small_home)
    for path in images(small_home):
        path.write_bytes(b"no image")
    with pytest.raises(ImagesError):
        run_index(small_home)
    steps = {step.name: step for step in run.index(Settings.load(small_home, allow_shrink=True))}
    assert (steps["atlas"].counts["images"], steps["atlas"].counts["failed"]) == (0, 24)


def test_a_first_run_over_no_images_is_refused_whatever_is_allowed(tmp_path: Path, model_folder: Path):
    (tmp_path / "home" / "images").mkdir(parents=True)
    (tmp_path / "home" / "clipper.toml").write_text(f'model = "{model_folder}"\n')
    for named, why in (
        ("images", r"no image files in .*images; is it the folder that is meant\?"),
        ("images/*.jpg", r"a pattern of archives \(.*\); of loose images name the folder"),
        ("set.zip", r"set\.zip does not exist"),
        ("zip://a::b.zip", "cannot be opened"),
    ):
        with pytest.raises(ImagesError, match=why):
            run.index(Settings.load(tmp_path / "home", images=named, allow_shrink=True))
