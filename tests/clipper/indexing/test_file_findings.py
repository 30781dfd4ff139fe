"""What a run reports of files: copies of another, and those that could not be used."""

from pathlib import Path

import pytest

from clipper.indexing import checks
from clipper.indexing.staging.workspace import VANISHED, Workspace
from clipper.settings import Settings
from clipper.store import facts
from clipper.store.columns.entries import Entries, Entry
from clipper.store.manifest import Manifest


@pytest.fixture
def work(tmp_path: Path) -> Workspace:
    """A home of eleven files; the letter is the content."""
    contents = "cabbagecdba"
    entries = [Entry(f"{at:02}.jpg", letter.encode() * 16, 1, 1) for at, letter in enumerate(contents)]
    work = Workspace(Settings(home=tmp_path))
    manifest = Manifest(Entries.of(entries), {"x.jpg": "cannot be opened"})
    manifest.write(work.home.part("manifest", manifest.version))
    work.stage(manifest=manifest.version)
    return work


def test_copies_are_counted_and_the_largest_groups_named_first(work: Workspace):
    found = checks.duplicates(work)
    assert found.figures == {"files": 11, "copies": 5, "groups": 3}
    assert found.rows == [
        {"files": 3, "names": "01.jpg, 04.jpg, 10.jpg"},
        {"files": 3, "names": "02.jpg, 03.jpg, 09.jpg"},
        {"files": 2, "names": "00.jpg, 07.jpg"},
    ]


def test_files_that_could_not_be_used_are_counted_by_the_kind_of_reason(work: Workspace):
    rows = [
        facts.row(b"b" * 16, facts=None, reason="ends after 12 bytes", limits=work.settings.limits),
        facts.row(b"e" * 16, facts=None, reason="ends after 7 bytes", limits=work.settings.limits),
    ]
    work.facts.append(rows)
    work.stage(passed_over=("03.jpg", "05.jpg"))  # one of them was found to be damaged
    found = checks.failures(work)
    assert found.figures == {"files": 12, "failed": 6, "share": 0.5}
    assert not found.passed
    assert found.rows == [
        {"reason": "ends after N bytes", "files": 4},
        {"reason": "cannot be opened", "files": 1},
        {"reason": VANISHED, "files": 1},
    ]


def test_without_files_there_is_nothing_to_report(tmp_path: Path):
    work = Workspace(Settings(home=tmp_path))
    manifest = Manifest(Entries.of([]), {})
    manifest.write(work.home.part("manifest", manifest.version))
    work.stage(manifest=manifest.version)
    assert checks.duplicates(work).figures == {"files": 0, "copies": 0, "groups": 0}
    assert checks.failures(work).passed
