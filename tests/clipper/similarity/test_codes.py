from pathlib import Path

import numpy as np
import pytest
from similarity_vectors import D, key, vectors_like_clip, write

from clipper.errors import StoreError
from clipper.similarity import codes
from clipper.store import embeddings
from clipper.store.shards import compact


def files_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / codes.FOLDER).iterdir()}


def decoded(pack: codes.Pack) -> np.ndarray:
    return pack.center + pack.scales[:, None] * pack.spread * pack.codes


def stored(folder: Path, pack: codes.Pack) -> np.ndarray:
    """The vectors that a pack says it covers, in its order."""
    tables = [codes.read_shard(folder / name) for name in pack.shards]
    return np.concatenate([np.stack(table[embeddings.VECTOR].to_pylist()) for table in tables])


def test_a_code_is_as_far_from_its_vector_as_its_error_says(tmp_path: Path):
    write(tmp_path, vectors_like_clip(700))
    assert codes.update(tmp_path, least=0) == 700
    (pack,) = codes.read_packs(tmp_path)
    off = np.linalg.norm(decoded(pack) - stored(tmp_path, pack), axis=1)
    assert (off <= pack.errors).all()
    assert pack.errors == pytest.approx(off, abs=1e-5)
    assert pack.errors.max() < 0.01


def test_few_vectors_have_no_codes(tmp_path: Path):
    write(tmp_path, vectors_like_clip(50))
    assert codes.update(tmp_path) == 0
    assert not (tmp_path / codes.FOLDER).exists()
    assert codes.update(tmp_path / "none") == 0


def test_a_run_without_new_vectors_writes_nothing_and_new_ones_cost_only_theirs(tmp_path: Path):
    write(tmp_path, vectors_like_clip(600))
    codes.update(tmp_path, least=0)
    before = files_of(tmp_path)
    assert codes.update(tmp_path, least=0) == 0
    assert files_of(tmp_path) == before
    write(tmp_path, vectors_like_clip(5, seed=1), first=600)
    assert codes.update(tmp_path, least=0) == 5
    assert before.items() < files_of(tmp_path).items()


def test_many_small_packs_become_one(tmp_path: Path):
    for at in range(codes.MANY_SMALL + 1):
        write(tmp_path, vectors_like_clip(10, seed=at), first=10 * at)
        codes.update(tmp_path, least=0)
    assert len(files_of(tmp_path)) == codes.MANY_SMALL + 1
    assert codes.update(tmp_path, least=0) == 10 * (codes.MANY_SMALL + 1)
    (pack,) = codes.read_packs(tmp_path)
    assert len(pack) == 10 * (codes.MANY_SMALL + 1)


def test_large_packs_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(codes, "PACK_ROWS", 400)
    write(tmp_path, vectors_like_clip(1_000), shard=150)
    codes.update(tmp_path, least=0)
    packs = codes.read_packs(tmp_path)
    assert sum(map(len, packs)) == 1_000
    assert max(map(len, packs)) <= 400
    large = {pack.path.name for pack in packs if len(pack) >= 200}
    for at in range(codes.MANY_SMALL + 2):
        write(tmp_path, vectors_like_clip(3, seed=at), first=2_000 + 3 * at)
        codes.update(tmp_path, least=0)
    assert large <= files_of(tmp_path).keys()


def test_codes_follow_vectors_that_were_joined_or_removed(tmp_path: Path):
    write(tmp_path, vectors_like_clip(900))
    codes.update(tmp_path, least=0)
    alive = {key(number) for number in range(0, 900, 2)}
    assert compact(tmp_path, alive) == 450
    assert codes.update(tmp_path, least=0) == 450
    (pack,) = codes.read_packs(tmp_path)
    assert np.abs(decoded(pack) - stored(tmp_path, pack)).max() < 0.01


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "other version"])
def test_a_pack_that_cannot_be_read_is_left_out_and_made_again(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, vectors_like_clip(600))
    codes.update(tmp_path, least=0)
    (path,) = (tmp_path / codes.FOLDER).iterdir()
    whole = path.read_bytes()
    if harm == "other version":
        monkeypatch.setattr(codes, "CODES_VERSION", "next")
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no Arrow" * 99}[harm])
    assert codes.read_packs(tmp_path) == []
    assert codes.update(tmp_path, least=0) == 600
    assert len(codes.read_packs(tmp_path)) == 1


def test_a_flipped_bit_is_found(tmp_path: Path):
    write(tmp_path, vectors_like_clip(600))
    codes.update(tmp_path, least=0)
    (path,) = (tmp_path / codes.FOLDER).iterdir()
    codes.verify(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(StoreError, match="damaged"):
        codes.verify(path)


def test_what_a_killed_run_left_is_deleted(tmp_path: Path):
    write(tmp_path, vectors_like_clip(60))
    codes.update(tmp_path, least=0)
    (tmp_path / codes.FOLDER / ".4711.tmp").write_bytes(b"half")
    codes.update(tmp_path, least=0)
    assert len(files_of(tmp_path)) == 1


def test_vectors_that_are_not_finite_say_that_nothing_is_known_of_them():
    vectors = vectors_like_clip(4)
    vectors[1, 3], vectors[2, 0] = np.nan, np.inf
    found, scales, errors = codes.encode(vectors, np.zeros(D, np.float32), np.ones(D, np.float32))
    assert np.isinf(errors).tolist() == [False, True, True, False]
    assert np.isfinite(scales).all()
    assert not found[1].any()
