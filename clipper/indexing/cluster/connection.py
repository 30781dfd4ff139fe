"""The connection to the Dask scheduler that the setting `dask` names.

What does not belong here: what the workers do (`indexing/cluster/tasks.py` gives them tasks).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from clipper.errors import ClusterError, ClusterSetupError

CONNECT_SECONDS = 20
WORKERS_SECONDS = 20  # until the cluster has a worker, at the start and when all are gone
UNSET = "or unset `dask` (CLIPPER_DASK)"


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a `distributed.Client` of a cluster that has a worker.

    Raises:
        ClusterSetupError: distributed is not installed.
        ClusterError: the scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterSetupError(
            "`dask` (CLIPPER_DASK) needs distributed: pip install 'clipper[dask]'"
        ) from error
    with _quiet():
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(
                f"the Dask scheduler {address} does not answer ({error}); start it, {UNSET}"
            ) from error
        try:
            _await_workers(client, address)
            yield client
        finally:  # closing the client cancels the tasks that are left
            with suppress(TimeoutError, OSError):  # its end has been told
                client.close(timeout=CONNECT_SECONDS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed from logging, with stack traces, what an error of ours says in one line."""
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    loggers = [logging.getLogger(name) for name in (*known, "tornado.application", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _await_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as error:
        raise ClusterError(f"the Dask scheduler {address} has no workers; start some, {UNSET}") from error
