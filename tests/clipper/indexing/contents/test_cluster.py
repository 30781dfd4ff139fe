"""Embedding on a real Dask cluster: a scheduler and worker processes on this machine."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_models
import numpy as np
import pytest
from homes import engine_of

import clipper
from clipper.errors import ClusterError, ImagesError, ModelError, SettingsError
from clipper.images.child_tasks import DecodeResult
from clipper.indexing.cluster import blocks, connection
from clipper.indexing.cluster.shared import SharedFolder
from clipper.indexing.contents import cluster, precision
from clipper.indexing.contents.cluster_worker import Setup
from clipper.indexing.contents.decode import decode_crops
from clipper.indexing.contents.shard_writer import ShardWriter
from clipper.indexing.embed import embed_images
from clipper.indexing.run import Step, index
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.models.encoder import Encoder
from clipper.models.engines.record import read_choice
from clipper.models.engines.towers import available
from clipper.models.source import find
from clipper.settings import CONFIG_NAME, Settings
from clipper.store import embeddings, snapshots
from clipper.store.home import Home

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


def small_tasks(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    for size in ("BATCH", "SMALLEST", "LARGEST"):
        monkeypatch.setattr(cluster, size, images)


def rows(home: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every store of contents, in the order of the contents."""
    work = Workspace(Settings.load(home))
    stores = [work.embeddings()[2], work.thumbnails, work.measures, work.signatures, work.facts]
    return {store.folder.name: store.table().sort_by("content_hash").to_pylist() for store in stores}


def left_over(home: Path) -> list[Path]:
    return [path for path in (home / "store").iterdir() if path.name.startswith(".")]


def all_but_vectors(folder: str, names: list[str]) -> list[str]:
    """The names in a home's store that a copy leaves out."""
    return [name for name in names if Path(folder).name == "store" and name != "embeddings"]


def nothing_comes_here(_: ShardWriter, result: DecodeResult, *others: Any, **named: Any) -> None:
    raise AssertionError(result, others, named)


@pytest.fixture
def embedded_here(home_of: Homes) -> Path:
    """A home of 24 images that this machine has decoded and embedded, one of them broken."""
    return embedded(home_of("here", 23))


def embedded(home: Path) -> Path:
    (home / "images" / "broken.jpg").write_bytes(b"no image")
    embed(Settings.load(home))
    return home


def embed(settings: Settings) -> dict[str, Step]:
    work = Workspace(settings)
    with work.home.writing():
        scan_images(work)
        return embed_images(work)


