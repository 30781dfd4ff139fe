"""`dagster dev` as a person starts it, and as it ends: by Ctrl-C, or by a machine that stops."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_dev import dagster_dev, make_instance, runs, wait_for

import clipper
from pipelines.failures import reason_of_failure
from pipelines.history import GONE

pytestmark = [pytest.mark.linux, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_instance(tmp_path / "dagster")


@pytest.fixture
def history(folder: Path) -> Iterator[dg.DagsterInstance]:
    """The same folder, read from here."""
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def test_dagster_dev_indexes_what_is_dropped_into_the_folder_and_keeps_its_history(
    small_home: Path, folder: Path
):
    with dagster_dev(small_home, folder) as url:
        wait_for(lambda: clipper.published_version(small_home), "the first atlas")
        wait_for(lambda: runs(url) == ["SUCCESS"], "the end of the first run")
        first = min((small_home / "images").iterdir())
        shutil.copy(first, small_home / "half.part")
        (small_home / "half.part").rename(small_home / "images" / "dropped.jpg")  # never seen half written
        wait_for(lambda: "dropped.jpg" in clipper.open(small_home).ids, "the dropped image")
        wait_for(lambda: runs(url) == ["SUCCESS", "SUCCESS"], "the end of the second run")
    with dagster_dev(small_home, folder) as url:
        assert runs(url)[-2:] == ["SUCCESS", "SUCCESS"]
    warned = [line for line in (folder / "log.txt").read_text().splitlines() if "Warning" in line]
    assert [line for line in warned if "dev_command" not in line] == []  # of `dagster dev` itself


def worker_of(history: dg.DagsterInstance, run_id: str) -> int | None:
    """The process in which a run's steps are executed, once they are."""
    entries = history.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    messages = [entry.get_dagster_event().message or "" for entry in entries]
    found = [m for m in messages if m.startswith("Executing steps in process")]
    return int(found[0].split("pid: ")[1].rstrip(")")) if found else None


def embeds(history: dg.DagsterInstance, run_number: int) -> str | None:
    """The id of that run, the first is 0, once it has made its manifest and is busy with the images."""
    records = history.get_run_records(dg.RunsFilter(job_name="reindex"), ascending=True)
    if len(records) <= run_number:
        return None
    run_id = records[run_number].dagster_run.run_id
    made = history.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return run_id if made else None


def test_a_killed_run_is_made_again_and_a_machine_that_stopped_leaves_nothing_stuck(
    home_of, folder: Path, history: dg.DagsterInstance
):
    home = home_of("home", 900)
    with dagster_dev(home, folder, end=signal.SIGKILL):
        wait_for(lambda: embeds(history, 0), "the first run's work")
        alone = embeds(history, 0)
        os.kill(worker_of(history, alone), signal.SIGKILL)
        wait_for(lambda: history.get_run_by_id(alone).is_finished, "the notice of its death")
        wait_for(lambda: embeds(history, 1), "the second run's work")
        stopped = embeds(history, 1)
    assert history.get_run_by_id(alone).status == dg.DagsterRunStatus.FAILURE
    assert history.get_run_by_id(stopped).status == dg.DagsterRunStatus.STARTED
    assert clipper.published_version(home) is None
    with dagster_dev(home, folder) as url:
        wait_for(lambda: history.get_run_by_id(stopped).is_finished, "the notice that the machine stopped")
        assert reason_of_failure(history, stopped) == GONE
        wait_for(lambda: clipper.published_version(home), "the atlas")
        assert len(clipper.open(home)) == 900
        wait_for(lambda: runs(url)[0] == "SUCCESS", "the end of the run that made it")
