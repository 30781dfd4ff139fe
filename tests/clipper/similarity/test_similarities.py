import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from similarity_vectors import D, key, scan_of, unit, vectors_like_clip, write

from clipper.similarity import codes, similarities
from clipper.similarity.scan import Scan, Together
from clipper.similarity.similarities import Similarities
from clipper.store import embeddings

N = 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors with codes, a few that came later without, and near ones that no code tells apart."""
    folder = tmp_path_factory.mktemp("vectors")
    vectors = vectors_like_clip(N)
    vectors[500:560] = unit(vectors[500] + np.random.default_rng(9).normal(size=(60, D)) * 1e-3)
    vectors[900:905] = vectors[899]
    write(folder, vectors[:1_700])
    codes.update(folder, least=0)
    write(folder, vectors[1_700:], first=1_700)
    return folder


@pytest.fixture(scope="module")
def scan(folder: Path) -> Scan:
    """Rows in another order than on disk, one content twice, some contents of no row."""
    order = np.random.default_rng(4).permutation(N)[: N - 50]
    return scan_of(folder, [key(int(number)) for number in [*order, order[7]]])


def queries() -> list[np.ndarray]:
    """Off the images' cone, as texts are; within it; exactly on one; longer than 1."""
    random = np.random.default_rng(5)
    own = vectors_like_clip(N)
    return [*unit(random.normal(size=(6, D))), own[3], own[500], own[899], 3 * own[5]]


@pytest.mark.parametrize("vector", queries())
def test_no_similarity_is_further_off_than_its_bound(scan: Scan, vector: np.ndarray):
    found = scan.similarities(vector)
    exact = scan._stored[:].astype(np.float64) @ vector
    assert (np.abs(found.near - exact) <= found._errors * found._scale).all()
    assert np.corrcoef(found.near, exact)[0, 1] > 0.9995
    assert np.array(found) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("vector", queries())
@pytest.mark.parametrize("k", [1, 10, 60, 700])
def test_the_best_are_those_of_an_exact_search(scan: Scan, vector: np.ndarray, k: int):
    exact = scan._stored.dot(vector)
    order = np.argsort(-exact, kind="stable")
    rows, values = scan.similarities(vector).best(k)
    assert rows.tolist() == order[:k].tolist()
    assert values.tolist() == exact[rows].tolist()
    among = np.arange(len(exact)) % 3 == 0
    rows, _ = scan.similarities(vector).best(k, among=among)
    assert rows.tolist() == order[among[order]][:k].tolist()


@pytest.mark.parametrize("vector", queries())
def test_an_image_is_within_limits_if_its_exact_similarity_is(scan: Scan, vector: np.ndarray):
    exact = scan._stored.dot(vector)
    limits = [float(np.quantile(exact, share)) for share in (0.0, 0.5, 0.98, 1.0)]
    for low in [None, *limits, -2.0, 2.0]:
        for high in [None, *limits]:
            wanted = np.ones(len(exact), bool)
            wanted &= exact >= np.float32(low) if low is not None else True
            wanted &= exact <= np.float32(high) if high is not None else True
            assert (scan.similarities(vector).within(low, high) == wanted).all()
    assert scan.similarities(vector).extremes() == (float(exact.min()), float(exact.max()))


def test_an_image_has_one_similarity_however_it_is_asked_for(scan: Scan):
    vector = queries()[0]
    every = np.array(scan.similarities(vector))
    found = scan.similarities(vector)
    few, mask = np.array([5, 1, 5, 88]), np.arange(len(every)) < 9
    assert found[few].tolist() == every[few].tolist()
    assert found[mask].tolist() == every[mask].tolist()
    assert (found[3], found[-1], found[np.int32(4)]) == (every[3], every[-1], every[4])
    assert found[10:12].tolist() == every[10:12].tolist()
    assert found[np.arange(500)].tolist() == every[:500].tolist()
    rows, values = found.best(9)
    assert values.tolist() == every[rows].tolist()
    with pytest.raises(IndexError):
        scan.similarities(vector)[len(every)]


