"""How a run fails: in one line that names the file or setting, and is tried again only if that may help.

What does not belong here: which errors are transient (`clipper.errors`), and when a whole run that failed is
requested again (`automation.py`).
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from inspect import isgeneratorfunction
from typing import Any

import dagster as dg

from clipper.errors import ClipperError, is_transient
from pipelines import compat
from pipelines.running import termination

# Within a run: about 10, 20 and 40 seconds later. What lasts longer is left to the sensor `folder_changes`.
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def fail_in_one_line(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step's function fail with its error's message; the error with its stack trace is the cause.

    A step does not begin in a run that was asked to stop, and an interrupt is a failure like any other, but
    one that is not tried again.
    """
    if isgeneratorfunction(compute):

        @wraps(compute)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            _refuse_to_go_on()
            try:
                yield from compute(*args, **kwargs)
            except (Exception, *termination.INTERRUPTS) as error:
                raise as_failure(error) from error

        return generate

    @wraps(compute)
    def call(*args: Any, **kwargs: Any) -> Any:
        _refuse_to_go_on()
        try:
            return compute(*args, **kwargs)
        except (Exception, *termination.INTERRUPTS) as error:
            raise as_failure(error) from error

    return call


def _refuse_to_go_on() -> None:
    if termination.was_asked():
        raise dg.Failure(termination.STOPPED, allow_retries=False)


def _define(decorator: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Any]:
    return lambda compute: decorator(retry_policy=RETRIES, **options)(fail_in_one_line(compute))


# Dagster's own decorators, for steps that fail and are tried again in this way.
asset = partial(_define, dg.asset)
multi_asset = partial(_define, dg.multi_asset)
asset_check = partial(_define, dg.asset_check)
op = partial(_define, dg.op)


def as_failure(error: BaseException) -> dg.Failure:
    """An error as Dagster's failure: its message, and also its type unless it was foreseen.

    Whatever fails after the run was asked to stop, fails of that.
    """
    if termination.note_interrupt(error):
        return dg.Failure(termination.STOPPED, allow_retries=False)
    if isinstance(error, dg.Failure):
        return error
    description = str(error) if isinstance(error, ClipperError) else f"{type(error).__name__}: {error}"
    return dg.Failure(description, allow_retries=is_transient(error))


def reason_of_failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in one line."""
    if checks := compat.failed_checks(instance, run_id):
        return "; ".join(checks)
    messages = compat.step_failures(instance, run_id)
    if not messages:
        return "no reason was recorded"
    return messages[0].strip().partition("\n")[0] or "it ended without a message"
