"""What Dagster's log says while a run goes on for hours."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from pipelines.running import progress
from pipelines.running.progress import ProgressLog, line


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_comes_every_half_minute_with_count_speed_and_what_is_left(clock: Clock):
    lines: list[str] = []
    report = ProgressLog(lines.append, clock)
    for second in range(95):
        clock.now = float(second)
        report("embed", 10 * second, 100_000)
    assert lines == [
        "embed: 300 of 100,000, 10/s, 2 h 46 min left",
        "embed: 600 of 100,000, 10/s, 2 h 45 min left",
        "embed: 900 of 100,000, 10/s, 2 h 45 min left",
    ]


def test_the_speed_is_that_of_the_last_minutes(clock: Clock):
    lines: list[str] = []
    report = ProgressLog(lines.append, clock)
    done = 0
    for second in range(0, 1_300, 10):
        clock.now = float(second)
        report("embed", done, 100_000)
        done += 1_000 if second < 600 else 10
    assert ", 1/s, " in lines[-1]


def test_a_stage_that_is_over_soon_has_no_line_and_each_stage_begins_anew(clock: Clock):
    lines: list[str] = []
    report = ProgressLog(lines.append, clock)
    for stage in ("scan", "decode", "embed", "embed"):
        for done in range(3):
            clock.now += 9.0
            report(stage, done, 2)
    assert lines == []
    clock.now += 31.0
    report("embed", 2, 2)
    assert lines == ["embed: 2 of 2, 0.041/s, 0 s left"]


@pytest.mark.parametrize(
    ("speed", "says"),
    [
        (0.001, "0.001/s, 1 d 3 h left"),
        (0.5, "0.5/s, 3 min 20 s left"),
        (7.25, "7.2/s, 14 s left"),
        (2_000.0, "2,000/s, 0 s left"),
    ],
)
def test_speeds_and_times_are_readable(speed: float, says: str):
    assert line("embed", 0, 100, speed=speed) == f"embed: 0 of 100, {says}"


@pytest.mark.slow
def test_a_run_logs_its_progress(
    small_home: Path,
    reindex_in: Callable[..., dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    result = reindex_in(small_home, "image_manifest", "clip_embeddings", "thumbnails", "image_facts")
    said = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
    assert any(message.startswith("embed: 24 of 24") for message in said)
