"""A release as its user meets it: the wheel in an empty environment, away from the repository.

`make release` builds what is tested here and runs these tests in this order.
"""

import asyncio
import json
import re
import signal
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from installation import Installation, outside
from panel_server import fetch
from visitor import Visitor

import clipper
import viewer.app  # noqa: F401 - makes all components known, of which the script consists
from clipper.errors import EXTRAS
from viewer.components.base import module

pytestmark = [pytest.mark.release, pytest.mark.timeout(0)]  # each command has its own limit


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path, tracked: set[str]) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == tracked


def test_the_sdist_holds_the_packages_and_neither_caches_nor_data(sdist: Path, tracked: set[str]) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    others = {name for name in names - tracked if ".egg-info/" not in name}
    assert tracked <= names
    assert others == {
        "CHANGELOG.md",
        "LICENSE",
        "MANIFEST.in",
        "PKG-INFO",
        "README.md",
        "constraints.txt",
        "pyproject.toml",
        "setup.cfg",
    }


def test_every_file_bears_the_version(wheel: Path, sdist: Path, installation: Installation) -> None:
    assert wheel.name.startswith(f"clipper-{clipper.__version__}-")
    assert sdist.name == f"clipper-{clipper.__version__}.tar.gz"
    code = "import importlib.metadata as m, clipper; print(clipper.__version__, m.version('clipper'))"
    assert installation.run("python", "-c", code).stdout.split() == [clipper.__version__] * 2


def test_the_core_brings_neither_the_viewer_nor_the_pipeline(installation: Installation) -> None:
    listed = json.loads(installation.run("python", "-m", "pip", "list", "--format", "json").stdout)
    names = {package["name"].replace("-", "_") for package in listed}
    assert "chromadb" in names
    assert not names & {*EXTRAS["viewer"], *EXTRAS["pipeline"], "distributed", "pytest"}


def test_the_command_indexes_and_searches_the_sample(sample: Path, installation: Installation) -> None:
    installation.run("clipper", "index", "--home", sample)
    found = json.loads(installation.run("clipper", "search", "red heart", "--json", "--home", sample).stdout)
    assert "red-heart" in [hit["id"].removesuffix(".jpg") for hit in found["hits"][:5]]
    info = json.loads(installation.run("clipper", "info", "--json", "--home", sample).stdout)
    assert info["images"] == 1870


def test_python_searches_the_sample(sample: Path, installation: Installation) -> None:
    code = f"import clipper; print(len(clipper.open({str(sample)!r}).search('cat', k=7)))"
    assert installation.run("python", "-c", code).stdout.split() == ["7"]


def test_view_names_the_command_that_installs_what_it_lacks(sample: Path, installation: Installation) -> None:
    refused = installation.run("clipper", "view", "--home", sample, "--port", "0", check=False)
    assert refused.returncode == 1
    assert "pip install 'clipper[viewer]'" in refused.stderr


@pytest.fixture(scope="module")
def address(installation: Installation, sample: Path) -> Iterator[str]:
    """The address that `clipper view` prints once its extra is installed."""
    installation.install("clipper[viewer]")
    command = installation.command("clipper", "view", "--home", sample, "--port", "0")
    process = subprocess.Popen(
        command, cwd=installation.folder, env=outside(), stdout=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        _await(found, process)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_the_viewer_starts_and_answers_with_all_its_files(address: str) -> None:
    visitor = asyncio.run(_visit(address))
    assert visitor.figure
    assert not visitor.errors
    page = fetch(f"{address}/viewer")[2].decode()
    status, _, script = fetch(f"{address}/viewer/{module().address.removeprefix('./viewer/')}")
    assert (status, script.decode()) == (200, module().text)
    linked = {*re.findall(r'(?:src|href)="([^"#:]+)"', page)}
    assert linked
    for path in linked:
        assert fetch(urljoin(f"{address}/viewer", path))[0] == 200, path


def _await(address: str, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None:
        try:
            fetch(f"{address}/liveness")
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the viewer ended before it answered")


async def _visit(address: str) -> Visitor:
    visitor = await Visitor.come(address)
    await visitor.leave()
    return visitor
