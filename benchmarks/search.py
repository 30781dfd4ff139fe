"""Print how long a search takes: similarities alone, a whole query, ten at once, and what it finds.

Vectors are generated: unit vectors in a narrow cone, with a few dimensions much larger than the others, as
CLIP's images are. Queries are off the cone, as texts are, and at random. Each way is measured in turn, so
that a busy machine slows all of them; the figures are medians.

    python benchmarks/search.py [FOLDER] [--sizes N ...] [--dimensions D] [--queries Q]

FOLDER keeps the vectors: 2.6 GB for a million of 512 dimensions. Of more than 4.2 GB only the int8 copy is
kept; then nothing is ranked again.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

from clipper.hashing import digest
from clipper.similarity import codes
from clipper.similarity.scan import Scan
from clipper.similarity.similarities import Similarities
from clipper.store import embeddings
from clipper.store.shards import KEY, write_shard

SIZES = (100_000, 1_000_000)
KEPT = 4_200_000_000  # bytes of vectors that are kept; of more only the codes are
SHARD = 65_536
GROUPS = 500
PEOPLE = 10
ROUNDS = 9
LISTED = 60


class Generator:
    """Vectors like those of CLIP's images, the same each time: row i is in block i // SHARD."""

    def __init__(self, dimensions: int) -> None:
        random = np.random.default_rng(1)
        self.d = dimensions
        self._mean = random.normal(size=dimensions) * 0.02
        self._mean[random.choice(dimensions, 3, replace=False)] += np.array([0.5, -0.35, 0.25])
        self._groups = random.normal(size=(GROUPS, dimensions)) * 0.02
        self._width = random.gamma(4.0, 0.25, dimensions) * 0.025

    def block(self, number: int, rows: int) -> np.ndarray:
        """The first rows of one block: (rows, d) float32, rows L2-normalised."""
        random = np.random.default_rng((2, number))
        group = random.integers(0, GROUPS, SHARD)[:rows]
        noise = random.standard_normal((rows, self.d), np.float32)
        found = (self._mean + self._groups[group] + noise * self._width).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def queries(self, count: int) -> np.ndarray:
        """Half as texts lie, near a group but mostly off the cone; half in random directions."""
        random = np.random.default_rng(3)
        off = random.normal(size=(count, self.d)) * 0.03
        near = self._groups[random.integers(0, GROUPS, len(off[::2]))]
        off[::2] += near * 0.7 + random.normal(size=self.d) * 0.02
        return np.asarray(off / np.linalg.norm(off, axis=1, keepdims=True), np.float32)


def kept(n: int, dimensions: int) -> bool:
    """Whether so many vectors are kept."""
    return 4 * n * dimensions <= KEPT


def home_of(folder: Path, n: int, made: Generator) -> Path:
    """The folder of `n` vectors and their codes, made if it is not there yet."""
    target = folder / f"{n}x{made.d}-{digest(made.block(0, 1).tolist())[:8]}"
    if (target / "done").exists():
        return target
    schema = embeddings.store(target, dimensions=made.d, fingerprint="generated").schema
    for number, start in enumerate(range(0, n, SHARD)):
        rows = made.block(number, min(SHARD, n - start))
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), made.d)
        keys = pa.array([row.to_bytes(16, "big") for row in range(start, start + len(rows))], pa.binary(16))
        table = pa.table({KEY: keys, embeddings.VECTOR: column}, schema=schema)
        if kept(n, made.d):
            write_shard(target, table)
        else:
            codes.write_pack(target / codes.FOLDER, {f"{number:06d}": table})
    if kept(n, made.d):
        codes.update(target)
    (target / "done").touch()
    return target


class Generated:
    """Vectors that are not kept, as `Scan` asks for them."""

    def __init__(self, made: Generator, n: int) -> None:
        self._made, self._n, self.dimensions = made, n, made.d

    def __len__(self) -> int:
        return self._n

    def blocks(self) -> list[tuple[str, np.ndarray]]:
        """Names, and memory that is never touched."""
        empty = np.broadcast_to(np.float32(0), (SHARD, self.dimensions))
        return [
            (f"{number:06d}", empty[: min(SHARD, self._n - start)])
            for number, start in enumerate(range(0, self._n, SHARD))
        ]

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows are in order."""
        return np.divmod(np.arange(self._n), SHARD)


def interleaved(ways: dict[str, Callable[[int], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median milliseconds of each way, measured in turn; a way gets the number of the round."""
    seconds = defaultdict(list)
    for way in ways.values():
        way(0)
    for number in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way(number)
            seconds[name].append(time.perf_counter() - started)
    return {name: float(np.median(each)) * 1000 for name, each in seconds.items()}


