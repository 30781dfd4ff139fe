"""Print what `clipper index` costs a home of any number of images: seconds and memory of each step.

The images are hard links to a few small files, so that the folder is a real one; vectors, facts, thumbnails,
the neighbor graph and the map are written directly into the stores. Each run is a process of its own. The
collection of Chroma is real only with `--chroma`, which inserts every image once; without, the runs end
before it. The insights are off without `--insights`.

The cases: `first`, in which the graph and the map are made by the run, in a home of its own; `unchanged`;
`edited`, one value in metadata.csv; `added`, 1,000 images; and `sensor`, one look at the folder as Dagster's
sensor takes it.

    python benchmarks/growth.py FOLDER [IMAGES ...] [--cases CASE,...] [--code CHECKOUT] [--chroma]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from generated import _chunks, _hashes, _thumbnail
from PIL import Image

from clipper.hashing import digest
from clipper.images.folder import ImageFolder
from clipper.images.picture.measures import MEASURES
from clipper.images.picture.signature import SIGNATURE_BYTES
from clipper.models import reference_texts
from clipper.models import source as model_files
from clipper.projection.layout import Parameters
from clipper.settings import Settings
from clipper.store import embeddings, facts
from clipper.store.home import Home
from clipper.store.manifest import Manifest
from clipper.store.parts import neighbors
from clipper.store.shards import KEY, write_shard
from clipper.store.staged import Staged
from clipper.store.tables import write_part

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "data" / "models" / "clip-emoji"
LONG_AGO = 1_600_000_000
PER_FOLDER, LINKS = 1_000, 50_000
ADDED, NEIGHBORS = 1_000, 40
OFF = ("scores", "clusters", "cluster_names", "duplicates", "label_issues", "word_columns", "drift")
# Runs the steps of an index and prints, for each, its seconds and the most memory that the process had in it,
# with its children at that moment.
INDEX = """
import json, os, sys, time
from clipper.indexing import run
from clipper.indexing.staging.workspace import Workspace
from clipper.settings import Settings
from peak import Peak

peak, spent = Peak(), lambda: sum(os.times()[:4])  # with children
work = Workspace(Settings.load(sys.argv[1]))
last = sys.argv[2]
steps = (
    ("scan", run.scan_images), ("contents", run.embed_images), ("metadata", run.join_metadata),
    ("neighbours", run.find_neighbours), ("map", run.project_images), ("scores", run.score_images),
    ("clusters", run.cluster_images), ("names", run.name_clusters), ("duplicates", run.find_duplicates),
    ("labels", run.find_label_issues), ("words", run.make_word_columns), ("drift", run.measure_drift),
    ("collection", run.collect), ("publish", run.publish),
)
measured = []
with work.home.writing():
    for name, step in steps:
        started, before = time.perf_counter(), spent()
        step(work)
        took = time.perf_counter() - started, spent() - before
        measured.append([name, *took, peak.take() / 1024**2])
        if name == last:
            break
print(json.dumps(measured))
"""


# Looks at the folder as Dagster's sensor does, the first time and again, and prints the same.
SENSOR = """
import json, sys, time
from clipper.indexing.objects import folder_fingerprint
from clipper.settings import Settings
from peak import Peak

peak, settings, measured = Peak(), Settings.load(sys.argv[1]), []
for name in ("first look", "second look"):
    started, spent = time.perf_counter(), time.process_time()
    folder_fingerprint(settings)
    measured.append([name, time.perf_counter() - started, time.process_time() - spent, peak.take() / 1024**2])
