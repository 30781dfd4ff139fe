"""The folder of a run that the workers of a cluster write to: who sees it, and that nothing stays of it."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clipper.errors import ClusterSetupError, StoreError
from clipper.indexing.cluster.shared import shared_folder
from clipper.store import embeddings
from clipper.store.home import Home


def test_what_lost_runs_left_and_the_folder_of_this_run_are_deleted(tmp_path: Path):
    left = tmp_path / "store" / ".cluster.of-a-lost-run.tmp" / "thumbnails"
    left.mkdir(parents=True)
    (left / "half.arrow").write_bytes(b"half")

    def interrupted() -> None:
        with shared_folder(Home(tmp_path)) as shared:
            assert not left.exists()
            assert shared.is_seen()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list((tmp_path / "store").iterdir())


def test_the_folder_is_deleted_while_a_worker_still_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rmdir = os.rmdir

    def write_then_rmdir(*args: Any, **options: Any) -> None:
        with suppress(OSError):  # the worker of a task that nobody waits for writes at the worst moment
            (shared.path / "late").write_bytes(b"late")
        rmdir(*args, **options)

    with shared_folder(Home(tmp_path)) as shared:
        monkeypatch.setattr(os, "rmdir", write_then_rmdir)
    assert not list((tmp_path / "store").iterdir())


def test_a_machine_with_another_disk_under_the_same_path_does_not_see_the_folder(tmp_path: Path):
    with shared_folder(Home(tmp_path)) as shared:
        assert shared.is_seen()
        assert not replace(shared, token="of another run").is_seen()  # noqa: S106 - no password
        (shared.path / "token").write_bytes(b"\xff")
        assert not shared.is_seen()
        assert not shared.prove()


def test_a_worker_whose_files_this_machine_does_not_see_is_unfit(tmp_path: Path):
    with shared_folder(Home(tmp_path)) as shared:
        shared.check_proof(shared.prove())
        assert [path.name for path in shared.path.iterdir()] == ["token"]
        with pytest.raises(ClusterSetupError, match="cannot read; run it as the same user"):
            shared.check_proof("proof-of-another-disk")


def test_a_shard_that_is_gone_or_half_written_is_not_taken(tmp_path: Path):
    store = embeddings.store(tmp_path / "vectors", dimensions=4, fingerprint="model")
    row = embeddings.row(bytes(16), [0.5, 0.5, 0.5, 0.5])
    (tmp_path / "shared").mkdir()
    whole = tmp_path / "shared" / store.write([row], tmp_path / "shared")
    half = whole.with_name("half.arrow")
    half.write_bytes(whole.read_bytes()[:-20])
    for path in (half, whole.with_name("gone.arrow")):
        with pytest.raises(StoreError, match=path.name):
            store.take(path)
    assert not store.keys()
    store.take(whole)
    assert store.keys() == {bytes(16)}
    assert not whole.exists()
