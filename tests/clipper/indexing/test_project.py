"""The step that makes the projection, on real homes: what it keeps, writes, warns of and lays out again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from homes import indexed
from PIL import Image

from clipper.atlas import Atlas
from clipper.indexing import checks, metadata, run, scan
from clipper.indexing import project as projecting
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings

Run = Callable[..., CompletedProcess[str]]
Places = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """A home of 60 images, indexed once; 30 more lie beside it."""
    home = tmp_path_factory.mktemp("projected") / "home"
    (home / "images").mkdir(parents=True)
    (home / "more").mkdir()
    for i, file in enumerate(sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::20][:90]):
        shutil.copy2(file, home / ("more" if i % 3 == 2 else "images"))
    return indexed(home, model_folder)


@pytest.fixture
def home(once_indexed: Path, tmp_path: Path) -> Path:
    """An indexed home that a test may change."""
    return Path(shutil.copytree(once_indexed, tmp_path / "home"))


def project(home: Path, **settings: object) -> Step:
    """Bring all up to date; what the projection's step says."""
    steps = {step.name: step for step in run.index(Settings.load(home, **settings))}
    return steps["umap_projection"]


def places(home: Path) -> Places:
    atlas = Atlas(Settings.load(home))
    try:
        return dict(zip(atlas.ids, map(tuple, atlas._engine.xy.tolist()), strict=True))
    finally:
        atlas.close()


def add(home: Path, count: int) -> list[str]:
    files = sorted((home / "more").iterdir())[:count]
    return [Path(file.rename(home / "images" / file.name)).name for file in files]


def state(home: Path) -> dict[str, object]:
    (path,) = (home / "store" / "projection").glob("*.json")
    return json.loads(path.read_text())["state"]


def test_the_frames_figures_are_in_counts_sidecar_and_info(home: Path, clipper_command: Run):
    add(home, 8)
    step = project(home)
    assert step.counts["placed_share"] == pytest.approx(8 / 68, abs=1e-4)
    assert step.counts["placed"] == 8
    assert step.counts["refitted"] is False
    assert 0 < step.counts["placed_preservation"] <= 1
    figures = state(home)["figures"]
    assert figures.items() <= step.counts.items()
    assert Atlas(Settings.load(home)).info()["frame"] == figures
    shown = clipper_command("info", "--home", str(home)).stdout
    assert f"placed_share {figures['placed_share']}" in shown


def test_past_a_threshold_the_map_is_laid_out_again_where_it_was(home: Path):
    before = places(home)
    new = add(home, 25)
    step = project(home)
    assert step.counts["refitted"] is True
    assert (step.counts["kept"], step.counts["placed"], step.counts["fitted"]) == (0, 0, 85)
    assert step.notes == []
    after = places(home)
    assert set(after) == set(before) | set(new)
    old, now = (np.array([positions[name] for name in before]) for positions in (before, after))
    assert not np.array_equal(old, now)
    moved = np.median(np.linalg.norm(now - old, axis=1))  # a small map, and half as many again came
    assert moved < 0.1 * np.ptp(old, axis=0).max()


@pytest.mark.slow
def test_never_only_warns_and_auto_makes_up_for_it_without_a_changed_image(home: Path, clipper_command: Run):
    before = places(home)
    add(home, 25)
    step = project(home, refit="never")
    assert places(home).items() >= before.items()
    assert step.counts["refitted"] is False
    assert len(step.notes) == 1
    assert "29% of the map was placed" in step.notes[0]
    assert 'refit = "auto"' in step.notes[0]
    finding = checks.map_quality(Workspace(Settings.load(home)))
    assert not finding.passed
    assert 'refit = "auto"' in finding.description
    assert finding.figures["placed_share"] == pytest.approx(25 / 85, abs=1e-4)
    output = clipper_command("index", "--home", str(home), CLIPPER_REFIT="never").stdout
    assert "note: 29% of the map was placed" in output
    assert project(home).counts["refitted"] is True  # put off under "never", wanted now
    assert checks.map_quality(Workspace(Settings.load(home))).passed
    version = Atlas(Settings.load(home)).version
    project(home)
    assert Atlas(Settings.load(home)).version == version


def test_always_lays_out_again_with_every_new_image_and_never_without_one(home: Path):
    add(home, 1)
    assert project(home, refit="always").counts["refitted"] is True
    version = Atlas(Settings.load(home)).version
    project(home, refit="always")
    assert Atlas(Settings.load(home)).version == version


