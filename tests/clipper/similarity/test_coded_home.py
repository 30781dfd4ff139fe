"""The int8 copy of a home's vectors: a run makes it, search finds the same with it, the doctor mends it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from homes import engine_of

from clipper.doctor import repair
from clipper.indexing import run
from clipper.query import Query
from clipper.settings import Settings
from clipper.similarity import codes
from clipper.store import snapshots
from clipper.store.home import Home


@pytest.fixture(scope="module")
def uncoded(tmp_path_factory: pytest.TempPathFactory, home_at: Callable[[Path, int], Path]) -> Path:
    """A home without codes, as an earlier version leaves it. Not to be written to."""
    home = home_at(tmp_path_factory.mktemp("coded") / "uncoded", 30)
    run.index(Settings.load(home))
    return home


@pytest.fixture
def home(uncoded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same home, in which a run makes codes even of a few vectors."""
    monkeypatch.setattr(codes, "LEAST_ROWS", 0)
    return Path(shutil.copytree(uncoded, tmp_path / "home", symlinks=True))


def packs_of(home: Path) -> list[Path]:
    return sorted((home / "store").glob(f"embeddings/*/{codes.FOLDER}/*"))


def test_a_run_over_an_unchanged_home_makes_the_codes_and_nothing_else(home: Path):
    before = snapshots.current(Home(home))
    assert packs_of(home) == []
    run.index(Settings.load(home))
    assert len(packs_of(home)) == 1
    assert snapshots.current(Home(home)) == before
    written = packs_of(home)[0].stat().st_mtime_ns
    run.index(Settings.load(home))
    assert [path.stat().st_mtime_ns for path in packs_of(home)] == [written]


def test_a_search_finds_the_same_with_codes_and_without(uncoded: Path, home: Path):
    run.index(Settings.load(home))
    plain, coded = engine_of(uncoded), engine_of(home)
    coded.warm()
    queries = [
        Query("red heart"), Query("a cat -dog"), Query("flag", where='format = "JPEG"'),
        Query("clock", where={"format": "JPEG"}), Query(f"like:{plain.ids[3]}"),
    ]  # fmt: skip
    for query in queries:
        one, other = plain.rank(query, k=7), coded.rank(query, k=7)
        assert one.rows.tolist() == other.rows.tolist()
        assert one.similarity.tolist() == other.similarity.tolist()
        assert (one.x, one.y) == (other.x, other.y)
        assert np.array(one.similarities).tolist() == np.array(other.similarities).tolist()
        assert one.similarity.tolist() == np.array(one.similarities)[one.rows].tolist()
    assert (
        coded.similarities(coded.stored[:1][0]).near.tolist()
        != plain.stored.dot(plain.stored[:1][0]).tolist()
    )
    plain.close()
    coded.close()


@pytest.mark.slow
def test_damaged_codes_are_noticed_and_made_again(home: Path):
    run.index(Settings.load(home))
    (path,) = packs_of(home)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0x10
    path.write_bytes(damaged)
    found = repair.repair(Settings.load(home))
    assert [damage.where for damage in found.before] == [path.relative_to(home / "store").as_posix()]
    assert found.after == []
    assert path.read_bytes() == whole
