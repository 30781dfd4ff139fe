"""How a run fails: what its failure event says, and what is tried again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from clipper.errors import ClusterError, HubError, ServerError, SettingsError
from clipper.settings import CONFIG_NAME
from pipelines import failures
from pipelines.failures import as_failure, reason_of_failure
from pipelines.resources import HomeResource


def message_of(result: dg.ExecuteInProcessResult) -> str:
    """What the run's own failure event says of its first failed step."""
    assert not result.success
    event = next(e for e in result.all_events if e.is_failure and not e.is_step_failure)
    return event.job_failure_data.first_step_failure_event.step_failure_data.user_failure_data.description


def without_the_folder(home: Path) -> list[str]:
    (home / "images").rename(home / "elsewhere")
    return [str(home / "images"), "does not exist", "check `images` in clipper.toml, or mount it"]


def with_a_bad_setting(home: Path) -> list[str]:
    (home / CONFIG_NAME).write_text('batch_size = "many"\n')
    return [str(home / CONFIG_NAME), "batch_size = 'many'", "should be a valid integer"]


def with_a_bad_cron_line(home: Path) -> list[str]:
    (home / CONFIG_NAME).write_text('schedule = "every night"\n')
    return [str(home / CONFIG_NAME), "schedule = 'every night'", "as in 0 2 * * *"]


def with_broken_metadata(home: Path) -> list[str]:
    (home / "images" / "metadata.json").write_text('{"cat": ')
    return [str(home / "images" / "metadata.json"), "is not valid JSON", "line 1"]


def without_the_model(home: Path) -> list[str]:
    (home / CONFIG_NAME).write_text('images = "images"\nmodel = "/nowhere/clip"\n')
    return ["/nowhere/clip does not exist", f"set `model` in {home / CONFIG_NAME}"]


def with_most_images_gone(home: Path) -> list[str]:
    for path in sorted((home / "images").iterdir())[2:]:
        path.unlink()
    return ["22 of 24 images are gone", str(home / "images"), "allow_shrink = true in clipper.toml"]


@pytest.mark.parametrize(
    "spoil",
    [
        without_the_folder,
        with_a_bad_setting,
        with_a_bad_cron_line,
        with_broken_metadata,
        without_the_model,
        with_most_images_gone,
    ],
)
def test_a_failed_runs_event_names_what_is_wrong_and_the_way_out(
    spoil: Callable[[Path], list[str]],
    small_home: Path,
    run_index: Callable,
    reindex_in: Callable[[Path], dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance,
):
    if spoil is with_most_images_gone:
        run_index(small_home)
    words = spoil(small_home)
    result = reindex_in(small_home)
    message = message_of(result)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert reason_of_failure(instance, result.run_id) == message
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


@pytest.mark.slow
def test_an_odd_value_of_the_launchpad_fails_at_once_and_in_one_line(
    indexed_home: Path, reindex_in: Callable[..., dg.ExecuteInProcessResult]
):
    for value, setting in (({"n_neighbors": 1}, "umap_n_neighbors = 1"), ({"seed": -1}, "umap_seed = -1")):
        result = reindex_in(indexed_home, config={"umap_projection": value})
        assert message_of(result).startswith(f"given for this run: {setting}: Input should be greater")
        assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_run_that_cannot_have_the_home_says_who_has_it(
    small_home: Path, reindex_in: Callable[[Path], dg.ExecuteInProcessResult]
):
    other = HomeResource(home=str(small_home))
    with dg.build_init_resource_context() as context, other.yield_for_execution(context):
        other.workspace()
        message = message_of(reindex_in(small_home))
    assert f"another run is indexing {small_home}; wait for it to end" in message


def test_only_what_may_pass_by_itself_is_tried_again():
    tried = [ServerError("down"), HubError("away"), ClusterError("gone"), OSError(5, "Input/output error")]
    assert [as_failure(error).allow_retries for error in tried] == [True] * 4
    mended = [SettingsError("odd"), ValueError("a bug")]
    assert [as_failure(error).allow_retries for error in mended] == [False] * 2
    assert as_failure(ValueError("a bug")).description == "ValueError: a bug"


class Flaky:
    """Fails with these errors, one a call, and works when there is none left."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same policy without its delays."""
    monkeypatch.setattr(failures, "RETRIES", dg.RetryPolicy(max_retries=failures.RETRIES.max_retries))


@pytest.mark.usefixtures("at_once")
def test_an_asset_is_tried_again_until_the_disk_answers():
    flaky = Flaky(OSError(5, "Input/output error"), ServerError("the Chroma server cannot be used"))

    @failures.asset()
    def part() -> None:
        flaky()

    assert dg.materialize([part], raise_on_error=False).success
    assert flaky.calls == 3


@pytest.mark.usefixtures("at_once")
def test_an_asset_that_is_tried_in_vain_fails_with_the_last_message():
    flaky = Flaky(*(ServerError(f"down {n}") for n in range(9)))

    @failures.asset()
    def part() -> None:
        flaky()

    result = dg.materialize([part], raise_on_error=False)
    assert flaky.calls == 4
    assert message_of(result) == "down 3"


@pytest.mark.usefixtures("at_once")
def test_a_step_of_several_assets_fails_in_the_same_way():
    flaky = Flaky(OSError(5, "Input/output error"), SettingsError("model = 7: must be a name"))

    @failures.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")])
    def both() -> Iterator[dg.MaterializeResult]:
        flaky()
        yield dg.MaterializeResult(asset_key="one")
        yield dg.MaterializeResult(asset_key="two")

    result = dg.materialize([both], raise_on_error=False)
    assert flaky.calls == 2
    assert message_of(result) == "model = 7: must be a name"


def test_an_unforeseen_error_keeps_its_traceback():
    @failures.asset()
    def part() -> None:
        {}["missing"]

    result = dg.materialize([part], raise_on_error=False)
    assert message_of(result) == "KeyError: 'missing'"
    failed = next(event for event in result.all_events if event.is_step_failure)
    assert "test_failures.py" in failed.step_failure_data.error.cause.to_string()
