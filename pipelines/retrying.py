"""A reindex that failed is asked for again, ever less often: told by the instance's run records.

What does not belong here: tries within a run (`failures.py`), and who asks (`automation.py`).
"""

import time
from datetime import UTC, datetime
from itertools import takewhile

import dagster as dg

from pipelines.failures import failure_of
from pipelines.history import FINISHED, REINDEX

# After 30 seconds, 1 minute, 2 minutes and so on, at most an hour.
FIRST_DELAY, LONGEST_DELAY = 30.0, 3_600.0
_COUNTED = 8  # the eighth failure makes the delay the longest
_ENDS = [dg.AssetKey("image_manifest"), dg.AssetKey("atlas")]


def reason_to_wait(instance: dg.DagsterInstance) -> str | None:
    """Why no reindex is to be asked for while the folder stays as it is; None when a try is due."""
    failed = failures_in_a_row(instance)
    if not failed:
        return "nothing changed in the images folder"
    again = _ended(failed[0]) + delay(len(failed))
    if time.time() >= again:
        return None
    times = "once" if len(failed) == 1 else f"{len(failed)} times in a row"
    if len(failed) == _COUNTED:
        times = f"at least {times}"
    at = datetime.fromtimestamp(again, UTC).strftime("%H:%M:%S UTC")
    reason = failure_of(instance, failed[0].dagster_run.run_id)
    return f"the reindex failed {times}, the next try is at {at}: {reason}"


def failures_in_a_row(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The reindex runs that failed since one succeeded, the newest first; as many as decide on the delay.

    None, once both ends of the chain were materialized after them, in whatever run.
    """
    finished = dg.RunsFilter(job_name=REINDEX, statuses=FINISHED)
    records = instance.get_run_records(finished, limit=_COUNTED)
    failed = list(takewhile(lambda r: r.dagster_run.status == dg.DagsterRunStatus.FAILURE, records))
    if failed and all(_made(instance, key) > _ended(failed[0]) for key in _ENDS):
        return []
    return failed


def delay(failures: int) -> float:
    """Seconds from the end of a failed reindex to the next try, after so many failures in a row."""
    return float(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _made(instance: dg.DagsterInstance, key: dg.AssetKey) -> float:
    event = instance.get_latest_materialization_event(key)
    return event.timestamp if event else 0.0
