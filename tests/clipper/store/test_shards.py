from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clipper.errors import StoreError
from clipper.store import embeddings, facts
from clipper.store.home import Home
from clipper.store.shards import KEY, ShardStore, compact

Vectors = Callable[..., np.ndarray]


def key(i: int) -> bytes:
    return i.to_bytes(16, "big")


def store(folder: Path, *, fingerprint: str = "model", dimensions: int = 32) -> ShardStore:
    return embeddings.store(folder, dimensions=dimensions, fingerprint=fingerprint)


def rows(keys: list[bytes], vectors: np.ndarray) -> list[dict[str, object]]:
    return [embeddings.row(key, vector) for key, vector in zip(keys, vectors, strict=True)]


def test_what_was_appended_is_read_in_any_order(tmp_path: Path, unit_vectors: Vectors):
    vectors = unit_vectors(30)
    shards = store(tmp_path)
    shards.append(rows([key(i) for i in range(20)], vectors[:20]))
    shards.append(rows([key(i) for i in range(20, 30)], vectors[20:]))
    order = [25, 3, 29, 0, 3]
    for opened in (shards, store(tmp_path)):
        assert np.array_equal(embeddings.read(opened, [key(i) for i in order]), vectors[order])
        assert opened.keys() == {key(i) for i in range(30)}
    assert len(list(tmp_path.glob("*.arrow"))) == 2


def test_products_are_those_of_the_vectors_asked_for(
    tmp_path: Path, unit_vectors: Vectors, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embeddings, "BLOCK", 7)  # several in each shard, the last one shorter
    vectors = unit_vectors(30)
    shards = store(tmp_path)
    shards.append(rows([key(i) for i in range(20)], vectors[:20]))
    shards.append(rows([key(i) for i in range(20, 30)], vectors[20:]))
    order = [25, 3, 29, 0, 3, *range(10, 22)]  # not of all the rows that are on disk
    mapped = embeddings.MappedVectors(shards, [key(i) for i in order])
    assert mapped.shape == (17, 32)
    assert np.array_equal(mapped[2:5], vectors[[29, 0, 3]])
    assert np.array_equal(mapped[np.array([4, 0])], vectors[[3, 25]])
    assert np.allclose(mapped.dot(vectors[7]), vectors[order] @ vectors[7], atol=1e-6)
    assert np.allclose(
        mapped.best_similarity(vectors[5:8]), (vectors[order] @ vectors[5:8].T).max(0), atol=1e-6
    )
    assert embeddings.MappedVectors(store(tmp_path / "none"), []).dot(vectors[0]).shape == (0,)


def test_appending_never_touches_what_is_there(tmp_path: Path, unit_vectors: Vectors):
    shards = store(tmp_path)
    shards.append(rows([key(1)], unit_vectors(1)))
    (first,) = tmp_path.glob("*.arrow")
    before = (first.stat().st_ino, first.stat().st_mtime_ns, first.read_bytes())
    shards.append(rows([key(2)], unit_vectors(1)))
    assert (first.stat().st_ino, first.stat().st_mtime_ns, first.read_bytes()) == before


def test_the_same_rows_again_replace_themselves(tmp_path: Path, unit_vectors: Vectors):
    shards = store(tmp_path)
    for _ in range(2):
        shards.append(rows([key(1), key(2)], unit_vectors(2)))
    assert len(list(tmp_path.glob("*.arrow"))) == 1
    assert np.array_equal(embeddings.read(shards, [key(2)]), unit_vectors(2)[1:])


def test_nothing_to_append_writes_nothing(tmp_path: Path):
    store(tmp_path / "none").append([])
    assert not (tmp_path / "none").exists()
    assert store(tmp_path / "none").keys() == set()


def test_rows_of_another_model_are_passed_over(tmp_path: Path, unit_vectors: Vectors):
    store(tmp_path, fingerprint="old").append(rows([key(1)], unit_vectors(1)))
    store(tmp_path, dimensions=8).append(rows([key(2)], unit_vectors(1, d=8)))
    assert store(tmp_path, fingerprint="old").keys() == {key(1)}
    assert store(tmp_path, fingerprint="new").keys() == set()
    assert store(tmp_path).keys() == set()


