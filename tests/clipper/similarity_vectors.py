"""Vectors on disk in several shards, as an index run writes them, and their codes."""

from pathlib import Path

import numpy as np

from clipper.similarity import codes
from clipper.similarity.scan import Scan
from clipper.store import embeddings
from clipper.store.shards import ShardStore

D = 24


def key(number: int) -> bytes:
    """The content hash of one vector."""
    return number.to_bytes(16, "big")


def unit(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def vectors_like_clip(n: int, *, seed: int = 0) -> np.ndarray:
    """Unit vectors in a narrow cone, two of whose dimensions are much larger than the others: (n, D)."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, D)) * random.gamma(2.0, 0.5, D) * 0.1
    rows[:, 3] += 2.0
    rows[:, 7] -= 1.0
    return unit(rows)


def write(folder: Path, vectors: np.ndarray, *, shard: int = 300, first: int = 0) -> ShardStore:
    """Write vectors in shards of so many rows; the key of the first is `first`."""
    store = embeddings.store(folder, dimensions=D, fingerprint="model")
    rows = [embeddings.row(key(first + number), row) for number, row in enumerate(vectors)]
    for at in range(0, len(rows), shard):
        store.append(rows[at : at + shard])
    return embeddings.store(folder, dimensions=D, fingerprint="model")


def scan_of(folder: Path, keys: list[bytes]) -> Scan:
    """The vectors of some keys, as a search compares with them."""
    store = embeddings.store(folder, dimensions=D, fingerprint="model")
    scan = Scan(embeddings.MappedVectors(store, keys), codes.read_packs(folder))
    scan.load()
    return scan
