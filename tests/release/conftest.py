"""What `make release` built, and an environment that holds nothing but the wheel and what it requires."""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(
    0, str(Path(__file__).parents[1] / "viewer")
)  # `visitor`, which opens a page without a browser

from installation import ROOT, Installation


def built(pattern: str) -> Path:
    """The one file of a kind in dist/."""
    found = sorted((ROOT / "dist").glob(pattern))
    if len(found) != 1:
        pytest.fail(f"dist/ holds {len(found)} files {pattern} instead of one: run `make release`")
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return built("*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return built("*.tar.gz")


@pytest.fixture(scope="session")
def tracked() -> set[str]:
    """The files of the packages in the repository, without those that only a type checker reads."""
    command = ["git", "ls-files", "-z", "clipper", "pipelines", "viewer"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and not name.endswith(".d.ts")}


@pytest.fixture(scope="session")
def installation(wheel: Path) -> Iterator[Installation]:
    """The wheel in an environment without any extra."""
    with tempfile.TemporaryDirectory() as folder:  # two gigabytes; pytest would keep those of three runs
        venv.create(folder, with_pip=True)
        made = Installation(Path(folder))
        made.install(wheel)
        yield made


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's home as the repository holds it: images, model and settings, and no store."""
    folder = tmp_path_factory.mktemp("sample")
    archive = subprocess.run(["git", "archive", "HEAD", "data"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder / "data"