def test_few_vectors_are_read_to_rank_many(scan: Scan, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    real = embeddings.MappedVectors.dot_rows
    monkeypatch.setattr(embeddings.MappedVectors, "dot", None)
    monkeypatch.setattr(
        embeddings.MappedVectors,
        "dot_rows",
        lambda self, rows, vector: asked.append(len(rows)) or real(self, rows, vector),
    )
    found = scan.similarities(queries()[0])
    found.best(10)
    found.within(found.near.max() - 0.01, None)
    assert 0 < sum(asked) < 0.1 * len(found)


def test_images_that_no_code_tells_apart_are_ranked_by_their_vectors(folder: Path):
    vector = vectors_like_clip(N)[500]
    found = scan_of(folder, [key(number) for number in range(500, 560)]).similarities(vector)
    exact = np.array(found)
    assert len(np.unique(exact)) > 10
    assert found.best(5)[0].tolist() == np.argsort(-exact, kind="stable")[:5].tolist()


def test_without_codes_all_is_exact_at_once(tmp_path: Path):
    store = write(tmp_path, vectors_like_clip(40))
    scan = Scan(embeddings.MappedVectors(store, [key(number) for number in range(40)]))
    found = scan.similarities(queries()[0])
    assert found.near.tolist() == scan._stored.dot(queries()[0]).tolist() == np.array(found).tolist()
    assert len(Scan(embeddings.MappedVectors(store, [])).similarities(queries()[0]).best(3)[0]) == 0


def test_a_vector_that_is_not_finite_comes_last_and_hides_no_other(tmp_path: Path):
    vectors = vectors_like_clip(400)
    vectors[17] = np.nan
    write(tmp_path, vectors)
    codes.update(tmp_path, least=0)
    found = scan_of(tmp_path, [key(number) for number in range(400)]).similarities(vectors[3])
    assert found.best(1)[0].tolist() == [3]
    assert found.best(400)[0][-1] == 17


def test_a_query_that_is_not_finite_ranks_in_order_of_the_rows(scan: Scan):
    found = scan.similarities(np.full(D, np.nan, np.float32))
    assert found.best(3)[0].tolist() == [0, 1, 2]
    assert found.extremes() == (-1.0, -1.0)
    assert found[17] == -1
    assert not found.within(-0.9, None)[17]


def test_codes_of_a_model_with_other_dimensions_are_not_used(folder: Path, tmp_path: Path):
    store = embeddings.store(tmp_path, dimensions=2, fingerprint="model")
    store.append([embeddings.row(key(0), np.array([1, 0], np.float32))])
    scan = Scan(embeddings.MappedVectors(store, [key(0)]), codes.read_packs(folder))
    assert scan.similarities(np.array([0.6, 0.8], np.float32)).near.tolist() == [np.float32(0.6)]


def test_the_first_query_of_a_command_waits_for_no_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "numba")
    store = embeddings.store(folder, dimensions=D, fingerprint="model")
    mapped = embeddings.MappedVectors(store, [key(number) for number in range(N)])
    scan, vector = Scan(mapped, codes.read_packs(folder)), queries()[0]
    first, second = scan.similarities(vector), scan.similarities(vector)
    assert first.near.tolist() == mapped.dot(vector).tolist()
    assert "numba" not in sys.modules
    assert second.near.tolist() != first.near.tolist()


class _Known:
    """Exact similarities that are known, and how many were asked for."""

    def __init__(self, values: np.ndarray) -> None:
        self._values, self.asked = values, 0

    def at(self, rows: np.ndarray) -> np.ndarray:
        self.asked += len(rows)
        return self._values[rows]

    def all(self) -> np.ndarray:
        self.asked += len(self._values)
        return self._values


