"""What `make release` built, and an environment that holds nothing but the wheel."""

import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"

sys.path.insert(0, str(ROOT / "tests" / "viewer"))  # `visitor`, which opens a page without a browser

Installed = Callable[..., subprocess.CompletedProcess[str]]


def built(pattern: str) -> Path:
    """The one file of a kind in dist/."""
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        pytest.fail(f"dist/ holds {len(found)} files {pattern}, not one: run `make release`")
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return built("*.whl")


@pytest.fixture(scope="session")
def sdist() -> Path:
    return built("*.tar.gz")


@pytest.fixture(scope="session")
def tracked() -> set[str]:
    """The files of the packages in the repository."""
    command = ["git", "ls-files", "-z", "clipper", "pipelines", "viewer"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name}


@pytest.fixture(scope="session")
def environment(wheel: Path) -> Iterator[Path]:
    """The folder of an environment with the wheel and what it requires, without any extra."""
    with tempfile.TemporaryDirectory() as folder:  # pytest would keep the gigabytes of three
        venv.create(folder, with_pip=True)
        pip_install(Path(folder), str(wheel))
        yield Path(folder)


def pip_install(environment: Path, requirement: str) -> None:
    """Install a requirement in an environment, with the versions that were tested together."""
    command = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--constraint", ROOT / "constraints.txt", requirement]
    subprocess.run(command, cwd=environment, env=outside(), check=True)


def outside() -> dict[str, str]:
    """This process's environment variables, without those that would lead into the repository."""
    leading = re.compile("PYTHON|CLIPPER_|DAGSTER_|VIRTUAL_ENV|COVERAGE_")
    return {name: value for name, value in os.environ.items() if not leading.match(name)}


@pytest.fixture(scope="session")
def installed(environment: Path) -> Installed:
    """Run a command of the environment, from a folder that is not the repository; fail where it fails."""

    def run(name: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [environment / "bin" / name, *arguments],
            cwd=environment, env=outside(), capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's home as the repository holds it: images, model and settings, and no store."""
    home = tmp_path_factory.mktemp("sample")
    archive = subprocess.run(["git", "archive", "HEAD", "data"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", home], input=archive.stdout, check=True)
    return home / "data"