def test_a_deleted_image_that_comes_back_finds_its_place(home: Path):
    before = places(home)
    away = sorted((home / "images").glob("*.jpg"))[:20]
    for path in away:
        path.rename(home / path.name)
    assert project(home).counts["images"] == 40
    assert len(places(home)) == 40
    (home / path.name).rename(path)
    assert project(home).counts["kept"] == 41
    for path in away[:-1]:
        (home / path.name).rename(path)
    step = project(home)
    assert (step.counts["kept"], step.counts["fitted"]) == (60, 60)
    assert places(home) == before


@pytest.mark.slow
def test_other_parameters_and_another_model_lay_the_map_out_turned_as_it_was(home: Path, model_folder: Path):
    before = places(home)
    step = project(home, umap_seed=7)
    assert (step.counts["refitted"], step.counts["kept"]) == (True, 0)
    other = Path(shutil.copytree(model_folder, home / "other"))
    config = json.loads((other / "preprocessor_config.json").read_text())
    (other / "preprocessor_config.json").write_text(json.dumps(config | {"image_mean": [0.5, 0.5, 0.5]}))
    for positions in (places(home), (project(home, model="other"), places(home))[1]):
        assert positions != before
        # The best turn from one map onto the other is none at all.
        old, now = (np.array([p[name] for name in sorted(before)]) for p in (before, positions))
        left, _, right = np.linalg.svd((now - now.mean(0)).T @ (old - old.mean(0)))
        before_this = left @ right
        assert np.allclose(before_this, np.eye(2), atol=1e-4)
        before = positions


def test_a_run_that_ended_before_it_published_is_taken_up_where_it_was(home: Path):
    before = places(home)
    first, second, third = add(home, 3)
    work = Workspace(Settings.load(home))
    scan.scan_images(work)
    run.embed_images(work)
    metadata.join_metadata(work)
    run.find_neighbours(work)
    projecting.project_images(work)  # and here it was killed
    (home / "images" / second).unlink()
    Image.new("RGB", (64, 64), "teal").save(home / "images" / "later.png")
    project(home)
    after = places(home)
    assert set(after) == {*before, first, third, "later.png"}
    assert after.items() >= before.items()


@pytest.mark.slow
def test_the_same_history_gives_the_same_bytes(home: Path, tmp_path: Path):
    other = Path(shutil.copytree(home, tmp_path / "other"))
    written = []
    for one in (home, other):
        add(one, 5)
        project(one)
        sorted((one / "images").iterdir())[3].unlink()
        project(one)
        add(one, 20)
        assert project(one).counts["refitted"] is True
        (path,) = (one / "store" / "projection").glob("*.parquet")
        written.append((path.name, path.read_bytes()))
    assert written[0] == written[1]


PROJECT = """
import sys
from clipper.indexing.project import project_images
from clipper.settings import Settings
from clipper.indexing.staging.workspace import Workspace
print(project_images(Workspace(Settings.load(sys.argv[1]))).version)
"""


@pytest.mark.slow
def test_the_samples_map_has_the_same_bytes_on_any_number_of_threads(
    sample_copy: Path, python: Run, tmp_path: Path
):
    shutil.rmtree(sample_copy / "store" / "projection")
    other = Path(shutil.copytree(sample_copy, tmp_path / "other", symlinks=True))
    made = []
    for one, threads in ((sample_copy, "1"), (other, "2")):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        result = python(PROJECT, str(one), **dict.fromkeys(names, threads))
        assert result.returncode == 0, result.stderr
        (path,) = (one / "store" / "projection").glob("*.parquet")
        made.append(path.read_bytes())
    assert made[0] == made[1]


ONE_MORE = """
import sys
from clipper.indexing import neighbours, project
from clipper.settings import Settings
from clipper.indexing.staging.workspace import Workspace
work = Workspace(Settings.load(sys.argv[1]))
neighbours.find_neighbours(work)
step = project.project_images(work)
print(step.counts["placed"], *[name for name in ("umap", "numba", "pynndescent") if name in sys.modules])
"""


def test_an_added_image_waits_for_no_compiler(home: Path, python: Run):
    add(home, 1)
    work = Workspace(Settings.load(home))
    scan.scan_images(work)
    run.embed_images(work)
    result = python(ONE_MORE, str(home))
    assert result.stdout.strip() == "1", result.stderr
