"""The perceptual hash: a mirrored copy has the same one; similar ones are found without comparing all."""

import numpy as np
import pytest

from clipper.images.picture.signature import SIDE, SIGNATURE_BYTES
from clipper.insight.doubles.perceptual_hash import (
    HASH_BITS,
    MAX_BITS_APART,
    hashes,
    similar_hashes,
)


def pictures(count: int) -> np.ndarray:
    """Signatures of random pictures."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, SIGNATURE_BYTES), np.uint8)


def test_a_mirrored_picture_has_the_same_hash():
    rows = pictures(50)
    mirrored = rows.reshape(-1, SIDE, SIDE, 3)[:, :, ::-1].reshape(len(rows), -1)
    assert np.array_equal(hashes(rows), hashes(mirrored))
    assert len(np.unique(hashes(rows))) == 50
    assert (hashes(rows) < np.uint64(1) << np.uint64(HASH_BITS)).all()


def test_hashes_a_few_bits_apart_are_found_among_many():
    random = np.random.default_rng(1)
    hashed = random.integers(0, 1 << HASH_BITS, 3000, np.uint64)
    near = hashed[:200].copy()
    for _ in range(3):
        near ^= np.uint64(1) << random.integers(0, HASH_BITS, 200).astype(np.uint64)
    found = {tuple(pair) for pair in similar_hashes(np.concatenate([hashed, near])).tolist()}
    assert sum((i, 3000 + i) in found for i in range(200)) >= 195


def test_only_near_pairs_are_found_each_once():
    hashed = np.random.default_rng(2).integers(0, 1 << 14, 500, np.uint64)
    found = similar_hashes(hashed)
    assert (found[:, 0] < found[:, 1]).all()
    assert len(np.unique(found, axis=0)) == len(found)
    assert (np.bitwise_count(hashed[found[:, 0]] ^ hashed[found[:, 1]]) <= MAX_BITS_APART).all()


@pytest.mark.parametrize("count", [0, 1, 2, 700])
def test_images_of_one_hash_are_connected_by_few_pairs(count: int):
    found = similar_hashes(np.full(count, 5, np.uint64))
    assert len(found) <= 4 * count
    assert {(i, i + 1) for i in range(count - 1)} <= {tuple(pair) for pair in found.tolist()}
