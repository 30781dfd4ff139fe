"""How a run fails: in one line that names the file or setting, tried again only where that may help.

What does not belong here: which errors pass by themselves (`clipper.errors`), and when a run that failed is
asked for again (`automation.py`).
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from inspect import isgeneratorfunction
from typing import Any

import dagster as dg

from clipper.errors import ClipperError, is_transient

# Within a run: about 10, 20 and 40 seconds later. What lasts longer is the folder sensor's to try again.
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def told(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step's function fail with the one line of its error; the traceback stays as the cause."""
    if isgeneratorfunction(compute):

        @wraps(compute)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from compute(*args, **kwargs)
            except Exception as error:
                raise as_failure(error) from error

        return generate

    @wraps(compute)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compute(*args, **kwargs)
        except Exception as error:
            raise as_failure(error) from error

    return call


def _defined(define: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Any]:
    return lambda compute: define(retry_policy=RETRIES, **options)(told(compute))


# Dagster's own decorators, for steps that fail and are tried again in this way.
asset = partial(_defined, dg.asset)
multi_asset = partial(_defined, dg.multi_asset)
asset_check = partial(_defined, dg.asset_check)


def as_failure(error: Exception) -> dg.Failure:
    """An error as Dagster shows it: a person's line; for anything unforeseen also its kind."""
    if isinstance(error, dg.Failure):
        return error
    foreseen = isinstance(error, ClipperError)
    description = str(error) if foreseen else f"{type(error).__name__}: {error}"
    return dg.Failure(description, allow_retries=is_transient(error))


def failure_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """What a failed run died of, in one line."""
    if checks := _failed_checks(instance, run_id):
        return "; ".join(checks)
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds)]
    for event in events:
        if event.is_step_failure and (data := event.step_failure_data.user_failure_data):
            return str(data.description)
    return _first_line(events[-1].message or "") if events else "nothing is known of why"


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """The blocking checks that failed in a run, with what they found."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return [
        f"the check {check.check_name} of {check.asset_key.to_user_string()} failed: {check.description}"
        for check in found
        if not check.passed and check.blocking and check.severity == dg.AssetCheckSeverity.ERROR
    ]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "it ended without a message"
