"""Print every stage of an index and of a search apart, and the whole: Clipper, the usual way, and the limit.

    python benchmarks/stages.py [FOLDER] [--images N ...] [--photos P] [--usual-up-to N] [--json FILE]

The usual way is what tutorials do: Pillow and the model's processor in float32, umap-learn, Chroma with its
own settings, numpy for a search, and every file hashed again to find what changed. The limit is what no
program on the machine can go below: a stat of each file, decoding alone or the model alone, one product of
all pairs of vectors, a plain write of the bytes, a read of the vectors. All ways of a stage run in turn, in
one run of this script. Photos are embedded, as many as `--photos` says; their time is multiplied to be that
of all images. All else has as many images as `--images` says: hard links to small files, and generated
vectors of 512 numbers. `--json` also writes the figures for `scaling.py`. FOLDER needs 30 kB an image; a
million take hours.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import chroma
import engines
import growth
import insight_cost
import numpy as np
import search
from figures import print_header, print_row
from photos import cpu_seconds, crops_of, entries_of, load, make_model, make_photos, settings_for

from clipper.indexing.collect import shards_for
from clipper.indexing.contents.decode import decode_crops
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Workspace
from clipper.models.engines.record import describe_machine
from clipper.models.engines.towers import available
from clipper.settings import Settings
from clipper.similarity import codes
from clipper.similarity.scan import Scan
from clipper.store import embeddings

ROUNDS = 3
PRODUCT = 4_096  # vectors of the block whose product is timed
Way = Callable[[], Any]


class Spent(NamedTuple):
    """Seconds, and seconds of the processor."""

    seconds: float
    processor: float


class Row(NamedTuple):
    """What one stage takes. `in_index`: whether an index has it, and not another row that is counted."""

    stage: str
    clipper: Spent
    usual: Spent | None = None
    limit: Spent | None = None
    what: str = ""
    peak: float | None = None  # MB
    in_index: bool = True

    def times(self, factor: float) -> "Row":
        """Reckon it for so many times the images."""
        longer = [spent and Spent(spent.seconds * factor, spent.processor * factor) for spent in self[1:4]]
        return self._replace(clipper=longer[0], usual=longer[1], limit=longer[2])  # type: ignore[arg-type]


def in_turns(ways: dict[str, Way], rounds: int = ROUNDS) -> dict[str, Spent]:
    """Run each way in turn, once and then so many times more: medians of these."""
    found: dict[str, list[Spent]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            began, used = time.perf_counter(), cpu_seconds()
            run()
            if number or not rounds:
                found[name].append(Spent(time.perf_counter() - began, cpu_seconds() - used))
    return {
        name: Spent(*(statistics.median(each) for each in zip(*all_, strict=True)))
        for name, all_ in found.items()
    }


def embedding(folder: Path, photos: int) -> Iterator[Row]:
    """Yield decoding and embedding, for one photo."""
    from chromadb import PersistentClient

    client = PersistentClient(str(folder / "chroma"))
    paths, model = make_photos(folder / "photos", photos), make_model(folder / "model")
    settings = settings_for(folder / "home", model, folder / "photos")
    loaded = load(settings)
    print(describe_machine(loaded.device), flush=True)
    name = available(loaded.device)[-1]
    made, crops = loaded.make_engine(name), crops_of(settings, loaded, photos)
    images, entries = entries_of(settings)
    found = in_turns({
        "usual": engines.beginner(paths, model, client.get_or_create_collection("usual")),
        "clipper": engines.whole(settings, loaded, name, client.get_or_create_collection("clipper")),
        "decoding": lambda: decode_crops(entries, images, settings, loaded.transform),
        "model": lambda: made(crops),
    })  # fmt: skip
    slower = max("decoding", "model", key=lambda way: found[way].seconds)
    yield Row(
        f"decode and embed ({name})", found["clipper"], found["usual"], found[slower], f"{slower} alone"
    ).times(1 / photos)


def listing(folder: Path, n: int) -> Iterator[Row]:
    """Yield the listing of a folder in which nothing changed."""
    growth.write_images(folder / "images", n)
    (folder / "clipper.toml").write_text('images = "images"\n')

    def scan() -> None:
        work = Workspace(Settings.load(folder))
        with work.home.writing():
            scan_images(work)

    def stat() -> None:
        for each in os.scandir(folder / "images"):
            for file in os.scandir(each):
                file.stat()

    def hash_all() -> None:
        for path in (folder / "images").rglob("*.jpg"):
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")

    found = in_turns({"clipper": scan, "usual": hash_all, "limit": stat})
    yield Row("list, nothing changed", found["clipper"], found["usual"], found["limit"], "stat of each file")


def vectors(folder: Path, n: int, *, usual: bool) -> Iterator[Row]:
    """Yield the stages that work on vectors: neighbours, map, insights."""
    insight_cost.make(folder, n)
    made = np.load(folder / "vectors.npy", mmap_mode="r")
    block = np.array(made[:PRODUCT])
    product = in_turns({"product": lambda: block @ block.T})["product"]
    pairs = (n / len(block)) ** 2
    limit = Spent(product.seconds * pairs, product.processor * pairs)
    whole = in_turns({"usual": lambda: usual_map(np.array(made))}, rounds=0)["usual"] if usual else None
    both = None
    for step in insight_cost.STEPS:
        cost, _ = insight_cost.measure_apart(step, folder)
        spent = Spent(cost.seconds, cost.processor)
        if step == "graph":
            both = spent
            yield Row("neighbours", spent, None, limit, "product of all pairs", cost.peak)
        elif step == "the_map":
            yield Row("map", spent, peak=cost.peak)
            assert both is not None
            joined = Spent(both.seconds + spent.seconds, both.processor + spent.processor)
            yield Row("neighbours and map", joined, whole, in_index=False)
        elif step != "signatures":  # it is in `decode and embed`
            yield Row(step, spent, peak=cost.peak)


def usual_map(of: np.ndarray) -> None:
    """Lay out a map by umap-learn as its guide shows it."""
    from umap import UMAP

    warnings.simplefilter("ignore")
    UMAP(metric="cosine").fit_transform(of)


def collection(folder: Path, n: int, *, usual: bool) -> Iterator[Row]:
    """Yield the rows of Chroma."""
    spent = {}
    for case in ("usual", "first") if usual else ("first",):
        asked = {"folder": str(folder / case), "rows": n, "case": case, "url": "", "shards": shards_for(n)}
        (folder / case / "store").mkdir(parents=True)
        told = chroma.measure(asked)
        spent[case] = Spent(told["seconds"], told["cpu"])
    size = chroma.disk_bytes(folder / "first")
    written = in_turns({"write": lambda: write(folder / "plain", size)})["write"]
    yield Row("collection of Chroma", spent["first"], spent.get("usual"), written, "writing its bytes")


def write(path: Path, size: int) -> None:
    """Write so many bytes to the disk."""
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for start in range(0, size, len(piece)):
            file.write(piece[: size - start])
        file.flush()
        os.fsync(file.fileno())


def searching(folder: Path, n: int) -> Iterator[Row]:
    """Yield a search, to its first page of results."""
    made = search.Generator(512)
    target, query = search.home_of(folder, n, made), made.queries(2)[1]
    store = embeddings.store(target, dimensions=made.d, fingerprint="generated")
    stored = embeddings.MappedVectors(store, [row.to_bytes(16, "big") for row in range(n)])
    packs = codes.read_packs(target)
    scan, plain = Scan(stored, packs), stored[slice(None)]
    scan.load()

    def read() -> None:
        for each in [pack.codes.view(np.int64) for pack in packs] or [plain.view(np.int64)]:
            each.sum()

    found = in_turns({
        "clipper": lambda: search.listed(scan.similarities(query)),
        "usual": lambda: np.argsort(-(plain @ query))[: search.LISTED],
        "limit": read,
    }, rounds=search.ROUNDS)  # fmt: skip
    yield Row(
        "a search", found["clipper"], found["usual"], found["limit"], "reading the vectors", in_index=False
    )


def show(n: int, row: Row) -> None:
    """Print the line of a stage."""
    print_row(
        f"{n:,}", row.stage, f"{row.clipper.seconds:,.3g}", f"{row.clipper.processor:,.3g}",
        "" if row.peak is None else f"{row.peak:,.0f}",
        f"{row.usual.seconds / row.clipper.seconds:.2f}" if row.usual else "",
        f"{row.clipper.seconds / row.limit.seconds:.3g}" if row.limit else "", row.what,
    )  # fmt: skip


def main(folder: Path, sizes: list[int], *, photos: int, usual_up_to: int) -> list[dict[str, Any]]:
    """Measure and print; return the figures of each stage."""
    told: list[dict[str, Any]] = []
    per_photo = list(embedding(folder / "embedding", photos))
    print_header(
        f"Stages, {os.cpu_count()} cores",
        "images", "stage", "seconds", "of the processor", "peak MB", "usual way / Clipper", "Clipper / limit",
        "limit",
    )  # fmt: skip
    for n in sizes:
        usual, rows = n <= usual_up_to, []
        parts: dict[str, Callable[[Path], Iterator[Row]]] = {
            "list": lambda at, n=n: listing(at, n),  # type: ignore[misc]
            "embed": lambda _, n=n: (row.times(n) for row in per_photo),  # type: ignore[misc]
            "vectors": lambda at, n=n, usual=usual: vectors(at, n, usual=usual),  # type: ignore[misc]
            "collection": lambda at, n=n, usual=usual: collection(at, n, usual=usual),  # type: ignore[misc]
            "search": lambda at, n=n: searching(at, n),  # type: ignore[misc]
        }
        for name, part in parts.items():
            at = folder / f"{n}-{name}"
            at.mkdir(parents=True, exist_ok=True)
            for row in part(at):
                rows.append(row)
                show(n, row)
            shutil.rmtree(at)
        indexed = [row.clipper for row in rows if row.in_index]
        show(n, Row("the whole", Spent(*map(sum, zip(*indexed, strict=True)))))
        told += [
            {"images": n, "stage": row.stage, **row.clipper._asdict(), "peak": row.peak}
            for row in rows
            if row.in_index
        ]
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[2_000, 100_000])
    parser.add_argument("--photos", type=int, default=192)
    parser.add_argument("--usual-up-to", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="stages-", dir=given.folder))
    try:
        figures = main(scratch, given.images, photos=given.photos, usual_up_to=given.usual_up_to)
        if given.json:
            given.json.write_text(json.dumps(figures, indent=1) + "\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        sys.stdout.flush()
