"""Print what Chroma takes for many rows as a table: seconds, bytes written, disk, memory, time of a query.

    python benchmarks/chroma.py FOLDER [--rows 20000 100000] [--shards 1 4] [--server]

Vectors of 512 numbers lie in groups; each row has six metadata columns and a position. Every case runs in a
process of its own, so that its memory and its bytes are its own, with those of its children. "Usual" is
Chroma as its guide shows it: rows are added in batches to a collection with Chroma's own settings. With
`--server` a Chroma server on loopback gets the rows, too. FOLDER needs 20 kB a row.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from figures import print_header, print_row
from peak import Peak
from photos import cpu_seconds

from clipper.chroma.build import Base, build
from clipper.chroma.collection import Collection, in_folders, told_by_server
from clipper.chroma.rows import BATCH, Known, Rows
from clipper.chroma.server import Servers
from clipper.chroma.shards import Shards, open_all
from clipper.errors import StoreError
from clipper.store import embeddings
from clipper.store.home import Home
from clipper.store.shards import write_shard

DIMENSIONS, GROUPS, PROBES, QUERIES = 512, 200, 20, 50
ROWS = (20_000, 100_000)
LITTLE = 100  # bytes a row by which a folder hardly grew
COLUMNS = (
    "rows",
    "case",
    "s",
    "CPU s",
    "written B/row",
    "times the disk",
    "disk B/row",
    "peak B/row",
    "query ms",
)


def vectors_of(n: int) -> np.ndarray:
    """Unit vectors around the centres of groups: (n, 512) float32."""
    random = np.random.default_rng(5)
    centers = random.normal(size=(GROUPS, DIMENSIONS)).astype(np.float32)
    out = np.empty((n, DIMENSIONS), np.float32)
    for start in range(0, n, BATCH):
        part = out[start : start + BATCH]
        part[:] = centers[random.integers(0, GROUPS, len(part))]
        part += 0.7 * random.normal(size=part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return out


def stored_vectors(folder: Path, n: int) -> embeddings.MappedVectors:
    """The vectors as a home has them: on disk, in files of 2,048. They are written once."""
    store, keys = embeddings.store(folder, dimensions=DIMENSIONS, fingerprint="generated"), keys_of(n)
    if not folder.exists():
        made = vectors_of(n)
        for start in range(0, n, 2_048):
            some = made[start : start + 2_048]
            lists = pa.FixedSizeListArray.from_arrays(pa.array(some.reshape(-1)), DIMENSIONS)
            write_shard(folder, pa.table([keys[start : start + 2_048], lists], schema=store.schema))
    return embeddings.MappedVectors(store, keys)


def keys_of(n: int) -> pa.FixedSizeBinaryArray:
    """Content hashes of n images, spread evenly."""
    contents = np.zeros((n, 16), np.uint8)
    contents.view("<u8")[:, 0] = np.arange(n).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), n, [None, pa.py_buffer(contents)])


def rows_of(vectors: embeddings.MappedVectors, edited: int = 0) -> Rows:
    """The rows of some vectors; the year of the first ones is edited."""
    n = len(vectors)
    numbers = np.arange(n)
    year = 1990 + numbers % 30
    year[:edited] += 100
    metadata = {
        "group": [f"group {number % GROUPS}" for number in range(n)],
        "year": year,
        "width": 300 + numbers % 700,
        "bytes": 10_000 + numbers,
        "sharpness": numbers % 97 / 97,
        "tags": pa.array(
            [["keep"] if number % 10 == 0 else None for number in range(n)], pa.list_(pa.string())
        ),
        "x": numbers % 1_009 / 7,
        "y": numbers % 997 / 7,
    }
    ids = pa.array([f"{number // 1_000:05d}/image-{number:08d}.jpg" for number in range(n)])
    return Rows(ids, vectors, pa.table(metadata), keys_of(n), pa.array(np.zeros(n, bool)))


def usual(folder: Path, rows: Rows) -> Collection:
    """Add all rows with Chroma's own settings."""
    import chromadb

    client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("images", configuration={"hnsw": {"space": "cosine"}})
    for start in range(0, len(rows), BATCH):
        ids, vectors, metadata = rows.batch(np.arange(start, min(start + BATCH, len(rows))))
        collection.add(ids=ids, embeddings=vectors, metadatas=metadata)
    client.close()
    return Collection(in_folders(folder, 1)[0])


