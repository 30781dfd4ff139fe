"""Everything of Dagster that Clipper uses and Dagster does not promise to keep.

Each function says why the public API is not enough and where Dagster's users ask for it. An upgrade of
Dagster is checked here first; `pyproject.toml` admits no other minor version.

What does not belong here: anything that Dagster documents, and any decision of Clipper's.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._utils.schedules import cron_string_iterator


def cron_ticks(cron: str, *, start: float) -> Iterator[datetime]:
    """The ticks of a cron line in UTC, from `start` (seconds since the epoch) on.

    Dagster checks a cron line where a schedule is defined, but offers no ticks of it
    (https://github.com/dagster-io/dagster/issues/9501). Another library might read a line in another way.
    """
    return iter(cron_string_iterator(start, cron, "UTC"))


def observable_asset(spec: dg.AssetSpec, *, name: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Define an external asset that a function observes, with everything that a spec can say.

    `observable_source_asset` takes neither owners nor kinds. The decorator that takes a spec is marked as
    beta (https://github.com/dagster-io/dagster/pull/26706) and would warn about that at every start.
    """

    def define(observe: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.multi_observable_source_asset(specs=[spec], name=name)(observe)

    return define


def in_process_executor(
    around: Callable[[dg.DagsterInstance, str], AbstractContextManager[None]],
) -> dg.ExecutorDefinition:
    """Dagster's in-process executor, whose steps run within `around(instance, run_id)`.

    A run has no hook that is called in its process before its first step. Clipper needs one because Dagster
    does not notice that a run's process is gone (https://github.com/dagster-io/dagster/issues/4319), and
    tries a step again that was interrupted (https://github.com/dagster-io/dagster/issues/15026).
    """

    @dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.as_field())
    def in_process(context: dg.InitExecutorContext) -> _SurroundedExecutor:
        create = dg.in_process_executor.executor_creation_fn
        assert create is not None
        return _SurroundedExecutor(create(context), around)

    return in_process


class _SurroundedExecutor(dg.Executor):
    """Another executor, within a context that lasts as long as its steps."""

    def __init__(
        self,
        inner: dg.Executor,
        around: Callable[[dg.DagsterInstance, str], AbstractContextManager[None]],
    ) -> None:
        self._inner = inner
        self._around = around

    @property
    def retries(self) -> Any:
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        with self._around(plan_context.instance, plan_context.run_id):
            yield from self._inner.execute(plan_context, execution_plan)


def end_run(instance: dg.DagsterInstance, run: dg.DagsterRun, message: str) -> None:
    """Record the end of a run whose process cannot do so: as canceled if that was asked for, else as failed.

    The methods are those of Dagster's own run monitoring, which cannot watch processes of this machine
    (https://github.com/dagster-io/dagster/issues/4319).
    """
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message)
    else:
        instance.report_run_failed(run, message)


def make_pool(instance: dg.DagsterInstance, pool: str) -> bool:
    """Make a pool with the default limit, if it is not there; whether it is there and limited.

    Dagster's queue makes a pool when it first sees a run of it, and starts all runs that it sees with it.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return False
    if pool not in {limit.name for limit in storage.get_pool_limits()}:
        storage.initialize_concurrency_limit_to_default(pool)
    return pool in {limit.name for limit in storage.get_pool_limits()}


def claim_slot(instance: dg.DagsterInstance, pool: str, run_id: str, step: str) -> bool:
    """Claim a slot of a pool in the middle of a step; whether it is claimed. Without a limit it always is.

    Dagster claims slots for whole steps only, and none at all where a pool counts runs
    (https://docs.dagster.io/guides/operate/managing-concurrency/concurrency-pools). A step that cannot have
    one asks again: it keeps its place in the queue.
    """
    if not make_pool(instance, pool):
        return True
    return bool(instance.event_log_storage.claim_concurrency_slot(pool, run_id, step).is_claimed)


def release_slot(instance: dg.DagsterInstance, run_id: str, step: str) -> None:
    """Give back the slot that a step has claimed, or its place in the queue."""
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slot_for_step(run_id, step)


def free_slots(instance: dg.DagsterInstance, run_id: str) -> None:
    """Give back a run's slots in pools, which Dagster otherwise does a minute after the run's end.

    The method is that of the button "Free all slots" (https://docs.dagster.io/guides/operate/managing-concurrency).
    """
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def was_terminated(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a person terminated a run, whatever became of it.

    The status does not tell: a process that ends of that before its first step is recorded as failed
    (https://github.com/dagster-io/dagster/issues/15026 is about the steps).
    """
    return bool(instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_CANCELING))


def location_of(run: dg.DagsterRun) -> str | None:
    """The name of the code location that a run belongs to; None if it was started without one.

    The name is public only for the run that asks, inside an op
    (https://github.com/dagster-io/dagster/issues/9693).
    """
    origin = run.remote_job_origin
    return origin.location_name if origin else None


def location_of_sensor(context: dg.SensorEvaluationContext) -> str | None:
    """The name of the code location that a sensor belongs to; None in a test.

    Dagster added it for its own run status sensors (https://github.com/dagster-io/dagster/pull/20587).
    """
    origin = context.code_location_origin
    return origin.location_name if origin else None


def instance_folder(instance: dg.DagsterInstance) -> Path:
    """The folder that DAGSTER_HOME names; Dagster's storages lie in it, and files of Clipper's own may."""
    return Path(instance.root_directory)


def event_log_file(instance: dg.DagsterInstance, run_id: str) -> Path:
    """Where Dagster's default storage keeps a run's events: an SQLite file for each run.

    Only the run of a process of this machine has one, whatever database the runs are recorded in.
    """
    return instance_folder(instance) / "history" / "runs" / f"{run_id}.db"


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with every file that belongs to it.

    Dagster deletes the rows of a run, but leaves its event log file and what its steps printed
    (https://github.com/dagster-io/dagster/issues/4100, https://github.com/dagster-io/dagster/issues/4498).
    """
    instance.delete_run(run_id)
    path = event_log_file(instance, run_id)
    for file in (path, *(Path(f"{path}{ending}") for ending in ("-wal", "-shm", "-journal"))):
        file.unlink(missing_ok=True)
    instance.compute_log_manager.delete_logs(prefix=[run_id])


def step_failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What the failed steps of a run said, in order; else the run's own last message; empty if there is none.

    Nothing public gives the failures of a run (https://github.com/dagster-io/dagster/issues/20414).
    """
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds)]
    failures = [event.step_failure_data.user_failure_data for event in events if event.is_step_failure]
    described = [str(failure.description) for failure in failures if failure]
    return described or [event.message or "" for event in events[-1:]]


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The blocking asset checks that failed in a run, each with its asset and what it found.

    Nothing public gives them by run (https://github.com/dagster-io/dagster/issues/20414).
    """
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return [
        f"the check {check.check_name} of {check.asset_key.to_user_string()} failed: {check.description}"
        for check in found
        if not check.passed and check.blocking and check.severity == dg.AssetCheckSeverity.ERROR
    ]