def test_a_model_that_gives_no_vectors_ends_the_run_in_one_line_and_stores_none(
    workers: Any, home_of: Homes, model_folder: Path, tmp_path: Path
):
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(model_folder, tmp_path / "damaged"))
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    home = home_of("there", 6)
    on(home, workers.scheduler_address)
    settings = Settings.load(home, model=str(folder))
    with pytest.raises(ModelError, match=r"^the model .*damaged gives no vectors for \d of \d images"):
        embed(settings)
    assert not list((home / "store" / "embeddings").rglob("*.arrow"))


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives(
    workers: Any, home_of: Homes, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    small_tasks(monkeypatch, 10)
    here, there = (home_of(name, 48) for name in ("here", "there"))
    for home in (here, there):
        (home / "images" / "broken.jpg").write_bytes(b"no image")
    run_index(here)
    monkeypatch.setattr(ShardWriter, "_take", nothing_comes_here)
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
    assert rows(here) == rows(there)
    published = [snapshots.current(Home(home)) for home in (here, there)]
    assert published[0].parts == published[1].parts
    assert not left_over(there)
    assert [clipper.open(home).failures["id"].tolist() for home in (here, there)] == [["broken.jpg"]] * 2
    assert engine_of(there).thumbnail(0)
    again = {step.name: step for step in index(settings)}
    assert again["clip_embeddings"].counts["new"] == 0
    shutil.rmtree(there / "store" / "thumbnails")  # no vector is lacking: the workers need no model
    again = {step.name: step for step in index(settings)}
    assert again["thumbnails"].counts["new"] == 48
    assert rows(here) == rows(there)


@pytest.mark.slow
def test_workers_that_do_not_see_the_homes_disk_send_what_they_made(
    workers: Any, embedded_here: Path, home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    made = cluster.shared_folder

    @contextmanager
    def elsewhere(*args: Any) -> Iterator[SharedFolder]:
        with made(*args) as folder:  # as on a machine with another disk under the same path
            yield replace(folder, token="of another run")  # noqa: S106 - no password

    monkeypatch.setattr(cluster, "shared_folder", elsewhere)
    home = home_of("there", 23)
    (home / "images" / "broken.jpg").write_bytes(b"no image")
    steps = embed(on(home, workers.scheduler_address))
    assert rows(home) == rows(embedded_here)
    assert steps["thumbnails"].counts == {"new": 23, "reused": 0, "failed": 1}
    (note,) = steps["clip_embeddings"].notes
    assert "thumbnails and facts that it makes pass through this machine" in note


@pytest.mark.slow
@pytest.mark.parametrize("blind", ["", "cpu", "gpu"])
def test_workers_with_a_gpu_embed_what_the_others_decode(
    embedded_here: Path, home_of: Homes, monkeypatch: pytest.MonkeyPatch, blind: str
):
    from distributed import Scheduler, SpecCluster, Worker, get_worker
    from distributed.diagnostics.plugin import SchedulerPlugin
    from distributed.utils import key_split

    done_by: dict[str, set[str]] = {}

    class Watch(SchedulerPlugin):
        def transition(self, key: Any, start: str, finish: str, *_: Any, **more: Any) -> None:
            if (start, finish) == ("processing", "memory"):
                name = local.scheduler.workers[more["worker"]].name
                done_by.setdefault(name, set()).add(key_split(key))

    seen = SharedFolder.is_seen

    def is_seen(shared: SharedFolder) -> bool:
        return get_worker().name != blind and seen(shared)

    monkeypatch.setattr(SharedFolder, "is_seen", is_seen)  # asked by workers alone
    small_tasks(monkeypatch, 2)  # so many tasks that the first worker cannot take all
    home = home_of("there", 23)
    (home / "images" / "broken.jpg").write_bytes(b"no image")
    options = {"nthreads": 1, "dashboard": False}
    cpu, gpu = ({"cls": Worker, "options": options | more} for more in ({}, {"resources": {"GPU": 1}}))
    server = {"cls": Scheduler, "options": {"dashboard": False, "host": "127.0.0.1"}}
    with SpecCluster(workers={"cpu": cpu, "gpu": gpu}, scheduler=server) as local:
        local.scheduler.add_plugin(Watch())
        embed(on(home, local.scheduler_address))
    assert rows(home) == rows(embedded_here)
    assert done_by["cpu"] >= {"clipper-embed-first"}
    assert done_by["gpu"] >= {"clipper-embed-second"}
    assert "clipper-embed-second" not in done_by["cpu"]


@pytest.mark.slow
def test_a_cluster_gives_the_vectors_of_several_models_that_this_machine_gives(
    workers: Any, home_of: Homes, model_folder: Path, name_models: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    small_tasks(monkeypatch, 10)
    here = home_of("here", 24)
    other = made_models.make("dinov2", here / "dinov2", clip_tokenizer=model_folder)
    found = []
    for home, address in ((here, ""), (home_of("there", 24), workers.scheduler_address)):
        name_models(home, model_folder, other)
        work = Workspace(on(home, address) if address else Settings.load(home))
        with work.home.writing():
            scan_images(work)
            step = embed_images(work)["clip_embeddings"]
        assert step.counts["new"] == step.further[str(other)].counts["new"] == 24
        stores = [each.embeddings()[2] for each in work.each_model()]
        found.append([embeddings.read(store, sorted(store.keys())) for store in stores])
        found[-1].append(sorted(work.thumbnails.table().to_pylist(), key=str))
    for alone, together in zip(*found, strict=True):
        assert np.array_equal(alone, together)


@pytest.mark.slow
def test_one_worker_measures_the_engines_and_all_embed_as_it_found(
    workers: Any, home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    small_tasks(monkeypatch, 20)
    monkeypatch.setattr(precision, "CALIBRATE_FROM", 40)
    work = Workspace(on(home_of("home", 80), workers.scheduler_address))
    with work.home.writing():
        scan_images(work)
        embed_images(work, wanted=("clip_embeddings",))
    key, _, store = work.embeddings()
    choice = read_choice(work.home.embeddings(key))
    assert choice
    assert choice.sample >= 64
    assert len(choice.images_per_second) == len(available(Encoder(find(work.settings)).device))
    encoder = Encoder(find(work.settings), engine=choice.engine)
    entries = sorted(work.manifest()[1].entries, key=lambda entry: entry.content_hash)
    crops = decode_crops(entries, work.folder, work.settings, encoder.transform)
    here = encoder.embed_pixels(crops)
    assert np.array_equal(here, embeddings.read(store, [entry.content_hash for entry in entries]))


@pytest.mark.linux
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(workers: Any, home_of: Homes, monkeypatch: pytest.MonkeyPatch):
    small_tasks(monkeypatch, 8)
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


@pytest.mark.linux
@pytest.mark.reliability
def test_twenty_killed_workers_lose_nothing_and_make_nothing_twice(
    workers: Any, home_of: Homes, run_index: Index, monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
):  # fmt: skip
    kills, images = 21, 120
    small_tasks(monkeypatch, 3)
    monkeypatch.setattr(blocks, "CLUSTER_FROM", 0.0)
    monkeypatch.setattr(connection, "WORKERS_SECONDS", 120)
    here = home_of("here", images)
    run_index(here)
    # The vectors are there: the workers load no model, and so are back soon.
    there = Path(shutil.copytree(here, here.with_name("there"), ignore=all_but_vectors))
    random = np.random.default_rng()
    apart = (images - 10) // (kills // 2)  # a task that dies with four workers ends the run
    moments = [10 + apart * n + int(random.integers(apart)) for n in range(kills // 2)]
    killed: dict[int, str] = {}

    def kill(stage: str, done: int, _: int) -> None:
        """Kill both workers at random moments of decoding, and one when the search for neighbors begins."""
        numbers = done == 0 and stage == "neighbours on the cluster" and stage not in killed.values()
        if not numbers and not (stage == "decode" and moments and done > moments[0]):
            return
        wanted = len(killed) + (1 if numbers else 2)
        moments[:] = moments if numbers else moments[1:]
        while len(killed) < wanted:
            running = [each.process for each in workers.workers.values() if each.process is not None]
            alive = [each.pid for each in running if each.is_alive() and each.pid not in killed]
            for pid in alive[: wanted - len(killed)]:
                os.kill(pid, signal.SIGKILL)
                killed[pid] = stage
            time.sleep(0.1)

    monkeypatch.setattr(ShardWriter, "_take", nothing_comes_here)
    steps = {step.name: step for step in index(on(there, workers.scheduler_address), progress=kill)}
    assert len(killed) == kills, killed
    assert steps["thumbnails"].counts == {"new": images, "reused": 0, "failed": 0}
    assert rows(here) == rows(there)
    published = [snapshots.current(Home(home)) for home in (here, there)]
    assert published[0].parts == published[1].parts
    assert not left_over(there)
    record_property("tries", len(killed))


@pytest.mark.slow
def test_workers_that_do_not_see_the_images_are_reported_and_nothing_is_published(
    workers: Any, home_of: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = home_of("home", 24)
    settings = on(home, workers.scheduler_address)
    setup = cluster._setup

    def elsewhere(*args: Any, **named: Any) -> Setup:
        made = setup(*args, **named)
        made.settings["images"] = str(tmp_path / "elsewhere")  # as on a machine without the mount
        return made

    monkeypatch.setattr(cluster, "_setup", elsewhere)
    with pytest.raises(ImagesError, match=r"on the Dask worker .*elsewhere does not exist"):
        index(settings)
    assert not (home / "store" / "current.json").exists()


@pytest.mark.slow
def test_a_run_that_is_stopped_keeps_what_was_embedded(
    workers: Any, home_of: Homes, monkeypatch: pytest.MonkeyPatch
):
    small_tasks(monkeypatch, 8)
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
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"tcp://127.0.0.1:1 does not answer.*CLIPPER_DASK"):
        index(on(small_home, "tcp://127.0.0.1:1"))


def test_a_scheduler_without_workers_is_reported(small_home: Path, monkeypatch: pytest.MonkeyPatch):
    from distributed import LocalCluster

    monkeypatch.setattr(connection, "WORKERS_SECONDS", 1)
    with (
        LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as local,
        pytest.raises(ClusterError, match="has no workers; start some"),
    ):
        index(on(small_home, local.scheduler_address))


def test_an_address_that_is_no_schedulers_is_reported(small_home: Path):
    with pytest.raises(SettingsError, match=r"dask = 'localhost:8786'.*must be tcp://HOST:PORT"):
        on(small_home, "localhost:8786")
