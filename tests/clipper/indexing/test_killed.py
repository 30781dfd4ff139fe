"""A run that is killed at whatever moment loses nothing, and the next one ends as if nothing had happened."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import faults
import pytest

pytestmark = pytest.mark.linux  # kills by a signal

IMAGES, RANDOM_KILLS = 24, 50

# Of the moments that a run over changed images comes by; the slow tests take all of them.
FEW = ("after embeddings shard 1", "within the copying of the collection 3", "after current.json 1")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """A home before its first run, after it with images changed, and what the clean second run gives."""
    folder = tmp_path_factory.mktemp("killed")
    faults.begin(folder / "new", IMAGES)
    home = Path(shutil.copytree(folder / "new", folder / "indexed"))
    first = faults.moments(home)
    before = faults.state(home)
    faults.change(home)
    changed = Path(shutil.copytree(home, folder / "changed"))
    second = faults.moments(home)
    return {
        "new": folder / "new", "first": before, "moments of the first": first,
        "changed": changed, "second": faults.state(home), "moments of the second": second,
    }  # fmt: skip


def copy(world: dict[str, object], name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world[name], tmp_path / "home"))


@pytest.mark.slow
@pytest.mark.parametrize("moment", FEW)
def test_a_run_killed_at_a_named_moment_loses_nothing(world: dict, tmp_path: Path, moment: str):
    home = copy(world, "changed", tmp_path)
    assert faults.kill_at(home, moment)
    assert faults.losses(home, before=world["first"], after=world["second"]) == []


@pytest.mark.slow
def test_a_killed_first_run_publishes_nothing_or_all(world: dict, tmp_path: Path):
    home = copy(world, "new", tmp_path)
    assert faults.kill_at(home, "after collection folder 1")
    assert faults.losses(home, before=None, after=world["first"]) == []


@pytest.mark.slow
def test_runs_killed_one_after_the_other_lose_nothing(world: dict, tmp_path: Path):
    home = copy(world, "changed", tmp_path)
    for moment in ("after thumbnails shard 1", "before staged.json 2", "before current.json 1"):
        assert faults.kill_at(home, moment)
    assert faults.losses(home, before=world["first"], after=world["second"]) == []


@pytest.mark.reliability
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("which", ["first", "second"])
def test_a_run_killed_at_any_moment_loses_nothing(
    world: dict, tmp_path: Path, record_property: Callable[[str, object], None], which: str
):
    start, before = {"first": ("new", None), "second": ("changed", world["first"])}[which]
    one_of_each = {moment.rpartition(" ")[0]: moment for moment in world[f"moments of the {which}"]}
    for moment in one_of_each.values():
        home = copy(world, start, tmp_path)
        assert faults.kill_at(home, moment), moment
        assert faults.losses(home, before=before, after=world[which]) == [], moment
        shutil.rmtree(home)
    record_property("tries", len(one_of_each))


@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_a_run_killed_at_a_random_time_loses_nothing(
    world: dict, tmp_path: Path, record_property: Callable[[str, object], None]
):
    seconds = faults.duration(copy(world, "changed", tmp_path))
    killed = 0
    for moment in itertools.cycle(faults.at_random(seconds, 2 * RANDOM_KILLS)):
        shutil.rmtree(tmp_path / "home")
        home = copy(world, "changed", tmp_path)
        if faults.kill_after(home, moment):
            killed += 1
            assert faults.losses(home, before=world["first"], after=world["second"]) == [], moment
        if killed == RANDOM_KILLS:
            break
    record_property("tries", killed)
