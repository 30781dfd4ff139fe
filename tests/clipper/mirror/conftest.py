"""A bucket on loopback, and machines that share it: each is a cache folder of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3fs
from object_store import BUCKET, ENVIRONMENT, ObjectStore, serve

from clipper.mirror import copy as copies
from clipper.network import storage
from clipper.settings import Settings
from clipper.store.home import Home

UseMachine = Callable[[str], Path]
OnMachine = Callable[[str], Home]


@pytest.fixture(scope="session")
def served() -> Iterator[ObjectStore]:
    s3fs.S3FileSystem.clear_instance_cache()  # from here on one client serves: it takes long to make
    with serve() as store:
        yield store
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def store(served: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A server with one empty bucket, reached by nothing but the environment; the machine is "one"."""
    served.fault, served.knows_conditions = (lambda *_: None), True
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": served.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("CLIPPER_HOME_CACHE", str(tmp_path / "caches" / "one"))
    monkeypatch.setattr(storage, "PAUSE", 0.001)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    served.empty(BUCKET)
    yield served
    served.fault = lambda *_: None


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseMachine:
    """Go to another machine: its folder of local copies."""

    def use(name: str) -> Path:
        caches = tmp_path / "caches" / name
        monkeypatch.setenv("CLIPPER_HOME_CACHE", str(caches))
        return caches

    return use


@pytest.fixture
def album(store: ObjectStore, once_indexed: Path) -> str:
    """The URL of a home of 24 images that was in a folder, and was copied into the bucket with them."""
    store.copy(once_indexed, f"{BUCKET}/album")
    return f"s3://{BUCKET}/album"


@pytest.fixture
def on(store: ObjectStore, machine: UseMachine) -> OnMachine:
    """Go to a machine, and let time pass there until the store is asked again."""
    store.write(f"{BUCKET}/album/store/current.json", b"{}")

    def go(name: str) -> Home:
        machine(name)
        for copy in copies._copies.values():
            copy._asked.clear()
        return Home(Settings.load(f"s3://{BUCKET}/album").home)

    return go
