"""Workers of a Dask cluster that come late, cannot do the work, or are lost with their scheduler."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import clipper
from clipper.errors import ClusterError, ClusterSetupError, ModelError
from clipper.images.child_tasks import DecodeResult
from clipper.indexing.cluster import connection, tasks
from clipper.indexing.cluster.faults import Fault
from clipper.indexing.contents import cluster
from clipper.indexing.contents.cluster import decode_on_cluster
from clipper.indexing.contents.cluster_worker import Batch, ClusterModel, Done, Setup, _usable
from clipper.indexing.run import index
from clipper.models.source import find
from clipper.settings import CONFIG_NAME, Settings
from clipper.store.columns.entries import Entries, Entry

Homes = Callable[[str, int], Path]
Decode = Callable[[Any, Entries, list[str]], Iterator[DecodeResult]]


@contextmanager
def threads(count: int) -> Iterator[Any]:
    """A cluster whose workers are threads of this process: they start at once."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=":0",
    ) as local:
        yield local


def name_of_worker() -> str:
    from distributed import get_worker

    return str(get_worker().name)


def able(_: Setup) -> str | Fault:
    return ""


def able_but_the_first(_: Setup) -> str | Fault:
    from distributed import get_worker

    if name_of_worker() != "0":
        return ""
    return Fault(get_worker().address, ClusterSetupError("it has other decoders"))


def able_but_the_first_dies(_: Setup) -> str | Fault:
    """As the scheduler says it of a worker that comes back at its old address and dies again and again."""
    from distributed import KilledWorker, get_worker

    if name_of_worker() != "0":
        return ""
    raise KilledWorker("check", SimpleNamespace(address=get_worker().address), 3)


def unable(_: Setup) -> Fault:
    from distributed import get_worker

    return Fault(get_worker().address, ClusterSetupError("it has other decoders"))


def some_work(_: Setup, batch: Batch) -> Done:
    time.sleep(0.05)
    return Done([DecodeResult(entry.content_hash, reason=name_of_worker()) for entry in batch.entries])


def work_of_all_but_the_first(setup: Setup, batch: Batch) -> Done | Fault:
    from distributed import get_worker

    if name_of_worker() != "0":
        return some_work(setup, batch)
    return Fault(get_worker().address, ClusterSetupError("its disk went away"))


