"""A Dask cluster for tests of what its workers do."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    """A cluster whose two workers are threads of this process: they start at once."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=":0",
    ) as made:  # fmt: skip
        yield made
