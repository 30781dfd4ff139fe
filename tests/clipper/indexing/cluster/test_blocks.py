"""Blocks that the workers of a real Dask cluster compute: the same bytes, and who computes if they cannot."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipper.errors import ClusterError, StoreError
from clipper.indexing.cluster import block_worker, blocks
from clipper.indexing.cluster.blocks import blocks_on_cluster
from clipper.indexing.cluster.shared import SharedFolder
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.outliers import score_outliers
from clipper.projection import neighbors
from clipper.projection.graph import build_graph, update_graph
from clipper.projection.layout import place_rest
from clipper.projection.neighbors import Vectors
from clipper.projection.search import updates
from clipper.projection.search.blocks import Blocks, Selection, compute_blocks, starts_of
from clipper.settings import Settings
from clipper.store import embeddings

Computed = Callable[[], Any]


@pytest.fixture
def work(tmp_path: Path, local: Any, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(blocks, "CLUSTER_FROM", 0.0)
    (tmp_path / "images").mkdir()
    return Workspace(Settings(home=tmp_path, dask=local.scheduler_address))


@pytest.fixture
def vectors(work: Workspace) -> Vectors:
    """Vectors of a few groups in three shards of the home, in another order than there."""
    random = np.random.default_rng(0)
    groups = random.normal(size=(30, 24))
    made = groups[random.integers(0, 30, 3_000)] + 0.6 * random.normal(size=(3_000, 24))
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    keys = [n.to_bytes(16, "big") for n in range(len(made))]
    store = embeddings.store(work.home.embeddings("model"), dimensions=24, fingerprint="model")
    for part in range(3):
        store.append(
            [embeddings.row(key, row) for key, row in zip(keys[part::3], made[part::3], strict=True)]
        )
    return embeddings.MappedVectors(store, keys)


def on_cluster(work: Workspace, computed: Computed) -> tuple[Any, list[str]]:
    """What is computed, and the notes."""
    step = Step("step")
    with blocks_on_cluster(work, step, "stage"):
        return computed(), step.notes


def count_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the blocks that this machine computes itself."""
    here: list[int] = []
    compute = Blocks.compute

    def noting(self: Blocks, number: int) -> tuple[np.ndarray, ...]:
        here.append(number)
        return compute(self, number)

    monkeypatch.setattr(Blocks, "compute", noting)
    return here


COMPUTED: dict[str, Callable[[Vectors], tuple[np.ndarray, ...]]] = {
    "exact neighbors": lambda v: neighbors.nearest(v, v, 12, own=np.arange(len(v))),
    "neighbors of some among others": lambda v: neighbors.nearest(
        Selection(v, np.arange(0, 900)), Selection(v, np.arange(700, 3_000)), 7
    ),
    "a graph": lambda v: tuple(vars(build_graph(v)).values()),
    "a graph with new images": lambda v: tuple(
        vars(
            update_graph(
                build_graph(Selection(v, np.arange(2_800))),
                v,
                np.where(np.arange(3_000) < 2_800, np.arange(3_000), -1),
            )
        ).values()
    ),
    "a placed half": lambda v: (
        place_rest(v, np.arange(3_000) % 2 == 0, np.arange(3_000.0).reshape(-1, 2)).positions,
    ),
    "scores": lambda v: (score_outliers(v),),
}


@pytest.mark.parametrize("what", COMPUTED)
@pytest.mark.parametrize("limit", [neighbors.EXACT_KNN_LIMIT, 1_000])
def test_a_cluster_computes_the_same_bytes(
    work: Workspace, vectors: Vectors, what: str, limit: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(neighbors, "EXACT_KNN_LIMIT", limit)
    monkeypatch.setattr(updates, "LISTS", 700)
    monkeypatch.setattr(neighbors, "EXACT_PAIRS", 1_000 if limit == 1_000 else neighbors.EXACT_PAIRS)
    wanted = COMPUTED[what](vectors)
    reported: list[tuple[int, int]] = []
    work.progress = lambda stage, done, total: reported.append((done, total)) if "cluster" in stage else None
    here = count_here(monkeypatch)
    found, notes = on_cluster(work, lambda: COMPUTED[what](vectors))
    for one, other in zip(wanted, found, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert not notes
    assert reported[-1][0] == reported[-1][1] > 0
    # The rounds in which scores learn what is usual see few images, in threads of this machine.
    assert not here or what == "scores"
    assert not list(work.home.store.glob(".cluster*"))


def test_little_work_is_not_sent_and_a_home_without_a_cluster_connects_to_none(
    work: Workspace, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "connected", pytest.fail)
    monkeypatch.setattr(blocks, "CLUSTER_FROM", 20.0)
    on_cluster(work, lambda: COMPUTED["exact neighbors"](vectors))
    monkeypatch.setattr(blocks, "CLUSTER_FROM", 0.0)
    work.settings = work.settings.model_copy(update={"dask": ""})
    on_cluster(work, lambda: COMPUTED["exact neighbors"](vectors))


def test_this_machine_computes_if_no_worker_sees_the_homes_disk(
    work: Workspace, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    made = blocks.shared_folder

    @contextmanager
    def elsewhere(*args: Any) -> Iterator[SharedFolder]:
        with made(*args) as folder:  # as on machines with another disk under the same path
            yield replace(folder, token="of another run")  # noqa: S106 - no password

    monkeypatch.setattr(blocks, "shared_folder", elsewhere)
    wanted = COMPUTED["exact neighbors"](vectors)
    found, notes = on_cluster(work, lambda: COMPUTED["exact neighbors"](vectors))
    assert all(map(np.array_equal, wanted, found))
    assert "mount the home on the same disk" in notes[0]
    assert notes[-1].endswith("this machine computes")


def test_workers_of_another_version_compute_nothing(
    work: Workspace, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "versions", lambda: ("another",))
    _, notes = on_cluster(work, lambda: COMPUTED["exact neighbors"](vectors))
    assert "has another version of Clipper or numpy" in notes[0]


def fail(_: Mapping[str, Any], number: int, __: slice) -> tuple[np.ndarray, ...]:
    raise ValueError(number)


def write_half(_: Mapping[str, Any], __: int, rows: slice) -> tuple[np.ndarray, ...]:
    return (np.zeros((rows.stop - rows.start) // 2),)


@pytest.mark.parametrize(
    ("kernel", "error", "message"),
    [(fail, ClusterError, "ValueError"), (write_half, StoreError, "cannot be read.*run again")],
)
def test_a_block_that_fails_again_and_again_ends_the_run_in_one_line(
    work: Workspace, kernel: Any, error: type[Exception], message: str
):
    failing = Blocks(kernel, {}, starts_of(40, 4), seconds=1.0)
    with pytest.raises(error, match=message):
        on_cluster(work, lambda: compute_blocks(failing, np.empty(40)))
    assert not list(work.home.store.glob(".cluster*"))


def test_a_task_has_whole_blocks_and_all_rows_are_in_one():
    starts = np.array([0, 0, 5, 5, 5, 30, 31, 40, 40])  # some blocks are empty
    made = blocks._ranges(Blocks(fail, {}, starts, seconds=1.0), 3)
    assert [task.starts[0] for task in made] == [0, *(task.starts[-1] for task in made[:-1])]
    assert made[-1].starts[-1] == 40
    for task in made:
        assert list(task.starts) == starts[task.first : task.first + len(task.starts)].tolist()
    assert len(made) > 1
    assert block_worker.versions()
