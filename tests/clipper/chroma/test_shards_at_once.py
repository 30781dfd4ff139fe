"""Large shards are written by several processes at once: with the same rows, and no error is lost."""

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
from chroma_rows import made

from clipper.chroma import fill
from clipper.chroma.build import Base, build
from clipper.chroma.collection import Address, in_folders
from clipper.chroma.rows import Difference, Known, Rows
from clipper.chroma.shards import open_all
from clipper.errors import SandboxError, StoreError
from clipper.images.child_tasks import decode_file
from clipper.images.decode_apart import spare
from clipper.store import embeddings
from clipper.store.shards import write_shard

Vectors = Callable[..., np.ndarray]
N = 90


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a few rows written as many are."""
    monkeypatch.setattr(fill, "APART", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(fill, "free_memory", lambda: 1 << 40)  # whatever else runs here
    spare(decode_file, os.getpid()).close()  # a query in an earlier test may have left it


def rows_of(vectors: np.ndarray, *, year: int = 2000) -> Rows:
    told = [{"x": float(i), "year": year, "tags": ["all"]} for i in range(len(vectors))]
    return made([f"{i}.jpg" for i in range(len(vectors))], vectors, told)


def held(folder: Path) -> dict[str, tuple[dict[str, object], bytes]]:
    with closing(open_all(in_folders(folder, 3))) as shards:
        got = shards.get(vectors=True)
    told = zip(got["metadatas"], got["embeddings"], strict=True)
    each = ((metadata, np.asarray(vector, np.float32).tobytes()) for metadata, vector in told)
    return dict(zip(got["ids"], each, strict=True))


def test_shards_that_are_written_at_once_hold_what_they_hold_one_after_another(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    rows, probes = rows_of(unit_vectors(N)), unit_vectors(5, seed=1)
    apart: list[int] = []
    fill_apart = fill._Children.fill
    monkeypatch.setattr(fill._Children, "fill", lambda *asked: (apart.append(1), fill_apart(*asked)))
    at_once = build(tmp_path / "at once", rows, probes=probes, shards=3)
    assert len(apart) == 3
    monkeypatch.setattr(fill, "free_memory", lambda: 0)
    in_turn = build(tmp_path / "in turn", rows, probes=probes, shards=3)
    assert len(apart) == 3
    assert at_once == in_turn
    assert held(tmp_path / "at once") == held(tmp_path / "in turn")


def test_changes_of_several_shards_are_made_at_once(tmp_path: Path, unit_vectors: Vectors):
    vectors, probes = unit_vectors(N), unit_vectors(5, seed=1)
    before, after = rows_of(vectors), rows_of(vectors, year=2001)
    build(tmp_path / "a", before, probes=probes, shards=3)
    built = build(tmp_path / "b", after, probes=probes, base=Base(tmp_path / "a", Known.of(before)), shards=3)
    assert (built.written, built.deleted) == (N, 0)
    assert {metadata["year"] for metadata, _ in held(tmp_path / "b").values()} == {2001}
    assert {metadata["year"] for metadata, _ in held(tmp_path / "a").values()} == {2000}


def test_vectors_on_disk_are_read_by_the_process_that_needs_them(tmp_path: Path, unit_vectors: Vectors):
    vectors = unit_vectors(N)
    store = embeddings.store(tmp_path / "vectors", dimensions=vectors.shape[1], fingerprint="f")
    of_images = rows_of(vectors)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    for start in (0, 40):  # two files
        some = [of_images.contents[start : start + 50], lists[start : start + 50]]
        write_shard(store.folder, pa.table(some, schema=store.schema))
    mapped = embeddings.MappedVectors(store, of_images.contents)
    rows = Rows(of_images.ids, mapped, of_images.metadata, of_images.contents, of_images.remade)
    some = mapped.only(np.array([7, 50]))
    assert np.array_equal(some[:], vectors[[7, 50]])
    assert all(one is other for (_, one), (_, other) in zip(some.blocks(), mapped.blocks(), strict=True))
    again = pickle.loads(pickle.dumps(some))  # noqa: S301 - our own
    assert np.array_equal(again[:], vectors[[7, 50]])
    probes = unit_vectors(5, seed=1)
    assert build(tmp_path / "a", rows, probes=probes, shards=3) == build(
        tmp_path / "b", of_images, probes=probes, shards=3
    )
    assert held(tmp_path / "a") == held(tmp_path / "b")


def test_what_is_wrong_with_one_shard_is_told_and_nothing_is_left(tmp_path: Path, unit_vectors: Vectors):
    vectors = unit_vectors(N)
    rows = rows_of(vectors)
    twice = made(["0.jpg", *rows.ids.to_pylist()[1:-1], "0.jpg"], vectors, rows.metadata_of(np.arange(N)))
    with pytest.raises(StoreError):
        build(tmp_path / "c", twice, probes=unit_vectors(5, seed=1), shards=1)
    with pytest.raises(StoreError, match=r"rows instead of|cannot be (used|written)"):
        build(tmp_path / "c", twice, probes=unit_vectors(5, seed=1), shards=3)
    assert list(tmp_path.iterdir()) == []


def children() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            found += [each] if "clipper.sandbox" in " ".join(each.cmdline()) else []
    return found


def dies(_asked: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}, []


def never_ends(_asked: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Leaves its process id in the folder of the shard, and waits."""
    folder = pickle.loads(blobs[0]).address.folder  # noqa: S301 - our own
    folder.mkdir(parents=True)
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(600)
    return {}, []


