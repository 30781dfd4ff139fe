"""Fixtures of the core's tests: folders of made images, and commands run as a person runs them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from homes import engine_of
from maps import base_of, first

from clipper import cli
from clipper.atlas import Atlas
from clipper.atlas.engine import SearchEngine
from clipper.projection.update import EarlierMap
from clipper.settings import Settings

MODEL = Path(__file__).resolve().parents[2] / "data" / "models" / "clip-emoji"

Run = Callable[..., subprocess.CompletedProcess[str]]
InProcess = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The sample's model."""
    return MODEL


@pytest.fixture(scope="session")
def sample_atlas(sample_home: Path) -> Iterator[Atlas]:
    """The indexed sample, open for reading."""
    atlas = Atlas(Settings.load(sample_home))
    yield atlas
    atlas.close()


@pytest.fixture(scope="session")
def sample_engine(sample_home: Path) -> Iterator[SearchEngine]:
    """The indexed sample, for reading by rows."""
    engine = engine_of(sample_home)
    yield engine
    engine.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for images."""
    made = tmp_path / "pictures"
    made.mkdir()
    return made


@pytest.fixture
def memory_folder() -> Iterator[str]:
    """An empty fsspec folder in memory."""
    files = fsspec.filesystem("memory")
    files.makedirs("/pictures", exist_ok=True)
    yield "memory://pictures"
    files.rm("/pictures", recursive=True)


@pytest.fixture
def clipper_command() -> Run:
    """Run `clipper ...` in a process of its own; keywords become environment variables."""

    def run(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return _python("-m", "clipper.cli", *words, cwd=cwd, **environment)

    return run


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Run `clipper ...` in this process, through its entry point: exit code, output, errors."""

    def run(*words: object, cwd: Path | None = None) -> tuple[int, str, str]:
        if cwd:
            monkeypatch.chdir(cwd)
        monkeypatch.setattr("sys.argv", ["clipper", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def python() -> Run:
    """Run a piece of Python in a process of its own."""
    return lambda code, *words, **more: _python("-c", code, *words, **more)


def _python(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLIPPER_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=600,  # the limit of a test ends it before, if it hangs
        check=False,
    )


@pytest.fixture
def unit_vectors() -> Callable[..., np.ndarray]:
    """(n, d) float32 rows of length 1, in so many groups."""

    def make(n: int, *, d: int = 32, groups: int = 8, spread: float = 0.3, seed: int = 0) -> np.ndarray:
        random = np.random.default_rng(seed)
        centres = random.normal(size=(groups, d))
        vectors = centres[random.integers(0, groups, n)] + spread * random.normal(size=(n, d))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """(900, 32) vectors in eight groups, and after them 200 of a kind unlike all of these."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, 32)) * ([1.0] * 16 + [0.0] * 16)
    known = centres[random.integers(0, 8, 900)] + 0.3 * random.normal(size=(900, 32))
    axes = random.normal(size=(3, 32)) * 0.4
    centre = random.normal(size=32) * 1.5 * ([0.0] * 16 + [1.0] * 16)
    kind = centre + random.normal(size=(200, 3)) @ axes + 0.05 * random.normal(size=(200, 32))
    vectors = np.vstack([known, kind])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def known(crowd: np.ndarray) -> EarlierMap:
    """The map of the crowd before the new kind came."""
    return base_of(crowd, first(900, of=1_100))