def test_a_missing_row_is_reported_with_the_folder(tmp_path: Path, unit_vectors: Vectors):
    shards = store(tmp_path)
    shards.append(rows([key(1)], unit_vectors(1)))
    with pytest.raises(StoreError, match=str(tmp_path)):
        embeddings.read(shards, [key(1), key(2)])


@pytest.mark.parametrize("damage", [b"", b"ARROW1", b"x" * 500, None])
def test_a_damaged_shard_is_reported_by_its_name(tmp_path: Path, unit_vectors: Vectors, damage: bytes | None):
    shards = store(tmp_path)
    shards.append(rows([key(i) for i in range(20)], unit_vectors(20)))
    (path,) = tmp_path.glob("*.arrow")
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(StoreError, match=f"{path.name} is damaged.*doctor --repair"):
        store(tmp_path).keys()


def test_half_written_files_are_not_read(tmp_path: Path, unit_vectors: Vectors):
    shards = store(tmp_path)
    shards.append(rows([key(1)], unit_vectors(1)))
    (tmp_path / ".half.arrow.123.tmp").write_bytes(b"half")
    (tmp_path / ".half.arrow").write_bytes(b"half")
    assert store(tmp_path).keys() == {key(1)}


def test_a_failure_counts_until_the_limits_change_or_the_file_is_read_after_all(tmp_path: Path):
    known = facts.store(Home(tmp_path))
    known.append([facts.row(key(1), facts='{"width": 1}', reason=None, limits="10/10")])
    known.append([facts.row(key(2), facts=None, reason="too large", limits="10/10")])
    assert facts.known(known, limits="10/10") == {key(1), key(2)}
    assert facts.known(known, limits="99/99") == {key(1)}
    assert facts.failures(known, [key(1), key(2)]) == {key(2): "too large"}
    known.append([facts.row(key(2), facts='{"width": 2}', reason=None, limits="99/99")])
    assert facts.failures(known, [key(1), key(2)]) == {}
    assert facts.read(known, [key(2)]) == {key(2): {"width": 2}}


def test_of_a_file_that_was_read_after_all_only_the_good_row_is_kept(tmp_path: Path):
    known = facts.store(Home(tmp_path))
    for limits in ("10/10", "20/20"):
        known.append([facts.row(key(n), facts=None, reason="too large", limits=limits) for n in (1, 2)])
    known.append([facts.row(key(1), facts='{"width": 1}', reason=None, limits="99/99")])
    known.append([facts.row(key(3), facts='{"width": 3}', reason=None, limits="99/99")])
    assert compact(known.folder, {key(1), key(2)}, reason=facts.REASON) == 3
    left = facts.store(Home(tmp_path))
    assert facts.read(left, [key(1)]) == {key(1): {"width": 1}}
    assert facts.failures(left, [key(1), key(2)]) == {key(2): "too large"}
    assert all(facts.known(left, limits=limits) >= {key(1), key(2)} for limits in ("10/10", "20/20"))
    assert not left.keys() & {key(3)}


def test_a_store_has_its_key_first(tmp_path: Path):
    assert store(tmp_path).schema.names[0] == KEY == "content_hash"


def test_of_failures_by_several_limits_the_one_by_the_present_limits_is_reported(tmp_path: Path):
    kept = facts.store(Home(tmp_path))
    keys = [key(i) for i in range(20)]
    for limits in ("10", "20", "30"):
        for one in keys:  # a shard each: they are read in an order of their own
            kept.append([facts.row(one, facts=None, reason=f"over {limits}", limits=limits)])
    for limits in ("10", "20", "30"):
        assert set(facts.failures(kept, keys, limits=limits).values()) == {f"over {limits}"}
    assert len(facts.failures(kept, keys)) == 20