def second_dies(asked: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    shard = pickle.loads(blobs[0])  # noqa: S301 - our own
    return dies(asked, blobs) if shard.address.folder.name == "1" else never_ends(asked, blobs)


def refuses(_asked: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    return {"wrong": "", "os_error": [errno.ENOSPC, "No space left on device", "/a/file"]}, []


def pids_in(folder: Path, count: int) -> list[int]:
    """The processes that have begun to write, as soon as there are so many."""
    until = time.monotonic() + 60
    while len(found := [*folder.glob(".*/*/pid")]) < count and time.monotonic() < until:
        time.sleep(0.01)
    return [int(path.read_text() or 0) for path in found]


def not_here(*_: object, **__: object) -> None:
    pytest.fail("a shard was written by this process")


@pytest.mark.parametrize("what", [dies, second_dies])
def test_a_process_that_is_killed_ends_the_others_and_the_next_run_succeeds(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch, what: Any
):
    rows, probes = rows_of(unit_vectors(N)), unit_vectors(5, seed=1)
    with monkeypatch.context() as once:
        once.setattr(os, "cpu_count", lambda: 2)
        once.setattr(fill, "answer", what)
        once.setattr(fill, "_fill", not_here)
        with pytest.raises(SandboxError, match="was not written: its process was ended, perhaps for want of"):
            build(tmp_path / "c", rows, probes=probes, shards=6)
    assert (list(tmp_path.iterdir()), children()) == ([], [])
    assert build(tmp_path / "c", rows, probes=probes, shards=3).written == N


def test_a_killed_process_does_not_make_a_sound_base_be_written_anew(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    vectors, probes = unit_vectors(N), unit_vectors(5, seed=1)
    before = rows_of(vectors)
    build(tmp_path / "a", before, probes=probes, shards=3)
    monkeypatch.setattr(fill, "answer", dies)
    monkeypatch.setattr(Difference, "from_nothing", not_here)
    with pytest.raises(SandboxError, match="perhaps for want of memory"):
        build(
            tmp_path / "b",
            rows_of(vectors, year=2001),
            probes=probes,
            base=Base(tmp_path / "a", Known.of(before)),
            shards=3,
        )


def test_a_full_disk_is_told_as_the_system_tells_it(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fill, "answer", refuses)
    with pytest.raises(OSError, match=r"No space left on device: '/a/file'") as told:
        build(tmp_path / "c", rows_of(unit_vectors(N)), probes=unit_vectors(5, seed=1), shards=3)
    assert told.value.errno == errno.ENOSPC


def test_ctrl_c_ends_all_processes_at_once_and_leaves_nothing(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fill, "answer", never_ends)
    monkeypatch.setattr(fill, "_fill", not_here)

    def interrupt() -> None:
        pids_in(tmp_path, 3)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "c", rows_of(unit_vectors(N)), probes=unit_vectors(5, seed=1), shards=6)
    interrupting.join()
    assert (list(tmp_path.iterdir()), children()) == ([], [])


@pytest.mark.linux
def test_a_run_that_is_killed_takes_its_processes_with_it_and_the_next_one_writes_all(
    tmp_path: Path, unit_vectors: Vectors
):
    script = (
        "import os, sys, numpy as np; sys.path[:0] = sys.argv[2:]; from pathlib import Path; "
        "import test_shards_at_once as own; from clipper.chroma import fill; "
        "from clipper.chroma.build import build; "
        "fill.APART = 1; fill.answer = own.never_ends; os.cpu_count = lambda: 2; "
        "fill.free_memory = lambda: 1 << 40; "
        f"vectors = np.eye({N}, dtype=np.float32); "
        "build(Path(sys.argv[1]), own.rows_of(vectors), probes=vectors[:2], shards=6)"
    )
    here = Path(__file__)
    where = [str(here.parent), str(here.parents[1]), str(here.parents[3])]
    run = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "c"), *where])
    written = pids_in(tmp_path, 2)
    run.kill()
    run.wait()
    for pid in written:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(60)
    assert not any(map(psutil.pid_exists, written))
    assert (
        build(tmp_path / "c", rows_of(unit_vectors(N)), probes=unit_vectors(5, seed=1), shards=3).written == N
    )


def test_where_no_process_can_be_started_all_is_written_here(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("clipper.sandbox.process.sys.executable", str(tmp_path / "missing"))
    rows = rows_of(unit_vectors(N))
    assert build(tmp_path / "c", rows, probes=unit_vectors(5, seed=1), shards=3).written == N
    assert len(held(tmp_path / "c")) == N
    assert caplog.text.count("no child process can be started") == 3


@pytest.mark.parametrize(
    ("cores", "free", "at_once"),
    [(1, 1 << 40, 1), (16, 1 << 40, 6), (16, None, 2), (16, 2 << 30, 3), (16, 9, 0)],
)
def test_as_many_are_written_at_once_as_cores_and_free_memory_allow(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch, cores: int, free: int | None, at_once: int
):
    rows = rows_of(unit_vectors(N))
    shards = [
        fill.Shard(Address.in_folder(Path("none")), part, Difference.from_nothing(part), is_copy=False)
        for part in (rows.shard(number, 6) for number in range(6))
    ]
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(fill, "free_memory", lambda: free)
    assert fill._at_once(shards) == at_once
    monkeypatch.setattr(fill, "APART", N + 1)
    assert fill._at_once(shards) == 1
