"""What every worker that opens the images checks: that it has the run's version and decoders.

What does not belong here: the work of one stage (each has a worker module of its own).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clipper.errors import ClipperError, ClusterSetupError
from clipper.indexing.cluster.shared import host
from clipper.settings import Settings


def settings_here(settings: Mapping[str, Any], limits: str, *, same_version: bool) -> Settings:
    """Return the run's settings, if the worker that runs this works as the run's machine does.

    Args:
        settings: of the run.
        limits: those that the settings have on the run's machine.
        same_version: whether the worker's code makes the same.

    Raises:
        ClusterSetupError: its version or its decoders differ.
    """
    if not same_version:
        raise ClusterSetupError(
            f"the Dask worker on {host()} has another version of Clipper; install the same"
        )
    here = Settings.model_construct(**settings)
    if limits != here.limits:
        raise ClusterSetupError(
            f"the Dask worker on {host()} has other decoders than this machine; install the same packages"
        )
    return here


@contextmanager
def naming_this_worker() -> Iterator[None]:
    """Let an error of this block name the machine of the worker that runs this."""
    try:
        yield
    except ClipperError as error:
        raise type(error)(f"on the Dask worker {host()}: {error}") from None
