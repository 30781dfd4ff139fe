"""The gate: a staged part that is damaged between the steps is never published, whoever runs the steps."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import damage
import pytest
from homes import draw, opened

from clipper.errors import AuditError, StoreError
from clipper.indexing import run
from clipper.indexing.staging.workspace import Step
from clipper.settings import Settings

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]
InProcess = Callable[..., tuple[int, str, str]]

# What `clipper index` runs, with a damage done between the last two steps.
COMMAND = """
import sys
import damage
from clipper.cli import main
damage.before_publishing(sys.argv.pop())
main()
"""


@pytest.fixture
def changed_home(indexed_home: Path) -> Path:
    """An indexed home with one more image, which the next run is to publish."""
    draw(indexed_home / "images" / "new.png", "teal")
    return indexed_home


@damage.each(others="slow")
def test_a_damaged_part_is_not_published_and_the_next_run_makes_it_again(
    name: str, changed_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    before = opened(changed_home)
    with monkeypatch.context() as patch:
        damage.before_publishing(name, patch)
        with pytest.raises(StoreError, match=damage.ALL[name].message) as raised:
            run_index(changed_home)
    assert "\n" not in str(raised.value)
    after = opened(changed_home)
    assert after.version == before.version
    assert after.search("cat", k=5).equals(before.search("cat", k=5))
    damage.mend(changed_home, name)
    run_index(changed_home)
    mended = opened(changed_home)
    assert len(mended) == len(before) + 1
    kept = dict(zip(mended.ids, map(tuple, mended._engine.xy), strict=True))
    assert all(
        kept[image_id] == tuple(place) for image_id, place in zip(before.ids, before._engine.xy, strict=True)
    )


@pytest.mark.slow
@damage.each(others="reliability")
def test_the_command_publishes_no_damaged_part_and_says_so_in_one_line(
    name: str, changed_home: Path, command: InProcess, monkeypatch: pytest.MonkeyPatch
):
    before = opened(changed_home).version
    damage.before_publishing(name, monkeypatch)
    code, _, errors = command("index", "--home", changed_home)
    assert code == 1
    assert damage.ALL[name].message in errors
    assert errors.count("\n") == 1
    assert opened(changed_home).version == before


# A damaged file, a lost folder of Chroma's, rows that are not what was written.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("map bytes", marks=pytest.mark.reliability),
        pytest.param("lost index", marks=pytest.mark.slow),
        pytest.param("turned vector", marks=pytest.mark.reliability),
    ],
)
def test_nothing_of_a_process_of_its_own_adds_a_line_to_what_the_command_says(
    name: str, changed_home: Path, python: Run
):
    before = opened(changed_home).version
    result = python(
        COMMAND, "index", "--home", str(changed_home), name, PYTHONPATH=str(Path(damage.__file__).parent)
    )
    assert result.returncode == 1
    assert damage.ALL[name].message in result.stderr
    assert result.stderr.count("\n") == 1
    assert opened(changed_home).version == before


def test_a_published_part_that_is_damaged_names_the_repair(
    indexed_home: Path, monkeypatch: pytest.MonkeyPatch
):
    """Only the metadata is new: the map that is damaged is the published one, which a repair restores."""
    first = opened(indexed_home).ids[0].rpartition(".")[0]
    (indexed_home / "images" / "metadata.json").write_text(json.dumps({first: {"year": 1999}}))
    damage.before_publishing("lost point", monkeypatch)
    with pytest.raises(AuditError, match=r"`clipper doctor --repair --home .*` makes it again"):
        run.index(Settings.load(indexed_home))


def test_an_unchanged_folder_is_not_audited_again(indexed_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clipper.indexing.publish.pass_gate", lambda _work: pytest.fail("was audited"))
    steps = {step.name: step for step in run.index(Settings.load(indexed_home))}
    assert not steps["atlas"].counts["published"]
