"""Neighbors found by products on a device: exactly the nearest; a machine without a GPU notices nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clipper.projection import neighbors
from clipper.projection.graph import build_graph
from clipper.projection.neighbors import knn_graph, nearest, nearest_of_many
from clipper.projection.search import accelerated
from clipper.projection.search.accelerated import device_for, nearest_on, neighbors_on

Vectors = Callable[..., np.ndarray]


@pytest.fixture
def cpu() -> Any:
    import torch

    return torch.device("cpu")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerated, "QUERIES", 37)
    monkeypatch.setattr(accelerated, "COLUMNS", 50)
    monkeypatch.setattr(accelerated, "_SENT", 64)


@pytest.fixture
def as_if_on_gpu(monkeypatch: pytest.MonkeyPatch, cpu: Any) -> None:
    """A device that is found and computes, and vectors that are many."""
    monkeypatch.setattr(neighbors, "EXACT_KNN_LIMIT", 100)
    monkeypatch.setattr(neighbors, "EXACT_PAIRS", 0)
    monkeypatch.setattr(neighbors, "device_for", lambda *_: cpu)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("k", [1, 15, 60])
def test_a_device_finds_what_an_exact_search_finds(unit_vectors: Vectors, cpu: Any, k: int):
    vectors = unit_vectors(400)
    for own in (np.arange(300), None, np.where(np.arange(300) % 2, np.arange(300), -1)):
        rows, apart = nearest_on(cpu, vectors[:300], vectors, k, own=own)
        exact, true = nearest(vectors[:300], vectors, k, own=own)
        assert np.array_equal(rows, exact)
        assert apart == pytest.approx(true, abs=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_of_copies_on_a_device_the_first_comes_first_and_none_is_its_own_neighbor(
    unit_vectors: Vectors, cpu: Any
):
    vectors = np.repeat(unit_vectors(30), 4, axis=0)
    rows, apart = nearest_on(cpu, vectors, vectors, 3, own=np.arange(120))
    own = np.arange(120)[:, None]
    assert np.array_equal(rows // 4, np.repeat(own // 4, 3, axis=1))
    assert not (rows == own).any()
    assert (np.diff(rows, axis=1) > 0).all()
    assert (apart >= 0).all()


@pytest.mark.usefixtures("as_if_on_gpu")
def test_many_images_have_exactly_their_nearest_where_there_is_a_gpu(unit_vectors: Vectors):
    vectors = unit_vectors(600)
    true, apart = nearest(vectors, vectors, 40, own=np.arange(600))
    graph = build_graph(vectors)
    assert np.array_equal(graph.rows, true)
    assert graph.distances == pytest.approx(apart, abs=1e-6)
    assert np.array_equal(
        nearest_of_many(vectors[:50], vectors[50:], 5)[0], nearest(vectors[:50], vectors[50:], 5)[0]
    )


@pytest.mark.usefixtures("as_if_on_gpu")
def test_a_full_gpu_leaves_the_search_to_the_cpu_and_says_so(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    import torch

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(neighbors, "nearest_on", full)
    vectors = unit_vectors(300)
    rows, _ = knn_graph(vectors, 6)
    assert (rows[:, 1:] == nearest(vectors, vectors, 5, own=np.arange(300))[0]).mean() > 0.95
    assert "memory of cpu is full" in caplog.text


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "mps"])
def test_a_machine_without_a_gpu_searches_on_its_cpu(unit_vectors: Vectors, device: str):
    import torch

    vectors = unit_vectors(10)
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with neighbors_on(device):
        assert device_for(vectors, vectors) is None


@pytest.mark.usefixtures("as_a_gpu")
@pytest.mark.parametrize(
    ("setting", "found"), [("auto", "cuda"), ("cuda:1", "cuda:1"), ("cpu", None), ("mps", None)]
)
def test_the_setting_names_the_gpu(unit_vectors: Vectors, setting: str, found: str | None):
    import torch

    vectors = unit_vectors(1_000)
    with neighbors_on(setting):
        assert device_for(vectors, vectors) == (found and torch.device(found))
    assert device_for(vectors, vectors) is None


@pytest.mark.usefixtures("as_a_gpu")
def test_vectors_that_fill_the_gpu_or_make_too_many_pairs_are_searched_on_the_cpu(
    unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    vectors = unit_vectors(1_000)
    with neighbors_on("auto"):
        assert device_for(vectors, vectors)
        monkeypatch.setattr(accelerated, "MOST_PAIRS", len(vectors) ** 2 - 1)
        assert device_for(vectors, vectors) is None
        monkeypatch.setattr(accelerated, "MOST_PAIRS", 2e13)
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (4 * vectors.size, 1 << 40))
        assert device_for(vectors, vectors) is None


@pytest.fixture
def as_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver and a GPU with a gigabyte of free memory, as torch tells of them."""
    monkeypatch.setattr(accelerated, "_has_driver", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (1 << 30, 1 << 40))
