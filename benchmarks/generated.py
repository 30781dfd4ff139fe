"""A home of any number of images that do not exist.

Positions, vectors, metadata, thumbnails, clusters with names, and scores are all there, written by Clipper's
own functions; only Chroma's collection is that of the few real images the home begins with.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from clipper.indexing import run
from clipper.indexing.insights.scores import SHOWN_MEASURES, TYPES
from clipper.insight.clustering.appearance import choose_colors, find_centers
from clipper.insight.clustering.representatives import choose_representatives, order_faces
from clipper.insight.clustering.tree import make_tree
from clipper.metadata.columns import INSIGHT, Column, with_roles
from clipper.settings import Settings
from clipper.store import embeddings, facts, snapshots
from clipper.store.home import Home
from clipper.store.parts import clusters
from clipper.store.parts.clusters import Clusters
from clipper.store.shards import KEY, write_shard
from clipper.store.staged import INSIGHTS
from clipper.store.tables import write_part

DATA = Path(__file__).resolve().parents[1] / "data"
REAL = 24
GROUPS, KINDS = 200, 12
CONTENTS = 1_000_000  # distinct ones at most: beyond, images are copies of each other
SEARCHED = (
    1_000_000  # more images than this have vectors too short to be searched: they would fill the memory
)
CHUNK = 100_000
SIDE = 64  # pixels of a thumbnail
THUMBNAILS = 64


def home_of(folder: Path, n: int) -> Path:
    """The home of `n` images below `folder`, made if it is not there yet."""
    home = folder / f"{n}"
    done = home / "generated"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        _begin(home)
        _publish(Home(home), n)
        done.touch()
    return home


def _begin(home: Path) -> None:
    """A few real images, indexed: what is no number of images is true."""
    (home / "images").mkdir(parents=True)
    files = sorted((DATA / "images").glob("*.jpg"))
    for file in files[:: len(files) // REAL][:REAL]:
        shutil.copy2(file, home / "images")
    model = json.dumps(str(DATA / "models" / "clip-emoji"))
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = {model}\ntitle = "Generated"\n')
    run.index(Settings.load(home))


def _publish(home: Home, n: int) -> None:
    """Put generated parts in the place of the real ones."""
    random = np.random.default_rng(5)
    before = snapshots.published(home)
    group = random.choice(GROUPS, n, p=random.dirichlet(np.full(GROUPS, 1.5)))
    keys = np.arange(n) % CONTENTS
    hashes = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), n, [None, pa.py_buffer(_hashes(keys))])
    ids = pa.array([f"{i % 1000:03d}/image-{i:08d}.jpg" for i in range(n)])
    order = pa.compute.sort_indices(ids)
    tables = {
        "manifest": pa.table({
            "id": ids, "content_hash": hashes, "bytes": np.full(n, 4000), "mtime_ns": np.full(n, 10**18),
            "reason": pa.nulls(n, pa.string()),
        }),
        "projection": _projection(random, ids, hashes, group),
        "metadata": _metadata(random, ids, group),
    }  # fmt: skip
    made_of = {
        "manifest": {}, "projection": {"state": {}, "quality": {}},
        "metadata": {"columns": [vars(column) for column in COLUMNS], "problems": []},
    }  # fmt: skip
    for name, table in tables.items():
        write_part(home.part(name, f"generated-{n}"), table.take(order), made_of[name])
    _write_contents(home, min(n, CONTENTS))
    model = dict(before.model)
    key = before.embeddings
    if n > SEARCHED:
        model["dimensions"], key = 2, "short"
    _write_vectors(random, home, key, min(n, CONTENTS), model)
    contents = min(n, CONTENTS)
    table = tables["projection"]
    xy = np.stack([table[axis].to_numpy()[:contents] for axis in "xy"], axis=1)
    _write_clusters(random, home, f"generated-{n}", group[:contents], xy)
    _write_scores(random, home, f"generated-{n}", contents)
    made = dict.fromkeys((*tables, "clusters", "cluster_names", "scores"), f"generated-{n}")
    kept = {name: version for name, version in before.parts.items() if name not in {*INSIGHTS, "neighbours"}}
    parts = {**kept, **made}
    counts = {"images": n, "failed": 0}
    snapshots.publish(home, replace(before, parts=parts, model=model, embeddings=key, counts=counts))


COLUMNS = (
    Column("kind", "str", "metadata.json"), Column("score", "float", "metadata.json"),
    Column("taken_at", "str", "file"),
)  # fmt: skip


def _hashes(numbers: np.ndarray) -> bytes:
    """A content hash, 16 bytes, for each number: spread like real ones, the same every time."""
    spread = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return np.stack([spread.byteswap(), numbers.astype(np.uint64)], 1).tobytes()


def _projection(random: np.random.Generator, ids: pa.Array, hashes: pa.Array, group: np.ndarray) -> pa.Table:
    """Clusters of many sizes, stretched and turned, some of them near each other; strays between."""
    n = len(group)
    centres = random.normal(size=(GROUPS, 2)) * 7
    widths = random.gamma(3.0, 0.22, size=(GROUPS, 2)) + 0.08
    turns = random.uniform(0, np.pi, GROUPS)
    flat = random.normal(size=(n, 2)) * widths[group]
    cos, sin = np.cos(turns)[group], np.sin(turns)[group]
    xy = centres[group] + np.stack(
        [flat[:, 0] * cos - flat[:, 1] * sin, flat[:, 0] * sin + flat[:, 1] * cos], 1
    )
    xy = xy.astype(np.float32)
    # Text is placed among these; a map of many images was fitted on a sample of them.
    fitted = np.where(random.random(n) < min(1.0, 100_000 / n), "fit", "place")
    return pa.table({
        "id": ids, "content_hash": hashes, "x": xy[:, 0], "y": xy[:, 1],
        "placed_by": pa.array(fitted.tolist()),
    })  # fmt: skip


def _metadata(random: np.random.Generator, ids: pa.Array, group: np.ndarray) -> pa.Table:
    """A category that follows the groups, a number and a date; a tenth of each is missing."""
    n = len(group)
    kind = pa.array([f"kind {i}" for i in range(KINDS)]).take(pa.array(group % KINDS))
    score = pa.array(random.normal(size=n) + group % 7)
    days = np.datetime64("2012-01-01T00:00:00") + random.integers(0, 13 * 365 * 86400, n)
    taken_at = pa.array(np.datetime_as_string(days).astype(object), pa.string())
    columns = dict(zip([column.name for column in COLUMNS], (kind, score, taken_at), strict=True))
    known = {
        name: pa.compute.if_else(pa.array(random.random(n) < 0.9), column, None)
        for name, column in columns.items()
    }
    return pa.table({"id": ids, **known})


def _write_clusters(
    random: np.random.Generator, home: Home, version: str, group: np.ndarray, xy: np.ndarray
) -> None:
    """The groups are the finest clusters; five from left to right are a town, five towns a continent."""
    place = np.argsort(
        np.argsort(np.bincount(group, xy[:, 0], GROUPS) / np.bincount(group, minlength=GROUPS))
    )
    tree = make_tree(np.stack([place // 25, place // 5, place], axis=1)[group].astype(np.int32))
    score = random.random(len(group))
    centers = find_centers(tree.members, len(tree.levels), xy)
    chosen = choose_representatives(tree.members, centers, xy, score)
    found = Clusters(
        np.arange(len(tree.levels)), tree.levels, tree.parents, tree.sizes, centers,
        choose_colors(tree.levels, tree.parents, centers, np.full(len(centers), -1, np.int16)), chosen,
        tree.members, order_faces(tree, chosen, xy, score), next_id=len(centers), found_in=len(group),
    )  # fmt: skip
    clusters.write(home.part("clusters", version), _keys(len(group)), found, xy, {})
    names = pa.table({"cluster": found.ids, "name": [f"group {number}" for number in found.ids]})
    write_part(home.part("cluster_names", version), names, {})


def _write_scores(random: np.random.Generator, home: Home, version: str, n: int) -> None:
    """Numbers as scores; a few images stand apart, and have an issue."""
    names = ("outlier", "uniqueness", *SHOWN_MEASURES)
    columns = [Column(name, TYPES.get(name, "float"), INSIGHT) for name in (*names, *TYPES)]
    cells = {name: random.normal(size=n) for name in names}
    apart = cells["outlier"] > 3.5
    issues = pa.array([["blurred"] if odd else None for odd in apart.tolist()], pa.list_(pa.string()))
    table = pa.table({
        KEY: pa.array(_keys(n), pa.binary(16)), **cells, "stands_apart": apart, "picture_issues": issues,
    })  # fmt: skip
    told = [vars(column) for column in with_roles(columns, table)]
    write_part(home.part("scores", version), table, {"columns": told})


def _keys(n: int) -> list[bytes]:
    """The content hashes of `n` contents."""
    spelled = _hashes(np.arange(n))
    return [spelled[at : at + 16] for at in range(0, len(spelled), 16)]


def _write_contents(home: Home, n: int) -> None:
    """Facts and thumbnails of `n` contents; there are a few thumbnails, of which each has one."""
    pictures = [_thumbnail(i) for i in range(THUMBNAILS)]
    told = json.dumps({"format": "JPEG", "width": 320, "height": 240})
    known, small = facts.store(home), facts.thumbnail_store(home)
    for numbers in _chunks(n):
        keys = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(numbers), [None, pa.py_buffer(_hashes(numbers))]
        )
        none = pa.nulls(len(numbers), pa.string())
        columns = {
            KEY: keys, facts.FACTS: pa.array([told] * len(numbers)), facts.REASON: none, facts.LIMITS: none,
        }  # fmt: skip
        write_shard(known.folder, pa.table(columns, schema=known.schema))
        thumbnails = pa.array([pictures[i % THUMBNAILS] for i in numbers.tolist()], pa.binary())
        write_shard(small.folder, pa.table({KEY: keys, facts.THUMBNAIL: thumbnails}, schema=small.schema))


def _thumbnail(number: int) -> bytes:
    out = BytesIO()
    shade = np.add.outer(np.arange(SIDE) * (number % 5), np.arange(SIDE) * (number % 3)) % 256
    Image.merge("HSV", [
        Image.fromarray(np.full((SIDE, SIDE), number * 4, np.uint8)),
        Image.fromarray(np.full((SIDE, SIDE), 150, np.uint8)),
        Image.fromarray((255 - shade // 2).astype(np.uint8)),
    ]).convert("RGB").save(out, "WEBP")  # fmt: skip
    return out.getvalue()


def _write_vectors(
    random: np.random.Generator, home: Home, key: str, n: int, model: dict[str, object]
) -> None:
    dimensions = int(str(model["dimensions"]))
    made = partial(embeddings.store, home.embeddings(key), dimensions=dimensions)
    store = made(fingerprint=str(model["fingerprint"]))
    for numbers in _chunks(n):
        vectors = random.normal(size=(len(numbers), dimensions)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dimensions)
        keys = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(numbers), [None, pa.py_buffer(_hashes(numbers))]
        )
        write_shard(store.folder, pa.table({KEY: keys, embeddings.VECTOR: column}, schema=store.schema))


def _chunks(n: int) -> Iterator[np.ndarray]:
    """The numbers below `n`, some at a time."""
    for start in range(0, n, CHUNK):
        yield np.arange(start, min(start + CHUNK, n))