def measure(asked: dict[str, Any]) -> dict[str, float]:
    """Run one case; return its figures."""
    folder, n, case, shards = Path(asked["folder"]), asked["rows"], asked["case"], asked["shards"]
    stored = stored_vectors(folder.with_name(f"{folder.name}-vectors"), n)
    rows = rows_of(stored, edited=int(case == "one value edited"))
    probes, vectors = stored[:: max(1, n // PROBES)], stored[:QUERIES]
    before = rows_of(stored) if case == "one value edited" and not asked["url"] else None
    peak = Peak()
    peak.take()
    held = peak.take()
    io, cpu, started = written_bytes(), cpu_seconds(), time.perf_counter()
    at = in_folders(folder / f"first {shards}", shards)
    if case == "usual":
        found: Collection | Shards = usual(folder / case, rows)
    elif asked["url"]:
        home = Home(folder)
        servers = Servers(home, [asked["url"]] * shards, "clipper-benchmark-", "here", ())
        _, at = servers.build(case, rows, probes=probes, model="m")
        found = open_all(at)
    else:
        base = Base(folder / f"first {shards}", Known.of(before)) if before is not None else None
        name = "first" if base is None else "edited"
        build(folder / f"{name} {shards}", rows, probes=probes, base=base, shards=shards)
        found = open_all(in_folders(folder / f"{name} {shards}", shards))
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu": cpu_seconds() - cpu,
        "written": written_bytes() - io,
        "peak": peak.take() - held,
    }
    peak.close()
    with closing(found):
        figures["query"] = statistics.median(query_seconds(found, vectors))
    return figures


def query_seconds(collection: Collection | Shards, vectors: np.ndarray) -> Iterator[float]:
    """Time searches for the ten nearest."""
    for row in range(len(vectors)):
        started = time.perf_counter()
        collection.nearest(vectors[row], k=10)
        yield time.perf_counter() - started


def written_bytes(process: int | str = "self") -> int:
    """The bytes that a process had the disk write."""
    lines = Path(f"/proc/{process}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def disk_bytes(folder: Path) -> int:
    """The bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def serving(folder: Path) -> "Iterator[tuple[str, int]]":
    """A Chroma server on loopback: its URL and its process."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    command = [chroma, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                told_by_server(url)
                break
            except StoreError:
                time.sleep(0.2)
        yield url, server.pid
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def run(asked: dict[str, Any], disk: Callable[[], int], io: Callable[[], int] = lambda: 0) -> None:
    """Run a case in a process of its own, and print its line."""
    n, taken, written = asked["rows"], disk(), io()
    child = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(asked)], check=True, stdout=subprocess.PIPE, text=True
    )
    figures = json.loads(child.stdout.splitlines()[-1])
    figures["written"] += io() - written
    grown = disk() - taken
    print_row(
        f"{n:,}", asked["title"], f"{figures['seconds']:.1f}", f"{figures['cpu']:.1f}",
        f"{figures['written'] / n:,.0f}", f"{figures['written'] / grown:.2f}" if grown > LITTLE * n else "",
        f"{grown / n:,.0f}", f"{figures['peak'] / n:,.0f}", f"{figures['query'] * 1e3:.1f}",
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="a folder for the collections, which is emptied")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--shards", type=int, nargs="*", default=(1, 4))
    parser.add_argument("--server", action="store_true", help="measure a Chroma server, too")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(measure(json.loads(asked.case))))
        return
    if asked.folder is None:
        parser.error("name a folder")
    print_header("Chroma", *COLUMNS)
    for n in asked.rows:
        folder, vectors = asked.folder / str(n), asked.folder / f"{n}-vectors"
        for each in (folder, vectors):
            shutil.rmtree(each, ignore_errors=True)
        (folder / "store").mkdir(parents=True)
        case = {"folder": str(folder), "rows": n, "url": ""}
        size = lambda folder=folder: disk_bytes(folder)  # noqa: E731
        run({**case, "case": "usual", "title": "usual", "shards": 1}, size)
        for shards in asked.shards:
            named = f", {shards} shards" if shards > 1 else ""
            run({**case, "case": "first", "title": f"Clipper{named}", "shards": shards}, size)
            edited = {"case": "one value edited", "title": f"one value edited{named}", "shards": shards}
            run({**case, **edited}, size)
        shutil.rmtree(folder)
        if asked.server:
            (folder / "store").mkdir(parents=True)
            with serving(folder / "served") as (url, process):
                served = {**case, "url": url, "shards": 1}
                io = lambda process=process: written_bytes(process)  # noqa: E731
                for name in ("first", "one value edited", "first again"):
                    run({**served, "case": name, "title": f"server: {name}"}, size, io)
            shutil.rmtree(folder)
        shutil.rmtree(vectors)


if __name__ == "__main__":
    main()
