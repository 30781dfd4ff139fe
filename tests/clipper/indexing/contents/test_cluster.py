"""Embedding on a real Dask cluster: a scheduler and worker processes on this machine."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from homes import engine_of

import clipper
from clipper.errors import ClusterError, ImagesError, SettingsError
from clipper.indexing.contents import cluster
from clipper.indexing.run import Step, index
from clipper.settings import CONFIG_NAME, Settings

Index = Callable[[Path], dict[str, Step]]
Homes = Callable[[str, int], Path]


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as local:
        yield local


def on(home: Path, address: str) -> Settings:
    with (home / CONFIG_NAME).open("a") as config:
        config.write(f'dask = "{address}"\n')
    return Settings.load(home)


def vectors(home: Path) -> dict[str, np.ndarray]:
    atlas = clipper.open(home)
    return dict(zip(atlas.ids, atlas.vectors, strict=True))


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives(
    workers: Any, home_of: Homes, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster, "BATCH", 10)
    here, there = (home_of(name, 48) for name in ("here", "there"))
    for home in (here, there):
        (home / "images" / "broken.jpg").write_bytes(b"no image")
    run_index(here)
    settings = on(there, workers.scheduler_address)
    reported: list[tuple[int, int]] = []
    steps = {
        step.name: step
        for step in index(
            settings,
            progress=lambda stage, done, total: reported.append((done, total)) if stage == "embed" else None,
        )
    }
    assert steps["clip_embeddings"].counts == {"new": 48, "reused": 0, "failed": 1}
    assert reported[-1] == (49, 49)
    expected, found = vectors(here), vectors(there)
    assert expected.keys() == found.keys()
    assert max(np.abs(expected[key] - found[key]).max() for key in expected) < 1e-4
    assert [clipper.open(home).failures["id"].tolist() for home in (here, there)] == [["broken.jpg"]] * 2
    assert engine_of(there).thumbnail(0)
    again = {step.name: step for step in index(settings)}
    assert again["clip_embeddings"].counts["new"] == 0


@pytest.mark.linux
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(workers: Any, home_of: Homes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "BATCH", 8)
    home = home_of("home", 120)
    settings = on(home, workers.scheduler_address)
    killed = threading.Event()

    def kill_one(stage: str, done: int, total: int) -> None:
        if stage == "embed" and done > total // 3 and not killed.is_set():
            killed.set()
            os.kill(next(iter(workers.workers.values())).process.pid, signal.SIGKILL)

    index(settings, progress=kill_one)
    assert killed.is_set()
    assert len(clipper.open(home)) == 120


@pytest.mark.slow
def test_workers_that_do_not_see_the_images_are_reported_and_nothing_is_published(
    workers: Any, home_of: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = home_of("home", 24)
    settings = on(home, workers.scheduler_address)
    batches = cluster._batches

    def elsewhere(*args: Any, **named: Any) -> Iterator[cluster.Batch]:
        for batch in batches(*args, **named):
            batch.settings["images"] = str(tmp_path / "elsewhere")  # as on a machine without the mount
            yield batch

    monkeypatch.setattr(cluster, "_batches", elsewhere)
    with pytest.raises(ImagesError, match=r"on the Dask worker .*elsewhere does not exist"):
        index(settings)
    assert not (home / "store" / "current.json").exists()


@pytest.mark.slow
def test_a_run_that_is_stopped_keeps_what_was_embedded(
    workers: Any, home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster, "BATCH", 8)
    home = home_of("home", 96)
    settings = on(home, workers.scheduler_address)

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "embed" and done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(settings, progress=stop)
    steps = {step.name: step for step in index(settings)}
    assert 0 < steps["clip_embeddings"].counts["new"] < 60
    assert len(clipper.open(home)) == 96


def test_a_scheduler_that_does_not_answer_is_reported(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"tcp://127.0.0.1:1 does not answer.*CLIPPER_DASK"):
        index(on(small_home, "tcp://127.0.0.1:1"))


def test_a_scheduler_without_workers_is_reported(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "WORKERS_SECONDS", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as local,
        pytest.raises(ClusterError, match="has no workers; start some"),
    ):
        index(on(small_home, local.scheduler_address))


def test_an_address_that_is_no_schedulers_is_reported(small_home: Path):
    with pytest.raises(SettingsError, match=r"dask = 'localhost:8786'.*must be tcp://HOST:PORT"):
        on(small_home, "localhost:8786")
