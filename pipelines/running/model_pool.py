"""The pool `clipper_model`: how many runs may embed at once, of all the homes of one Dagster.

A run of each home may go on beside those of others, but they share one GPU, or the cores of one machine. The
pool's limit is set in Dagster's page, under Deployment, Concurrency; `dagster.yaml` gives it 1 at first.

What does not belong here: that no two runs write to one home at once: the home's lock sees to that.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines import compat

MODEL_POOL = "clipper_model"
POLL_SECONDS = 2.0


@contextmanager
def model_turn(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Wait for a slot of the pool, and give it back at the end. Without a limit there is nothing to wait for.

    It is claimed in the middle of a step: one that finds nothing to embed waits for nobody. The home's lock
    is held before, never claimed while a slot is held, so that no two runs can wait for each other.
    """
    step = f"{context.op_execution_context.op_def.name}.model"
    run_id = context.run.run_id
    claimed = compat.claim_slot(context.instance, MODEL_POOL, run_id, step)
    if not claimed:
        context.log.info("waiting for the pool %s: as many other runs embed as its limit allows", MODEL_POOL)
    try:
        while not claimed:
            time.sleep(POLL_SECONDS)
            claimed = compat.claim_slot(context.instance, MODEL_POOL, run_id, step)
        yield
    finally:
        compat.release_slot(context.instance, run_id, step)
