import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clipper.chroma import build as collection_build
from clipper.chroma.build import Built, Difference, Rows
from clipper.chroma.build import build as build_at
from clipper.chroma.collection import Address, Collection
from clipper.errors import ClipperError, StoreError
from clipper.hashing import digest

Vectors = Callable[..., np.ndarray]


@pytest.fixture
def rows(unit_vectors: Vectors) -> Rows:
    vectors = unit_vectors(60)
    metadata = [
        {"x": float(i), "y": 0.5, "parity": "even" if i % 2 == 0 else "odd", "tags": [f"t{i}", "all"]}
        for i in range(60)
    ]
    return made([f"{i}.jpg" for i in range(60)], vectors, metadata)


def build(folder: Path, rows: Rows, *, probes: np.ndarray) -> Built:
    return build_at(Address.in_folder(folder), rows, probes=probes)


def opened(folder: Path) -> Collection:
    return Collection(Address.in_folder(folder))


def made(ids: list[str], vectors: np.ndarray, metadata: list[dict[str, object]]) -> Rows:
    digests = [digest(v.tobytes().hex(), m) for v, m in zip(vectors, metadata, strict=True)]
    return Rows(ids, vectors, metadata, digests)


def grown(folder: Path, base: Path, before: Rows, after: Rows, probes: np.ndarray, *, dead: int = 0) -> Built:
    known = dict(zip(before.ids, before.digests, strict=True))
    difference = Difference.between(known, dead, after)
    here, start = Address.in_folder(folder), Address.in_folder(base)
    return build_at(here, after, probes=probes, base=start, difference=difference)


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def held(folder: Path) -> dict[str, dict[str, object]]:
    collection = opened(folder)
    try:
        got = collection.get()
        return dict(zip(got["ids"], got["metadatas"], strict=True))
    finally:
        collection.close()


