"""A user without a folder to write to has caches too, and nobody else's code is run from them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_user import run_as_plain_user

from clipper import caches

COMPILED = """
import numba

@numba.njit("int64(int64)", cache=True)
def twice(number):
    return 2 * number
"""
CALL = "import sys; sys.path.insert(0, sys.argv[1]); import clipper, compiled; print(compiled.twice(21))"


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(caches.NUMBA_VARIABLE, raising=False)
    caches._temporary_folder.cache_clear()
    yield
    caches._temporary_folder.cache_clear()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who has no folder of their own, as in a container that starts as any user."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    (tmp_path / "file").write_text("")


def test_numba_compiles_for_a_user_who_can_write_neither_the_environment_nor_a_home(tmp_path: Path):
    installed, home = tmp_path / "installed", tmp_path / "home"
    for folder in (installed, home):
        folder.mkdir()
    (installed / "compiled.py").write_text(COMPILED)
    for folder in (installed, home):
        folder.chmod(0o555)
    nowhere = {"HOME": str(home), "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path), "NUMBA_CACHE_DIR": ""}
    for _ in range(2):  # the second time from the cache
        ran = run_as_plain_user(CALL, installed, environment=nowhere)
        assert ran.stdout.strip() == "42", ran.stderr
    kept = [path for path in tmp_path.rglob("*.nbi") if "numba" in path.parts]
    assert len(kept) == 1


@pytest.mark.usefixtures("no_home")
def test_the_temporary_folder_of_a_user_is_theirs_alone_and_the_same_each_time(temporary: Path):
    caches.prepare_numba()
    named = Path(os.environ[caches.NUMBA_VARIABLE])
    assert named.parent.parent == temporary
    assert named.parent.stat().st_mode & 0o777 == 0o700
    del os.environ[caches.NUMBA_VARIABLE]
    caches._temporary_folder.cache_clear()
    caches.prepare_numba()
    assert Path(os.environ[caches.NUMBA_VARIABLE]) == named
    assert caches.cache_folder("clipper/words") == named.parent / "clipper" / "words"


@pytest.mark.linux
@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("planted", ["open", "link", "file"])
def test_a_folder_that_others_could_fill_is_not_used(temporary: Path, planted: str):
    own = temporary / f"clipper-{os.getuid()}"
    if planted == "open":
        own.mkdir()
        own.chmod(0o777)
    elif planted == "link":
        (temporary / "theirs").mkdir(mode=0o700)
        own.symlink_to(temporary / "theirs")
    else:
        own.write_text("")
    folder = caches.cache_folder("words")
    assert folder is not None
    assert folder.parent != own
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_who_has_a_cache_folder_keeps_it(temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches.prepare_numba()
    assert caches.NUMBA_VARIABLE not in os.environ
    assert caches.cache_folder("words") == tmp_path / "cache" / "words"
    assert not [*temporary.iterdir()]


@pytest.mark.usefixtures("temporary", "no_home")
def test_a_folder_that_somebody_named_for_numba_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(caches.NUMBA_VARIABLE, "/named")
    caches.prepare_numba()
    assert os.environ[caches.NUMBA_VARIABLE] == "/named"


def test_what_a_run_with_sudo_left_in_the_cache_does_not_stop_its_user(tmp_path: Path):
    """Its folders are root's; numba would refuse the functions that it cannot cache there."""
    left = tmp_path / "cache" / "numba" / "umap_1"
    left.mkdir(parents=True)
    left.chmod(0o555)
    ran = run_as_plain_user(
        "import os, clipper; print(os.environ['NUMBA_CACHE_DIR'])",
        environment={"XDG_CACHE_HOME": str(left.parents[1]), "TMPDIR": str(tmp_path), "NUMBA_CACHE_DIR": ""},
    )
    assert ran.stdout.startswith(str(tmp_path / "clipper-")), ran.stderr
