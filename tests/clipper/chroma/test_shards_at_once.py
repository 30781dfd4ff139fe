"""Large shards are written by several processes at once: with the same rows, and no error is lost."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
from chroma_rows import made

from clipper.chroma import fill
from clipper.chroma.build import Base, build
from clipper.chroma.collection import in_folders
from clipper.chroma.rows import Known, Rows
from clipper.chroma.shards import open_all
from clipper.errors import StoreError
from clipper.store import embeddings
from clipper.store.shards import write_shard

Vectors = Callable[..., np.ndarray]
N = 90


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a few rows written as many are."""
    monkeypatch.setattr(fill, "APART", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


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
    fill_apart = fill._fill_apart
    monkeypatch.setattr(fill, "_fill_apart", lambda *asked: (apart.append(1), fill_apart(*asked)))
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


def dies(_asked: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}, []


def never_ends(_asked: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    time.sleep(600)
    return {}, []


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "clipper.sandbox" in " ".join(each.cmdline())]


def test_a_process_that_is_killed_is_told_and_the_next_run_succeeds(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    rows, probes = rows_of(unit_vectors(N)), unit_vectors(5, seed=1)
    with monkeypatch.context() as once:
        once.setattr(fill, "answer", dies)
        with pytest.raises(StoreError, match="its process ended early, probably for want of memory"):
            build(tmp_path / "c", rows, probes=probes, shards=3)
    assert list(tmp_path.iterdir()) == []
    assert build(tmp_path / "c", rows, probes=probes, shards=3).written == N


def test_ctrl_c_ends_all_processes_at_once_and_leaves_nothing(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fill, "answer", never_ends)

    def interrupt() -> None:
        until = time.monotonic() + 60
        while len(children()) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "c", rows_of(unit_vectors(N)), probes=unit_vectors(5, seed=1), shards=3)
    interrupting.join()
    assert list(tmp_path.iterdir()) == []
    assert children() == []


def test_where_no_process_can_be_started_all_is_written_here(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("clipper.sandbox.process.sys.executable", str(tmp_path / "missing"))
    rows = rows_of(unit_vectors(N))
    assert build(tmp_path / "c", rows, probes=unit_vectors(5, seed=1), shards=3).written == N
    assert len(held(tmp_path / "c")) == N
