"""The folder's sensor: when it requests a reindex, and when again."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

from clipper.errors import ImagesError
from clipper.images.folder import ImageFolder
from clipper.settings import CONFIG_NAME
from pipelines import automation
from pipelines.automation import FolderWatch, delay, failures_in_a_row
from pipelines.compat import end_run
from pipelines.definitions import build_definitions
from pipelines.freshness import cron_line
from pipelines.history import GONE
from pipelines.resources import HomeResource

Reindex = Callable[..., dg.ExecuteInProcessResult]
Tick = Callable[..., dg.SensorResult | dg.SkipReason]


def break_metadata(home: Path) -> None:
    (home / "images" / "metadata.json").write_text("{")


def test_it_requests_one_reindex_for_each_state_of_the_folder(small_home: Path, tick: Tick):
    first = tick()
    assert len(first.run_requests) == 1
    assert tick(first.cursor).skip_message == "nothing changed in the images folder"
    new = small_home / "images" / "new.png"
    Image.new("RGB", (8, 8)).save(new)
    second = tick(first.cursor)
    assert len(second.run_requests) == 1
    assert second.cursor != first.cursor
    new.unlink()
    assert tick(second.cursor).cursor == first.cursor


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.parquet", "metadata.json"])
def test_it_notices_changed_metadata_beside_the_images(small_home: Path, tick: Tick, name: str):
    first = tick()
    beside = small_home / "images" / name
    beside.write_text("file_name,mood\n")
    written = tick(first.cursor)
    assert written.cursor != first.cursor
    beside.write_text("file_name,food\n")
    os.utime(beside, ns=(1, 1))
    assert len(tick(written.cursor).run_requests) == 1
    beside.unlink()
    assert tick(written.cursor).cursor == first.cursor


def test_it_skips_with_the_reason_when_the_folder_is_gone(small_home: Path, tick: Tick):
    (small_home / "images").rename(small_home / "elsewhere")
    assert "does not exist; check `images` in clipper.toml, or mount it" in tick().skip_message


def test_it_skips_with_the_reason_when_a_setting_is_wrong(small_home: Path, tick: Tick):
    (small_home / CONFIG_NAME).write_text("batch_size = 0\n")
    assert "clipper.toml: batch_size = 0" in tick().skip_message


@pytest.mark.slow
def test_a_failed_reindex_is_asked_for_again_ever_less_often_and_the_reason_is_reported(
    small_home: Path, tick: Tick, reindex_in: Reindex
):
    break_metadata(small_home)
    cursor = tick().cursor
    reindex_in(small_home)
    waiting = tick(cursor).skip_message
    assert waiting.startswith("the reindex failed once, the next try is at ")
    assert "metadata.json is not valid JSON" in waiting
    asked = tick(cursor, after=31)
    assert len(asked.run_requests) == 1
    assert asked.cursor == cursor
    reindex_in(small_home)
    assert "failed 2 times in a row" in tick(cursor, after=31).skip_message
    assert len(tick(cursor, after=61).run_requests) == 1


@pytest.mark.slow
def test_a_changed_folder_is_reindexed_at_once_whatever_failed(
    small_home: Path, tick: Tick, reindex_in: Reindex
):
    break_metadata(small_home)
    cursor = tick().cursor
    reindex_in(small_home)
    (small_home / "images" / "metadata.json").write_text("{}")
    mended = tick(cursor)
    assert len(mended.run_requests) == 1
    assert reindex_in(small_home).success
    assert tick(mended.cursor, after=7_200).skip_message == "nothing changed in the images folder"


@pytest.mark.slow
def test_what_succeeded_in_another_run_is_not_requested_again(
    small_home: Path, tick: Tick, reindex_in: Reindex, instance: dg.DagsterInstance
):
    cursor = tick().cursor
    settings = (small_home / CONFIG_NAME).read_text()
    (small_home / CONFIG_NAME).write_text('model = "/nowhere"\n')
    reindex_in(small_home)
    assert len(failures_in_a_row(instance)) == 1
    (small_home / CONFIG_NAME).write_text(settings)
    by_hand = reindex_in(small_home)
    assert by_hand.success
    instance.run_storage.delete_run(by_hand.run_id)  # as of a job of another name
    assert [record.dagster_run.job_name for record in instance.get_run_records()] == ["reindex"]
    assert tick(cursor, after=7_200).skip_message == "nothing changed in the images folder"


def test_a_run_whose_process_is_gone_is_requested_again_as_any_that_failed(
    tick: Tick, instance: dg.DagsterInstance
):
    job = build_definitions().resolve_job_def("reindex")
    cursor = tick().cursor
    end_run(instance, instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED), GONE)
    assert tick(cursor).skip_message.endswith(GONE)
    assert len(tick(cursor, after=31).run_requests) == 1


def test_a_run_that_was_terminated_is_not_tried_again_even_if_it_counts_as_failed(
    tick: Tick, instance: dg.DagsterInstance
):
    job = build_definitions().resolve_job_def("reindex")
    cursor = tick().cursor
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
    instance.report_run_canceling(run)
    instance.report_run_failed(run, "its process ended while it imported libraries")
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert tick(cursor, after=7_200).skip_message == "nothing changed in the images folder"


def test_the_delay_doubles_up_to_an_hour():
    assert [delay(n) for n in range(1, 10)] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_it_waits_for_a_reindex_that_is_in_progress(tick: Tick, instance: dg.DagsterInstance):
    job = build_definitions().resolve_job_def("reindex")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "in progress" in tick().skip_message


def test_a_folder_that_takes_long_is_listed_once_over_several_ticks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    looks, begun, go_on = [], threading.Event(), threading.Event()

    def slow(folder: ImageFolder) -> str:
        looks.append(folder.location)
        begun.set()
        go_on.wait(30)
        return f"state of {folder.location}"

    monkeypatch.setattr(ImageFolder, "fingerprint", slow)
    watch, here = FolderWatch(), ImageFolder(str(tmp_path))
    assert watch.fingerprint(here.location, here.fingerprint, patience=0.05) is None
    assert watch.fingerprint(here.location, here.fingerprint, patience=0.05) is None
    assert begun.wait(60)
    assert looks == [str(tmp_path)]
    go_on.set()
    assert watch.fingerprint(here.location, here.fingerprint) == f"state of {tmp_path}"
    assert watch.fingerprint(here.location, here.fingerprint) == f"state of {tmp_path}"
    assert looks == [str(tmp_path)] * 2


def test_another_folder_is_listed_though_the_first_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    go_on = threading.Event()
    look = ImageFolder.fingerprint

    def hanging(folder: ImageFolder) -> str:
        if folder.location == "hangs":
            go_on.wait(30)
        return look(folder)

    monkeypatch.setattr(ImageFolder, "fingerprint", hanging)
    watch, here = FolderWatch(), ImageFolder(str(tmp_path))
    assert watch.fingerprint("hangs", ImageFolder("hangs").fingerprint, patience=0.05) is None
    assert watch.fingerprint(here.location, here.fingerprint) == look(here)
    go_on.set()


def test_a_look_that_fails_is_reported_and_the_next_one_looks_again(tmp_path: Path):
    watch, images = FolderWatch(), ImageFolder(str(tmp_path / "images"))
    with pytest.raises(ImagesError, match="does not exist"):
        watch.fingerprint(images.location, images.fingerprint)
    (tmp_path / "images").mkdir()
    assert watch.fingerprint(images.location, images.fingerprint)


@pytest.mark.parametrize(
    ("line", "used"), [("*/5 * * * *", "*/5 * * * *"), ("0 0 31 2 *", "0 2 * * *"), ("x", "0 2 * * *")]
)
def test_a_cron_line_that_cannot_be_used_leaves_the_nightly_one(
    small_home: Path, monkeypatch: pytest.MonkeyPatch, line: str, used: str
):
    monkeypatch.setenv("CLIPPER_SCHEDULE", line)
    assert cron_line(HomeResource(home=str(small_home))) == used


def test_a_folder_whose_listing_costs_much_is_listed_for_a_tenth_of_a_cores_time_at_most(tmp_path: Path):
    now, looks = [1_000.0], []
    watch = FolderWatch(clock=lambda: now[0])

    def costly() -> str:
        looks.append(now[0])
        now[0] += 1.0
        begun = time.thread_time()
        while time.thread_time() - begun < 0.05:
            pass
        return "state"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automation, "SENSOR_SECONDS", 0.4)
        assert watch.fingerprint(str(tmp_path), costly) == "state"
        rest = watch.fingerprint(str(tmp_path), costly)
        assert isinstance(rest, float)
        assert rest > 9 * 0.05 - 0.01
        assert len(looks) == 1
        now[0] += rest + 0.01
        assert watch.fingerprint(str(tmp_path), costly) == "state"
        assert len(looks) == 2
        other = tmp_path / "other"
        assert watch.fingerprint(str(other), costly) == "state", "another folder is listed at once"


def test_waiting_for_a_slow_server_counts_too_but_less(tmp_path: Path):
    now = [0.0]
    watch = FolderWatch(clock=lambda: now[0])

    def distant() -> str:
        now[0] += 600.0
        return "state"

    assert watch.fingerprint(str(tmp_path), distant) == "state"
    assert watch.fingerprint(str(tmp_path), distant) == pytest.approx(180.0)