@pytest.fixture
def entries() -> Entries:
    keys = [n.to_bytes(16, "big") for n in range(160)]
    return Entries.of([Entry(f"{n}.jpg", key, bytes=1, mtime_ns=0) for n, key in enumerate(keys)])


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    """Decodes files on a cluster; its last argument gets the notes about workers."""

    def decode(local: Any, entries: Entries, notes: list[str]) -> Iterator[DecodeResult]:
        settings = Settings.model_construct(home=tmp_path, dask=local.scheduler_address)
        made = decode_on_cluster(entries, settings, models=[], lacking={}, note=notes.append)
        return (result for _, done in made for result in done.results)

    return decode


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have workers check and do something else than decode; a batch is one file."""

    def fake(prepare: Any, work: Any = some_work) -> None:
        for size in ("BATCH", "SMALLEST", "LARGEST"):
            monkeypatch.setattr(cluster, size, 1)
        monkeypatch.setattr(cluster, "prepare", prepare)
        monkeypatch.setattr(cluster, "work", work)
        monkeypatch.setattr(cluster, "_setup", lambda *_, **__: Setup({}, ""))

    return fake


@pytest.mark.slow
def test_workers_that_come_late_are_all_kept_busy(
    entries: Entries, faked: Callable[..., None], decode: Decode
):
    faked(able)
    busy, done = set(), []
    with threads(1) as local:
        for result in decode(local, entries, []):
            done.append(result.content_hash)
            if len(done) == 10:
                local.scale(4)
                local.wait_for_workers(4)
            states = local.scheduler.workers.values()
            busy.add(frozenset(str(state.name) for state in states if state.processing))
    assert sorted(done) == [entry.content_hash for entry in entries]
    assert max(map(len, busy)) == 4


@pytest.mark.parametrize(
    ("prepare", "why"),
    [(able_but_the_first, "it has other decoders"), (able_but_the_first_dies, "it dies while it gets ready")],
)
def test_a_worker_that_cannot_do_the_work_gets_none_and_the_others_go_on(
    entries: Entries, faked: Callable[..., None], decode: Decode, prepare: Callable[[Setup], Any], why: str
):
    faked(prepare)
    notes: list[str] = []
    with threads(3) as local:
        by = {result.reason for result in decode(local, entries[:100], notes)}
    assert by == {"1", "2"}
    (line,) = (note for note in notes if "gets no work" in note)
    assert f"gets no work: {why}" in line


def test_a_worker_that_fails_later_gives_its_batches_to_others(
    entries: Entries, faked: Callable[..., None], decode: Decode
):
    faked(able, work_of_all_but_the_first)
    notes: list[str] = []
    with threads(2) as local:
        results = [*decode(local, entries[:100], notes)]
    assert sorted(r.content_hash for r in results) == [entry.content_hash for entry in entries[:100]]
    assert {r.reason for r in results} == {"1"}
    assert len([note for note in notes if "gets no work" in note]) == 1


def test_the_run_ends_with_the_reason_only_if_no_worker_is_left(
    entries: Entries, faked: Callable[..., None], decode: Decode
):
    faked(unable)
    with threads(2) as local, pytest.raises(ClusterSetupError, match="it has other decoders"):
        list(decode(local, entries, []))


@pytest.mark.slow
def test_work_waits_a_while_for_new_workers_when_all_are_gone_and_then_says_so(
    entries: Entries, faked: Callable[..., None], decode: Decode, monkeypatch: pytest.MonkeyPatch
):
    faked(able)
    monkeypatch.setattr(tasks, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(connection, "WORKERS_SECONDS", 120)
    with threads(1) as local:
        results = decode(local, entries, [])
        first = [next(results) for _ in range(5)]
        local.scale(0)
        while local.scheduler.workers:
            time.sleep(0.05)
        local.scale(1)
        assert len(first) + sum(1 for _ in results) == len(entries)
    with threads(1) as local:
        results = decode(local, entries, [])
        next(results)
        monkeypatch.setattr(connection, "WORKERS_SECONDS", 0.3)
        local.scale(0)
        with pytest.raises(ClusterError, match="has no workers left; what was done is kept"):
            list(results)


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    made = subprocess.Popen(
        [sys.executable, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield made
    finally:
        os.killpg(made.pid, signal.SIGKILL)
        made.communicate(timeout=30)


@contextmanager
def scheduler() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with process("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                 "--no-dashboard") as made:  # fmt: skip
        line = next(line for line in made.stderr if "Scheduler at:" in line)
        yield made, line.split()[-1]


WORKER = "from distributed.cli.dask_worker import main; main()"
OLDER = f"from clipper.store import facts; facts.FACTS_VERSION = 'older'; {WORKER}"
OPTIONS = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1")


@pytest.mark.linux
@pytest.mark.slow
def test_a_worker_of_another_version_is_left_out_and_a_lost_scheduler_is_told_in_one_line(
    home_of: Homes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(cluster, "BATCH", 4)
    monkeypatch.setattr(cluster, "SMALLEST", 4)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 15)
    home = home_of("home", 60)
    with scheduler() as (server, address), process("-c", OLDER, address, *OPTIONS):
        (home / CONFIG_NAME).open("a").write(f'dask = "{address}"\n')
        monkeypatch.setattr(connection, "WORKERS_SECONDS", 280)
        with pytest.raises(
            ClusterSetupError, match=r"on .* has another version of Clipper; install the same"
        ):
            index(Settings.load(home))
        with process("-c", WORKER, address, *OPTIONS):

            def kill(stage: str, done: int, total: int) -> None:
                if stage == "embed" and done > total // 3 and server.poll() is None:
                    server.kill()

            from distributed import Client

            with Client(address) as client:
                client.wait_for_workers(2, timeout=280)
            capfd.readouterr()
            with pytest.raises(ClusterError, match=rf"the Dask scheduler {address} is gone.*is kept"):
                index(Settings.load(home), progress=kill)
            assert "Traceback" not in capfd.readouterr().err
    (home / CONFIG_NAME).write_text((home / CONFIG_NAME).read_text().replace("dask =", "title ="))
    steps = {step.name: step for step in index(Settings.load(home))}
    assert 0 < steps["clip_embeddings"].counts["new"] < 60
    assert len(clipper.open(home)) == 60


def test_a_worker_that_cannot_run_the_engine_says_so_before_it_gets_work(
    model_folder: Path, small_home: Path
):
    settings = Settings(home=small_home, model=str(model_folder), device="cpu")
    values = settings.model_dump() | {"images": settings.images_location}
    model = ClusterModel(str(model_folder), "", find(settings).fingerprint, "of another machine")
    setup = Setup(values, settings.limits, (model,))
    with pytest.raises(ModelError, match=r"on the Dask worker .* cannot run in of another machine on cpu"):
        _usable(setup)
