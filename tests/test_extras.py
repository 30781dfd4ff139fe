"""What works where only the core is installed, and what is said of the rest.

Each test runs in a process in which the packages of the extras cannot be imported, nor in any that it starts.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from clipper.errors import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
BLOCKED = {*EXTRAS["viewer"], *EXTRAS["pipeline"], "dagster_webserver", "distributed", "dask"}
PATIENCE = 1000  # seconds; the longest command indexes 24 images
# Python imports `sitecustomize` when it starts.
BLOCKER = f"""
from importlib.machinery import PathFinder

find_any = PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {sorted(BLOCKED)} else find_any(name, path, target)

PathFinder.find_spec = find_spec
"""
PYTHON_TOUR = """
import sys
from pathlib import Path

import clipper

home, image = map(Path, sys.argv[1:])
atlas = clipper.index(home=home, progress=False)
assert len(atlas.search("red heart", k=5)) == 5
assert len(atlas.search("-heart", image=image, k=5)) == 5
assert len(atlas.points) == atlas.info()["images"]
assert clipper.published_version(home) == atlas.info()["version"]
with clipper.open(home) as opened:
    first = opened.ids[0]
    assert len(opened.similar(first, k=3)) == 3
    assert opened.image(first).size
    assert opened.thumbnail(first).size
    opened.tags.add([first], "kept")
    assert opened.tags.of(first) == ["kept"]
    assert first in opened.metadata.index
    assert "<" in opened._repr_html_()
    try:
        opened.explore()
    except clipper.ClipperError as error:
        assert "pip install 'clipper[viewer]'" in str(error)
    else:
        raise AssertionError("the viewer's packages are not there")
"""


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(BLOCKER)
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(folder)},
        timeout=PATIENCE,
        check=False,
    )


def test_the_blocker_blocks(tmp_path: Path):
    for name in BLOCKED:
        assert "ModuleNotFoundError" in run(tmp_path, "-c", f"import {name}").stderr


@pytest.mark.slow
@pytest.mark.timeout(5 * PATIENCE)
def test_the_core_indexes_searches_and_repairs_without_the_extras(small_home: Path, tmp_path: Path):
    home = ("--home", str(small_home))
    image = min((small_home / "images").glob("*.jpg"))
    for arguments in (
        ("-m", "clipper.cli", "index", *home),
        ("-m", "clipper.cli", "search", "heart", "--where", '{"width": 160}', "--json", *home),
        ("-m", "clipper.cli", "info", *home),
        ("-c", PYTHON_TOUR, small_home, image),
        ("-m", "clipper.cli", "doctor", "--repair", "--json", *home),
    ):
        done = run(tmp_path, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    assert json.loads(done.stdout)["sound"]


def test_view_says_in_one_line_what_to_install(small_home: Path, tmp_path: Path):
    done = run(tmp_path, "-m", "clipper.cli", "view", "--home", str(small_home))
    assert done.returncode == 1
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'clipper[viewer]'" in done.stderr


@pytest.mark.parametrize(
    ("module", "extra"), [("viewer.app_hooks", "viewer"), ("pipelines.definitions", "pipeline")]
)
def test_the_other_packages_say_what_to_install(tmp_path: Path, module: str, extra: str):
    done = run(tmp_path, "-c", f"import {module}")
    assert f"MissingExtraError: the {extra} needs packages" in done.stderr.splitlines()[-1]
    assert f"pip install 'clipper[{extra}]'" in done.stderr


def test_every_direct_dependency_has_a_version_that_was_tested():
    """A package without one lets pip look through all its versions for those that fit the others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    declared = [*project["dependencies"]]
    for requirements in project["optional-dependencies"].values():
        declared += requirements
    wanted = [Requirement(line) for line in declared]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name != "clipper":
            assert name in pinned, f"{name} has no version in constraints.txt"
            assert requirement.specifier.contains(pinned[name]), name


def test_pyproject_declares_what_each_extra_is_checked_for():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in EXTRAS.items():
        declared = {re.split(r"[><=]", line)[0].replace("-", "_") for line in extras[extra]}
        assert set(modules) <= declared
