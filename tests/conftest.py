"""Fixtures every test may use: the sample, indexed once a session, and small homes of generated images."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from safetensors.numpy import load_file, save_file

from clipper.indexing import run
from clipper.settings import CONFIG_NAME, Settings

# How long a case takes says more of the machine that runs the tests than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

DATA = Path(__file__).resolve().parents[1] / "data"
MODEL = DATA / "models" / "clip-emoji"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files of tests that are for Linux as a whole: elsewhere they may not be importable."""
    if sys.platform == "linux" or collection_path.suffix != ".py":
        return None
    mark = collection_path.read_text("utf-8").partition("\npytestmark = ")[2].partition("\n")[0]
    return True if "mark.linux" in mark else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time before they count as hanging, and skip what needs Linux on other systems."""
    for item in items:
        if item.get_closest_marker("linux") and sys.platform != "linux":
            item.add_marker(pytest.mark.skip(reason="needs Linux"))
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside(request: pytest.FixtureRequest) -> Iterator[None]:
    """No setting of this machine counts, and vectors of words are kept beside pytest's own cache."""
    cache = request.config.cache
    assert cache is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache.mkdir("clipper")))
        for name in [name for name in os.environ if name.startswith("CLIPPER_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory, _no_settings_from_outside: None) -> Path:
    """A home with the whole sample, indexed. Not to be written to: `sample_copy` is.

    Only one of the session's workers indexes the sample; each has a copy that no other opens.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    indexed = shared / "indexed-sample"
    with FileLock(shared / "indexed-sample.lock"):
        if not indexed.exists():
            _index_sample(tmp_path_factory.mktemp("sample")).rename(indexed)
    return Path(shutil.copytree(indexed, tmp_path_factory.mktemp("sample") / "data", symlinks=True))


def _index_sample(folder: Path) -> Path:
    home = folder / "data"
    home.mkdir()
    (home / CONFIG_NAME).write_text((DATA / CONFIG_NAME).read_text())
    (home / "models").symlink_to(DATA / "models")
    shutil.copytree(DATA / "images", home / "images")
    run.index(Settings.load(home))
    return home


@pytest.fixture
def sample_copy(sample_home: Path, tmp_path: Path) -> Path:
    """A copy of the indexed sample that a test may change."""
    return Path(shutil.copytree(sample_home, tmp_path / "copy", symlinks=True))


@pytest.fixture
def small_home(tmp_path: Path) -> Path:
    """A home of 24 of the sample's images, not indexed yet."""
    return make_home(tmp_path / "small", 24)


@pytest.fixture(scope="session")
def once_indexed(tmp_path_factory: pytest.TempPathFactory, _no_settings_from_outside: None) -> Path:
    """What `small_home` is, indexed once: its copies save each test the first run."""
    home = make_home(tmp_path_factory.mktemp("indexed") / "home", 24)
    run.index(Settings.load(home))
    return home


@pytest.fixture
def indexed_home(once_indexed: Path, tmp_path: Path) -> Path:
    """An indexed home that a test may change."""
    return Path(shutil.copytree(once_indexed, tmp_path / "indexed"))


@pytest.fixture(scope="session")
def home_at() -> Callable[[Path, int], Path]:
    """Makes a home at a path, of so many of the sample's images, not indexed yet."""
    return make_home


@pytest.fixture
def home_of(tmp_path: Path) -> Callable[[str, int], Path]:
    """Makes a home of a name and so many of the sample's images, not indexed yet."""
    return lambda name, count: make_home(tmp_path / name, count)


@pytest.fixture(scope="session")
def two_models(once_indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `once_indexed` is, with a second model, "other": the sample's with another projection."""
    home = Path(shutil.copytree(once_indexed, tmp_path_factory.mktemp("models") / "home"))
    shutil.copytree(MODEL, home / "other")
    path = next((home / "other").glob("model*.safetensors"))
    weights, rng = load_file(path), np.random.default_rng(0)
    name = next(name for name in weights if name.startswith("visual_projection"))
    noise = rng.standard_normal(weights[name].shape) * weights[name].std()
    weights[name] = (weights[name] + noise).astype(weights[name].dtype)
    save_file(weights, path, metadata={"format": "pt"})
    write_models(home, MODEL, "other")
    run.index(Settings.load(home))
    return home


@pytest.fixture
def name_models() -> Callable[..., None]:
    """Names the models of a home in its clipper.toml."""
    return write_models


def write_models(home: Path, *names: object) -> None:
    listed = json.dumps([str(name) for name in names])
    (home / CONFIG_NAME).write_text(f'images = "images"\nmodel = {listed}\n')


@pytest.fixture
def run_index() -> Callable[[Path], dict[str, run.Step]]:
    """Index a home; its steps by name."""
    return lambda home: {step.name: step for step in run.index(Settings.load(home))}


def make_home(home: Path, count: int) -> Path:
    """A home with every so-many-th image of the sample and the sample's model."""
    (home / "images").mkdir(parents=True)
    files = sorted((DATA / "images").glob("*.jpg"))
    for file in files[:: len(files) // count][:count]:
        shutil.copy2(file, home / "images")
    (home / CONFIG_NAME).write_text(f'images = "images"\nmodel = "{MODEL}"\n')
    return home
