"""Machine code that compares pictures: it is kept, and follows its source."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import clipper

Run = Callable[..., CompletedProcess[str]]
COMPARE = """
import numpy as np
from clipper.insight.doubles.picture_match import compare

waves = np.sin(np.arange(3 * 32 * 32) / 40) * 90 + 128
noisy = waves + np.random.default_rng(0).normal(0, 6, waves.shape)
pair = np.stack([waves, noisy]).clip(0, 255).astype(np.uint8)
whole = np.array([[1, 1, 0, 0]], np.float32)
found = compare(pair, np.array([0]), np.array([1]), np.array([False]), whole)
print(found.similarities.tolist())
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, whose source may be changed."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(Path(clipper.__file__).parent, tmp_path / "copy" / "clipper", ignore=ignored))


@pytest.mark.reliability
def test_another_source_of_an_inner_loop_is_not_answered_by_machine_code_of_the_one_before(
    copy: Path, tmp_path: Path, python: Run
) -> None:
    def compared() -> str:
        place = {"PYTHONPATH": str(copy.parent), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        result = python(COMPARE, cwd=copy.parent, **place)
        assert result.returncode == 0, result.stderr
        return result.stdout

    before = compared()
    assert compared() == before
    loops = copy / "insight" / "doubles" / "difference_kernels.py"
    strict = loops.read_text().replace("_WHOLE_LIMIT = 0.22", "_WHOLE_LIMIT = 0.0022")
    assert strict != loops.read_text()
    loops.write_text(strict)
    assert compared() != before


@pytest.mark.slow
def test_pictures_are_compared_where_no_machine_code_can_be_kept(copy: Path, python: Run) -> None:
    (copy / "insight" / "doubles" / "__pycache__").write_text("in the way of a folder")
    nowhere = {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none"}
    result = python(COMPARE, cwd=copy.parent, PYTHONPATH=str(copy.parent), **nowhere)
    assert (result.returncode, result.stdout != "") == (0, True), result.stderr
    assert [path.name for path in copy.rglob("*.nbi")] == []
