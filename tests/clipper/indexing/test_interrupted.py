"""Runs that are killed, stopped or doubled: what stays, and what is reported."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from homes import draw, engine_of, images, opened

from clipper.errors import BusyError, NoIndexError
from clipper.indexing import run
from clipper.indexing.staging.workspace import Step
from clipper.query import Query
from clipper.settings import Settings
from clipper.store.home import Home

pytestmark = pytest.mark.linux  # kills by a signal

Index = Callable[[Path], dict[str, Step]]
Run = Callable[..., CompletedProcess[str]]


KILLED = """
import os, signal, sys
from clipper.indexing import run
from clipper.indexing.contents import shard_writer
from clipper.settings import Settings
shard_writer.SHARD_ROWS = 8
def progress(stage, done, total):
    if stage == "embed" and done == 20:
        os.kill(os.getpid(), signal.SIGKILL)
run.index(Settings.load(sys.argv[1], batch_size=4), progress=progress)
"""


@pytest.mark.slow
def test_a_killed_run_keeps_what_it_embedded_and_publishes_nothing(
    small_home: Path, run_index: Index, python: Run
):
    assert python(KILLED, str(small_home)).returncode == -signal.SIGKILL
    with pytest.raises(NoIndexError):
        opened(small_home)
    steps = run_index(small_home)
    assert 0 < steps["clip_embeddings"].counts["new"] <= 16
    assert len(opened(small_home)) == 24


def test_an_interrupted_run_keeps_what_it_embedded(small_home: Path, run_index: Index):
    def stop(stage: str, done: int, _: int) -> None:
        if (stage, done) == ("embed", 20):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.index(Settings.load(small_home, batch_size=4), progress=stop)
    assert run_index(small_home)["clip_embeddings"].counts["new"] <= 8


def test_what_a_killed_run_left_half_written_goes_with_the_next_version(indexed_home: Path, run_index: Index):
    store = indexed_home / "store"
    (model,) = (store / "embeddings").iterdir()
    left = [store / "collection" / ".abc.1.tmp", model / ".abc.arrow.1.tmp", store / "manifest" / ".m.1.tmp"]
    left[0].mkdir()
    (left[0] / "chroma.sqlite3").write_bytes(b"half")
    for path in left[1:]:
        path.write_bytes(b"half")
    images(indexed_home)[0].unlink()
    run_index(indexed_home)
    assert not any(path.exists() for path in left)


def test_two_versions_are_kept_and_an_open_atlas_reads_on(indexed_home: Path, run_index: Index):
    first = opened(indexed_home)
    extra = draw(indexed_home / "images" / "extra.png", "navy")
    run_index(indexed_home)
    extra.unlink()
    run_index(indexed_home)  # the first manifest again, as a new version
    reopened = engine_of(indexed_home)
    for colour in ("red", "green"):
        draw(indexed_home / "images" / f"{colour}.png", colour)
        run_index(indexed_home)
        if colour == "red":
            assert len(reopened.metadata(0)) > 0
            assert reopened.info()["images"] == 24
            assert len(reopened.rank(Query(text="cat"), k=3).rows) == 3
            reopened.close()
    assert first.version != opened(indexed_home).version
    for part in ("manifest", "metadata", "projection", "collection"):
        versions = {path.name.split(".")[0] for path in (indexed_home / "store" / part).iterdir()}
        assert len(versions) == 2, part


def test_a_second_run_at_the_same_time_is_reported(small_home: Path, clipper_command: Run):
    hold = "import sys,time\nfrom clipper.store.home import Home\nfrom pathlib import Path\n"
    hold += "with Home(Path(sys.argv[1])).writing():\n    print('held', flush=True)\n    time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(small_home)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(BusyError, match="another run is indexing"):
                run.index(Settings.load(small_home))
            result = clipper_command("index", "--home", str(small_home))
            assert result.returncode == 1
            assert result.stderr.startswith("clipper: another run is indexing")
        finally:
            holder.kill()
    with Home(small_home).writing():  # the system freed it
        pass


def test_a_run_may_wait_for_another(small_home: Path):
    with Home(small_home).writing():
        started = time.monotonic()
        with pytest.raises(BusyError):
            run.index(Settings.load(small_home), wait=0.3)
        assert time.monotonic() - started >= 0.3