def test_the_ids_of_all_rows_come_page_by_page(
    tmp_path: Path, rows: Rows, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    build(tmp_path / "c", rows, probes=unit_vectors(5, seed=1))
    collection = opened(tmp_path / "c")
    for page in (7, 60, 1_000):  # the last one partly filled, none left over, all in one
        monkeypatch.setattr("clipper.chroma.collection._PAGE", page)
        assert sorted(collection.ids()) == sorted(rows.ids)
    collection.close()


def test_every_row_is_there_with_vector_and_metadata(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    built = build(tmp_path / "c", rows, probes=unit_vectors(5, seed=1))
    assert (built.written, built.deleted, built.dead) == (60, 0, 0)
    collection = opened(tmp_path / "c")
    assert collection.count() == 60
    got = collection.get(["7.jpg"], vectors=True)
    assert got["metadatas"][0] == dict(rows.metadata[7])
    assert np.allclose(got["embeddings"][0], rows.vectors[7], atol=1e-6)
    assert collection.nearest(rows.vectors[7], k=1) == ["7.jpg"]
    collection.close()


def test_only_what_differs_is_written_and_the_base_stays_byte_for_byte(
    tmp_path: Path, rows: Rows, unit_vectors: Vectors
):
    probes = unit_vectors(5, seed=1)
    build(tmp_path / "a", rows, probes=probes)
    before = fingerprint(tmp_path / "a")
    metadata = [dict(m) for m in rows.metadata]
    del metadata[3]["parity"]
    ids = [i for i in rows.ids if i != "5.jpg"] + ["new.jpg"]
    vectors = np.vstack([np.delete(rows.vectors, 5, axis=0), unit_vectors(1, seed=9)])
    after = made(ids, vectors, [m for i, m in enumerate(metadata) if i != 5] + [{"x": 1.0, "y": 1.0}])
    built = grown(tmp_path / "b", tmp_path / "a", rows, after, probes)
    assert (built.written, built.deleted, built.dead) == (2, 1, 2)
    assert fingerprint(tmp_path / "a") == before
    now = held(tmp_path / "b")
    assert set(now) == set(ids)
    assert "parity" not in now["3.jpg"]
    assert now["new.jpg"] == {"x": 1.0, "y": 1.0}
    assert held(tmp_path / "a").keys() == set(rows.ids)
    collection = opened(tmp_path / "b")
    assert "5.jpg" not in collection.nearest(rows.vectors[5], k=60)
    assert len(collection.nearest(rows.vectors[5], k=100)) == 60
    collection.close()


def test_nothing_of_a_build_is_left_beside_it(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_run_left_in_its_place_is_replaced(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "chroma.sqlite3").write_bytes(b"half")
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    assert len(held(tmp_path / "a")) == 60


def test_when_a_third_would_be_dead_it_is_made_anew(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    probes = unit_vectors(5, seed=1)
    build(tmp_path / "a", rows, probes=probes)
    changed = [{**m, "v": 1} if i < 15 else dict(m) for i, m in enumerate(rows.metadata)]
    some = made(list(rows.ids), rows.vectors, changed)
    assert grown(tmp_path / "b", tmp_path / "a", rows, some, probes).written == 15
    built = grown(tmp_path / "c", tmp_path / "b", rows, some, probes, dead=15)
    assert (built.written, built.dead) == (60, 0)


@pytest.mark.parametrize("good_enough", [0.9, 1.0])
def test_where_the_wanted_recall_cannot_be_had_that_of_the_base_will_do(
    tmp_path: Path,
    rows: Rows,
    unit_vectors: Vectors,
    monkeypatch: pytest.MonkeyPatch,
    good_enough: float,
):
    probes = unit_vectors(5, seed=1)
    build(tmp_path / "a", rows, probes=probes)
    tune = collection_build._tune
    monkeypatch.setattr(collection_build, "_tune", lambda *given: (tune(*given)[0], 0.9))
    vectors, metadata = np.vstack([rows.vectors, unit_vectors(1, seed=9)]), [*rows.metadata, {"x": 1.0}]
    after = made([*rows.ids, "n"], vectors, metadata)
    known = dict(zip(rows.ids, rows.digests, strict=True))
    built = build_at(
        Address.in_folder(tmp_path / "b"),
        after,
        probes=probes,
        base=Address.in_folder(tmp_path / "a"),
        difference=Difference.between(known, 0, after),
        good_enough=good_enough,
    )
    assert (built.written, built.recall) == (1 if good_enough == 0.9 else 61, 0.9)


def test_a_damaged_base_is_not_built_upon(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    probes = unit_vectors(5, seed=1)
    build(tmp_path / "a", rows, probes=probes)
    (tmp_path / "a" / "chroma.sqlite3").write_bytes(b"not a database at all" * 100)
    after = made([*rows.ids, "n"], np.vstack([rows.vectors, rows.vectors[:1]]), [*rows.metadata, {"x": 1.0}])
    assert grown(tmp_path / "b", tmp_path / "a", rows, after, probes).written == 61
    assert len(held(tmp_path / "b")) == 61


def test_a_collection_reports_the_ef_that_it_searches_with(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    probes = unit_vectors(5, seed=1)
    build(tmp_path / "a", rows, probes=probes)
    collection = opened(tmp_path / "a")
    collection._collection.modify(configuration={"hnsw": {"ef_search": 800}})
    collection.close()
    built = grown(tmp_path / "b", tmp_path / "a", rows, rows, probes)
    collection = opened(tmp_path / "b")
    assert collection._collection.configuration["hnsw"]["ef_search"] == built.ef
    collection.close()


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({"parity": "even"}, 30),
        ({"parity": {"$ne": "even"}}, 30),
        ({"x": {"$lt": 10.0}}, 10),
        ({"tags": {"$contains": "t7"}}, 1),
        ({"tags": {"$contains": "all"}}, 60),
        ({"$and": [{"parity": "odd"}, {"x": {"$gte": 50.0}}]}, 5),
        ({"parity": {"$in": ["even", "odd"]}}, 60),
        ({"parity": "neither"}, 0),
    ],
)
def test_a_filter_gives_all_that_satisfy_it(
    tmp_path: Path, rows: Rows, unit_vectors: Vectors, where: dict[str, object], count: int
):
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    collection = opened(tmp_path / "a")
    assert len(collection.nearest(-rows.vectors[0], k=60, where=where)) == count
    collection.close()


@pytest.mark.parametrize(
    "where",
    [
        {"$nonsense": 1},
        {"x": {"$like": "a"}},
        {"x": {"$in": []}},
        {"x": None},
        {"$and": []},
        {"x": object()},
        {"x": {"$gt": "a"}},
        {3: 4},
    ],
)
def test_a_filter_that_is_not_understood_is_reported(
    tmp_path: Path, rows: Rows, unit_vectors: Vectors, where: dict[str, object]
):
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    collection = opened(tmp_path / "a")
    with pytest.raises(ClipperError, match="filter"):
        collection.nearest(rows.vectors[0], k=5, where=where)
    collection.close()


def test_recall_is_measured_against_brute_force(tmp_path: Path, unit_vectors: Vectors):
    vectors = unit_vectors(3_000, d=64, groups=40)
    rows = made([str(i) for i in range(3_000)], vectors, [{"x": 0.0, "y": 0.0}] * 3_000)
    probes = unit_vectors(20, d=64, groups=20, seed=5)
    built = build(tmp_path / "a", rows, probes=probes)
    assert built.recall >= 0.95
    collection = opened(tmp_path / "a")
    hits = [
        len({str(i) for i in np.argsort(-(vectors @ p))[:10]} & set(collection.nearest(p, k=10)))
        for p in probes
    ]
    assert abs(np.mean(hits) / 10 - built.recall) < 0.02
    collection.close()


def test_a_folder_without_a_collection_is_reported(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="empty"):
        opened(tmp_path / "empty")
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    assert len(held(tmp_path / "copy")) == 60


def test_a_damaged_collection_is_reported_with_its_folder(tmp_path: Path, rows: Rows, unit_vectors: Vectors):
    build(tmp_path / "a", rows, probes=unit_vectors(5))
    (tmp_path / "a" / "chroma.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="a is damaged; delete it"):
        opened(tmp_path / "a")


def test_text_of_every_kind_comes_back_as_it_was(tmp_path: Path, unit_vectors: Vectors):
    odd = {"é \U0001f600": "ä\nö\t\x1b[31m", "q'uo\"te": "'; DROP TABLE", "n": -(2**63), "b": False, "e": ""}
    rows = made(["ä/日本.jpg"], unit_vectors(1), [odd])
    build(tmp_path / "a", rows, probes=unit_vectors(2))
    assert held(tmp_path / "a") == {"ä/日本.jpg": odd}