@pytest.mark.parametrize("share", [None, 0.5, 0.002, "together"])
@pytest.mark.parametrize("k", [1, 60, 900])
def test_of_many_blocks_few_vectors_are_read_for_the_best(share: float | str | None, k: int):
    n, random = 3 * similarities._BLOCK + 1_001, np.random.default_rng(8)
    exact = random.normal(0.2, 0.05, n).astype(np.float32)
    exact[random.permutation(n)[:400]] = exact.max()
    errors = random.uniform(0, 2e-3, n).astype(np.float32)
    near = exact + (errors * random.uniform(-0.49, 0.49, n)).astype(np.float32)
    known = _Known(exact)
    found = Similarities(near, errors, 0.5, known)
    if share == "together":
        among = np.arange(n) // 1_000 == 70
    else:
        among = None if share is None else random.random(n) < share
    rows = np.arange(n) if among is None else np.flatnonzero(among)
    best, values = found.best(k, among=among)
    assert best.tolist() == rows[np.argsort(-exact[rows], kind="stable")[:k]].tolist()
    assert values.tolist() == exact[best].tolist()
    assert known.asked < 0.05 * n
    assert found.extremes() == (exact.min(), exact.max())
    assert (found.within(0.15, 0.31) == ((exact >= np.float32(0.15)) & (exact <= np.float32(0.31)))).all()


def test_of_no_images_there_are_no_similarities():
    none = np.empty(0, np.float32)
    found = Similarities(none, none, 1.0, _Known(none))
    assert len(found.best(3)[0]) == len(found.within(0.1, None)) == 0
    assert found.extremes() == (0.0, 0.0)


def test_exact_ones_are_taken_as_they_are():
    found = Similarities.of(np.array([0.1, np.nan, 0.3], np.float32))
    assert found is Similarities.of(found)
    assert found.best(2)[0].tolist() == [2, 0]
    assert found[1] == -1
    assert len(found.best(0)[0]) == 0
    assert Similarities.of(np.empty(0)).extremes() == (0.0, 0.0)


def test_when_most_are_near_a_limit_all_vectors_are_read_once(scan: Scan, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(similarities, "_MANY", 0.0)
    vector = queries()[1]
    found, exact = scan.similarities(vector), scan._stored.dot(vector)
    assert (found.within(float(exact[0]), None) == (exact >= exact[0])).all()
    assert found.exact() is found.exact()


def test_queries_that_wait_are_compared_together_and_each_gets_its_own(scan: Scan):
    asked = queries() * 3
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(scan.similarities, asked))
    for vector, each in zip(asked, found, strict=True):
        exact = scan._stored.dot(vector)
        assert each.best(20)[0].tolist() == np.argsort(-exact, kind="stable")[:20].tolist()


def test_those_who_ask_meanwhile_are_worked_for_at_once():
    busy, go_on, sizes = threading.Event(), threading.Event(), []

    def double(vectors: np.ndarray) -> np.ndarray:
        sizes.append(len(vectors))
        busy.set()
        go_on.wait(300)
        return 2 * vectors[:, 0]

    ask = Together(double, most=3)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, np.array([0.0]))
        busy.wait(300)
        others = [pool.submit(ask, np.array([float(number)])) for number in range(1, 6)]
        while len(ask._waiting) < 5:
            time.sleep(0.001)
        go_on.set()
        assert [float(each.result(300)) for each in [first, *others]] == [0, 2, 4, 6, 8, 10]
    assert sizes == [1, 3, 2]


def test_an_error_reaches_all_that_asked_and_ends_nothing():
    def fail(vectors: np.ndarray) -> np.ndarray:
        if vectors.min() < 0:
            raise ValueError("no")
        return vectors

    ask = Together(fail, most=4)
    with pytest.raises(ValueError, match="no"):
        ask(np.array([-1.0]))
    assert ask(np.array([1.0])).tolist() == [1.0]


def test_vectors_that_a_run_adds_meanwhile_cost_a_search_nothing(tmp_path: Path):
    write(tmp_path, vectors_like_clip(300))
    codes.update(tmp_path, least=0)
    write(tmp_path, vectors_like_clip(300, seed=1), first=300)
    scan = scan_of(tmp_path, [key(number) for number in range(300)])
    assert scan._length == 300
    assert scan.similarities(queries()[0]).best(300)[0].max() < 300