def listed(found: Similarities) -> np.ndarray:
    """What the viewer asks of a query's similarities: a page of results, the histogram's ends, the place."""
    found.extremes()
    found.best(15)
    return found.best(LISTED)[0]


def measure(folder: Path, n: int, made: Generator, asked: int) -> None:
    """Print the figures of one size."""
    target, queries = home_of(folder, n, made), made.queries(max(asked, (ROUNDS + 1) * PEOPLE))
    whole = kept(n, made.d)
    if whole:
        store = embeddings.store(target, dimensions=made.d, fingerprint="generated")
        stored = embeddings.MappedVectors(store, [row.to_bytes(16, "big") for row in range(n)])
    else:
        stored = Generated(made, n)  # type: ignore[assignment]
    packs = codes.read_packs(target)
    os.sync()  # what was written just now would be sent to the disk while it is read
    scan = Scan(stored, packs)
    scan.load()
    ways: dict[str, Callable[[int], object]] = {
        "reading the int8 copy": lambda _: [pack.codes.view(np.int64).sum() for pack in packs],
        "similarities, int8": lambda i: scan.similarities(queries[i]),
    }
    if whole:
        ways |= {
            "similarities, float32": lambda i: stored.dot(queries[i]),
            "a query's list, int8": lambda i: listed(scan.similarities(queries[i])),
            "a query's list, float32": lambda i: listed(Similarities(stored.dot(queries[i]))),
        }
    found = interleaved(ways)
    limit = found["reading the int8 copy"]
    print(f"\n{n:,} x {made.d}, {sum(map(len, packs)):,} in {len(packs)} packs, {os.cpu_count()} cores")
    for name, milliseconds in found.items():
        print(f"  {name}: {milliseconds:.1f} ms, {milliseconds / limit:.2f} times the limit")
    together(scan, queries, whole=whole)
    exactness(scan, queries[:asked], n, made, stored if whole else None)


def together(scan: Scan, queries: np.ndarray, *, whole: bool) -> None:
    """Print what each of ten people waits who ask at the same moment."""
    waits: list[float] = []

    def ask(vector: np.ndarray) -> None:
        started = time.perf_counter()
        found = scan.similarities(vector)
        if whole:
            listed(found)
        waits.append(time.perf_counter() - started)

    with ThreadPoolExecutor(PEOPLE) as pool:
        for number in range(ROUNDS + 1):
            list(pool.map(ask, queries[number * PEOPLE : (number + 1) * PEOPLE]))
            if not number:  # vectors that nobody read yet come from the disk
                waits.clear()
    p50, p95 = np.quantile(waits, (0.5, 0.95)) * 1000
    what = "their lists" if whole else "the similarities"
    print(f"  {PEOPLE} people at once, until {what} are there: p50 {p50:.0f}, p95 {p95:.0f} ms")


def exactness(
    scan: Scan, queries: np.ndarray, n: int, made: Generator, stored: embeddings.MappedVectors | None
) -> None:
    """Print recall@10 against brute force, and how near the similarities are."""
    if stored is None or not len(queries):
        return
    best = np.full((len(queries), 10), -np.inf, np.float32)
    rows = np.zeros((len(queries), 10), np.int64)
    for number, start in enumerate(range(0, n, SHARD)):
        scores = queries @ made.block(number, min(SHARD, n - start)).T
        top = np.argpartition(-scores, 10, axis=1)[:, :10]
        values = np.concatenate([best, np.take_along_axis(scores, top, 1)], 1)
        places = np.concatenate([rows, top + start], 1)
        chosen = np.argsort(-values, axis=1, kind="stable")[:, :10]
        best, rows = np.take_along_axis(values, chosen, 1), np.take_along_axis(places, chosen, 1)
    found = [scan.similarities(query) for query in queries[:1]]
    shared = sum(
        len(np.intersect1d(scan.similarities(query).best(10)[0], wanted))
        for query, wanted in zip(queries, rows, strict=True)
    )
    exact = stored.dot(queries[0])
    off, candidates = np.abs(found[0].near - exact), len(found[0]._candidates(LISTED, n, None))  # noqa: SLF001
    print(f"  recall@10 of {len(queries):,} queries: {shared / rows.size:.4f}")
    print(
        f"  similarities: {off.max():.5f} off at most, correlation "
        f"{np.corrcoef(found[0].near, exact)[0, 1]:.6f}; {candidates:,} vectors are read for {LISTED} results"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "clipper-search"
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1_000, help="for recall@10")
    asked = parser.parse_args()
    for n in asked.sizes:
        measure(asked.folder, n, Generator(asked.dimensions), asked.queries)


if __name__ == "__main__":
    main()