print(json.dumps(measured))
"""


def prepare(home: Path, n: int, *, chroma: bool, insights: bool, first: bool) -> None:
    """Make the home of `n` images, unless it is there; without `first` also the graph, the map, a version."""
    done = home / "generated"
    if done.exists():
        return
    write_images(home / "images", n)
    off = "".join(f"{name} = false\n" for name in OFF) if not insights else ""
    off += "" if first else 'refit = "never"\n'  # the generated map is none that a fit would make
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = {json.dumps(str(MODEL))}\n{off}')
    write_table(home / "images" / "metadata.csv", n)
    settings = Settings.load(home)
    write_stores(settings, n, insights=insights)
    if not first:
        run_apart(INDEX, home, ROOT, "metadata")
        write_graph_and_map(settings)
        run_apart(INDEX, home, ROOT, "publish" if chroma else "drift")
    done.touch()


def image_id(number: int) -> str:
    """The path of an image."""
    return f"{number // PER_FOLDER:05d}/image-{number:08d}.jpg"


def write_images(folder: Path, n: int) -> None:
    """Write `n` hard links: a file has no more than some ten thousands of them.

    All files are of one size, which stands in the manifest.
    """
    original = folder
    for number in range(n):
        path = folder / image_id(number)
        if number % PER_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if number % LINKS == 0:
            Image.new("RGB", (8, 8), (9, 9, 9)).save(path, "JPEG")
            os.utime(path, (LONG_AGO, LONG_AGO))
            original = path
        else:
            path.hardlink_to(original)


def write_table(path: Path, n: int, *, edited: int | None = None) -> None:
    """Write what is known of each image; of one, `edited`, another number."""
    with path.open("w") as file:
        file.write("file_name,kind,score,taken\n")
        for number in range(n):
            score = 1_000_000 if number == edited else number * 7919 % 10_007 / 100
            day = f"20{number % 20:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}"
            file.write(f"{image_id(number)},kind {number % 12},{score},{day}\n")
    os.utime(path, (LONG_AGO + (edited is not None), LONG_AGO + (edited is not None)))


def write_stores(settings: Settings, n: int, *, insights: bool) -> None:
    """Write the manifest, and of each content what a run would have made of it, and stage them."""
    home, random = Home(settings.home), np.random.default_rng(5)
    found = {image.id: image for image in ImageFolder(settings.images_location).list_images()}
    ids = sorted(found)
    size = next(iter(found.values()))
    table = pa.table({
        "id": pa.array(ids, pa.string()), "content_hash": _keys_of(np.arange(n)),
        "bytes": np.full(n, size.bytes), "mtime_ns": np.full(n, size.mtime_ns),
        "reason": pa.nulls(n, pa.string()), "first_ns": np.full(n, size.mtime_ns),
    })  # fmt: skip
    write_part(home.part("manifest", "new"), table, {})
    version = Manifest.read(home.part("manifest", "new")).version
    for ending in (".parquet", ".json"):
        home.part("manifest", "new", ending).rename(home.part("manifest", version, ending))
    source = model_files.find(settings)
    stores = {
        "vectors": embeddings.store(
            home.embeddings(source.key), dimensions=source.dimensions, fingerprint=source.fingerprint
        ),
        "facts": facts.store(home),
        "thumbnails": facts.thumbnail_store(home),
        **({"measures": facts.measures_store(home)} if insights else {}),
        **({"signatures": facts.signature_store(home)} if insights else {}),
    }
    told = json.dumps({"format": "JPEG", "width": 8, "height": 8})
    picture = _thumbnail(1)
    centers = random.normal(size=(200, source.dimensions)).astype(np.float32)
    for numbers in _chunks(n):
        keys, count = _keys_of(numbers), len(numbers)
        near = centers[numbers % len(centers)] + random.normal(size=(count, source.dimensions)) / 2
        near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        none = pa.nulls(count, pa.string())
        columns = {
            "vectors": [
                keys,
                pa.FixedSizeListArray.from_arrays(pa.array(near.reshape(-1)), source.dimensions),
            ],
            "facts": [keys, pa.array([told] * count), none, none],
            "thumbnails": [keys, pa.array([picture] * count, pa.binary())],
            "measures": [keys, pa.array(_measures(random.random((count, len(MEASURES)))))],
            "signatures": [keys, _signatures(random, count)],
        }
        for name, store in stores.items():
            for start in range(0, count, 2_048):  # as a run writes them
                rows = [column.slice(start, 2_048) for column in columns[name]]
                write_shard(store.folder, pa.table(rows, schema=store.schema))
    texts = random.normal(size=(len(reference_texts.REFERENCE_TEXTS), source.dimensions)).astype(np.float32)
    reference_texts.write(home, source.key, texts / np.linalg.norm(texts, axis=1, keepdims=True))
    Staged(
        manifest=version,
        images=settings.images,
        embeddings=source.key,
        model={
            "name": source.name, "revision": settings.revision, "fingerprint": source.fingerprint,
            "dimensions": source.dimensions,
        },
    ).write(home)  # fmt: skip


def write_graph_and_map(settings: Settings) -> None:
    """Write a neighbor graph and a map as if earlier runs had made them, and stage them."""
    from clipper.indexing.neighbours import NEIGHBOURS_VERSION
    from clipper.projection.graph import WIDTH

    home, random = Home(settings.home), np.random.default_rng(6)
    staged = Staged.read(home)
    table = pa.parquet.read_table(home.part("manifest", staged.manifest))
    ids, hashes = table["id"].to_pylist(), table[KEY].to_pylist()
    n, keys = len(hashes), sorted(hashes)
    rows = (np.arange(n)[:, None] + 1 + np.arange(NEIGHBORS)[None, :] * 3) % n
    # As far as neighbors of one center are: an image that is added comes into the lists of few others.
    distances = np.sort(0.1 + 0.1 * random.random((n, NEIGHBORS), np.float32), axis=1)
    frame = digest(NEIGHBOURS_VERSION, WIDTH, staged.model["fingerprint"])
    version = digest(frame, [key.hex() for key in keys])
    made_of = {"frame": frame, "quality": {"recall_at_15": 1.0}, "revision": _pixels_version()}
    neighbors.write(home.part("neighbours", version), keys, rows.astype(np.int32), distances, made_of)
    frame = digest(Parameters.from_settings(settings).to_json(), staged.model["fingerprint"])
    places = random.normal(size=(n, 2)).astype(np.float32)
    by = np.where(random.random(n) < min(1.0, 200_000 / n), "fit", "place")
    projection = pa.table({
        "id": ids, KEY: table[KEY], "x": places[:, 0], "y": places[:, 1],
        "placed_by": pa.array(by.tolist(), pa.string()),
    })  # fmt: skip
    fitted = int((by == "fit").sum())
    state = {"figures": {}, "due": [], "past_when_fitted": [], "fitted": fitted, "baseline": [1.0, 0.5]}
    made_of = {
        "frame": frame, "inputs": digest(frame, [(i, key.hex()) for i, key in zip(ids, hashes, strict=True)]),
        "revision": _pixels_version(), "counts": {"fitted": fitted}, "quality": {}, "state": state,
        "departed": 0,
    }  # fmt: skip
    write_part(home.part("projection", "generated"), projection, made_of)
    entries = vars(staged) | {
        "neighbours": version, "neighbours_manifest": staged.manifest, "projection": "generated",
        "projection_manifest": staged.manifest,
    }  # fmt: skip
    Staged(**entries).write(home)


def _measures(values: np.ndarray) -> list[str]:
    return [json.dumps(dict(zip(MEASURES, row, strict=True))) for row in values.round(4).tolist()]


def _signatures(random: np.random.Generator, count: int) -> pa.FixedSizeBinaryArray:
    data = pa.py_buffer(random.bytes(count * SIGNATURE_BYTES))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(SIGNATURE_BYTES), count, [None, data])


def _pixels_version() -> str:
    from clipper.images.decode import PIXELS_VERSION

    return PIXELS_VERSION


def _keys_of(numbers: np.ndarray) -> pa.FixedSizeBinaryArray:
    buffers = [None, pa.py_buffer(_hashes(numbers))]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(numbers), buffers)


def run_apart(script: str, home: Path, code: Path, *arguments: str) -> list[list]:
    """Run a script with the code of a checkout: for each step name, seconds, seconds of processor, MiB."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(code), str(Path(__file__).parent)])}
    command = [sys.executable, "-c", script, str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=code, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def show(what: str, steps: list[list]) -> None:
    """Print one run."""
    seconds, spent, most = (sum(s[1] for s in steps), sum(s[2] for s in steps), max(s[3] for s in steps))
    print(f"{what}: {seconds:.1f} s ({spent:.1f} s of processor), {most:,.0f} MiB at most")
    print(
        "  " + "; ".join(f"{name} {took:.1f} s ({own:.1f}) {mib:,.0f} MiB" for name, took, own, mib in steps)
    )
    sys.stdout.flush()


def measure(home: Path, n: int, code: Path, *, last: str, cases: list[str]) -> None:
    """Measure the runs of one home."""
    name = f"{n:,} images"
    index = partial(run_apart, INDEX, home, code, last)
    if "first" in cases:
        show(f"{name}, first index", index())
    if "unchanged" in cases:
        show(f"{name}, unchanged", index())
    if "added" in cases:
        fresh = home / "images" / f"added-{time.time_ns()}"
        fresh.mkdir()
        random = np.random.default_rng(time.time_ns())
        for number in range(ADDED):
            pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(fresh / f"{number}.png")
            os.utime(fresh / f"{number}.png", (LONG_AGO, LONG_AGO))
        show(f"{name}, {ADDED:,} added", index())
    if "edited" in cases:
        write_table(home / "images" / "metadata.csv", n, edited=time.time_ns() % n)
        show(f"{name}, one value edited", index())

    if "sensor" in cases:
        show(f"{name}, sensor", run_apart(SENSOR, home, code))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=int, nargs="*", default=[100_000])
    parser.add_argument("--code", type=Path, default=ROOT)
    parser.add_argument("--chroma", action="store_true")
    parser.add_argument("--last", default="")
    parser.add_argument("--insights", action="store_true")
    parser.add_argument("--cases", default="unchanged,edited,added,sensor")
    asked = parser.parse_args()
    for n in asked.images:
        cases = asked.cases.split(",")
        kinds = {"chroma": asked.chroma, "insights": asked.insights, "first": "first" in cases}
        home = asked.folder.resolve() / "-".join([str(n), *(kind for kind, is_so in kinds.items() if is_so)])
        prepare(home, n, **kinds)
        last = asked.last or ("publish" if asked.chroma else "drift")
        measure(home, n, asked.code.resolve(), last=last, cases=cases)


if __name__ == "__main__":
    main()
