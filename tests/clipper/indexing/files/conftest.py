"""A bucket of an object store that lists ETags."""

from collections.abc import Iterator

import fsspec
import pytest
from tagged_store import Tagged


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tagged]:
    monkeypatch.setattr("clipper.network.storage.PAUSE", 0.0)
    fsspec.register_implementation("tagged", Tagged, clobber=True)
    files = fsspec.filesystem("tagged")
    for name in ("store", "tags", "times"):
        getattr(Tagged, name).clear()
    Tagged.asked.clear()
    Tagged.fails_at = ""
    for number in range(20):
        files.upload(f"{number:02}.jpg", b"image %d" % number, at=1_600_000_000)
    yield files
    Tagged.store.clear()
