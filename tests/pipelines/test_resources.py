"""The home's settings as Dagster's side reads them: when something starts, and with a cron line that runs."""

import ast
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

import pipelines
from clipper.errors import SettingsError
from clipper.settings import CONFIG_NAME
from pipelines.config import EmbedConfig, ProjectionConfig, ScanConfig, overrides
from pipelines.definitions import build_definitions
from pipelines.resources import HomeResource, PipelineSettings


@pytest.mark.parametrize("line", ["0 2 * * *", "*/15 0-6,22 1 jan mon-fri", "0 2 L * *", "@daily"])
def test_cron_lines_are_taken(tmp_path: Path, line: str):
    assert PipelineSettings.load(tmp_path, schedule=line).schedule == line


@pytest.mark.parametrize(
    "line",
    ["nightly", "* * * *", "61 * * * *", "0 24 * * *", "0 2 * * 8", "0 2 * * *; x", "0 0 31 2 *"],
)
def test_a_line_that_is_no_cron_line_is_refused(tmp_path: Path, line: str):
    with pytest.raises(SettingsError, match=r"schedule = .*must be a cron line"):
        PipelineSettings.load(tmp_path, schedule=line)


def test_the_schedule_is_the_one_of_the_home_when_the_definitions_are_built(small_home: Path):
    def cron() -> str:
        schedules = build_definitions(home=HomeResource(home=str(small_home))).schedules
        return {schedule.name: schedule.cron_schedule for schedule in schedules}["scheduled_reindex"]

    assert cron() == "0 2 * * *"
    with (small_home / CONFIG_NAME).open("a") as settings:
        settings.write('schedule = "15 * * * *"\n')
    assert cron() == "15 * * * *"


def test_only_what_the_launchpad_names_counts_before_the_home():
    assert overrides(ScanConfig()) == {}
    assert overrides(EmbedConfig(batch_size=64, gps=False)) == {"batch_size": 64, "gps": False}
    asked = ProjectionConfig(seed=7, refit="always")
    assert overrides(asked, prefix="umap_") == {"umap_seed": 7, "refit": "always"}


def test_a_run_reads_the_settings_that_are_there_when_it_starts(
    small_home: Path, reindex_in: Callable[..., dg.ExecuteInProcessResult]
):
    assert reindex_in(small_home, "image_manifest").success
    with (small_home / CONFIG_NAME).open("a") as settings:
        settings.write("max_bytes = 0\n")
    assert not reindex_in(small_home, "image_manifest").success


def test_settings_are_read_without_waiting_for_another_run(small_home: Path):
    home, other = HomeResource(home=str(small_home)), HomeResource(home=str(small_home))
    with dg.build_init_resource_context() as context, other.yield_for_execution(context) as writer:
        writer.workspace()
        assert home.settings().home == small_home


def test_private_parts_of_dagster_are_used_in_one_module():
    def imported(path: Path) -> set[str]:
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}

    modules = Path(pipelines.__file__).parent.rglob("*.py")
    private = {path.stem for path in modules if any("._" in name for name in imported(path))}
    assert private == {"compat"}
