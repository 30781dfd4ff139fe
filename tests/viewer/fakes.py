"""A small atlas made of numbers: an `AtlasReader`, as `clipper.Atlas` is."""

import gc
import io
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from clipper.atlas.findings import Finding
from clipper.errors import BadImageError, ClipperError, ModelError
from clipper.insight.classify import NONE, Classes
from clipper.insight.coverage import Coverage
from clipper.metadata.columns import Column, with_roles
from clipper.projection.axes import Axis, opposites_axis
from clipper.query import ScoreScale
from clipper.store import cluster_names
from clipper.store.home import Home
from clipper.store.parts.clusters import LEVELS, NOISE, REPRESENTATIVES, Clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipper.query import Query
    from clipper.store.snapshots import Run
    from viewer.dataset.atlas_reader import AtlasReader
    from viewer.session.state import ViewState


def collect(*gone: weakref.ref[Any]) -> None:
    """Collect garbage: a thread of a pool holds what it worked on for a moment after its result is here."""
    for _ in range(500):
        gc.collect()
        if all(each() is None for each in gone):
            return
        time.sleep(0.01)


MOST_LOOKED_AT = 2_000  # cells whose role is decided again at each look


@dataclass(frozen=True)
class FakeColumn(Column):
    origin: str = "metadata"


def column_of(name: str, cells: "pd.Series[Any]", declared: str) -> Column:
    """A column with the role that its cells have, as indexing decides it."""
    return with_role(FakeColumn(name, declared), cells)


def with_role(column: Column, cells: "pd.Series[Any]") -> Column:
    name = column.name
    try:
        return with_roles([column], pa.table({name: pa.array(cells, from_pandas=True)}))[0]
    except (pa.ArrowInvalid, pa.ArrowTypeError, NotImplementedError):
        return replace(column, role="text", filled=int(cells.notna().sum()))


@dataclass
class FakeSettings:
    home: Path = Path("nowhere")
    max_pixels: int = 10**8


@dataclass
class FakeSnapshot:
    runs: "tuple[Run, ...]" = ()


@dataclass
class FakeHits:
    similarities: np.ndarray
    rows: np.ndarray
    x: float
    y: float


class FakeAtlas:
    """`n` images in a few clusters; row i is image "i.png", its colour follows its cluster."""

    def __init__(self, n: int = 500, *, groups: int = 5, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(groups, 2)) * 5
        group = rng.integers(0, groups, n)
        self.ids = [f"folder/{i}.png" for i in range(n)]
        self.xy = (centres[group] + rng.normal(size=(n, 2)) * 0.6).astype(np.float32)
        self.view = (-12.0, 12.0, -12.0, 12.0)
        self.version = "v1"
        self.title = "Fake"
        self.indexed_at = datetime.now(UTC)
        self.settings = FakeSettings()
        self.snapshot = FakeSnapshot()
        self.failures = pd.DataFrame({"id": [], "reason": []})
        self.clusters: Clusters | None = None
        self.found_cluster_names: Sequence[str] = []
        self._columns: dict[str, Column] = {
            "group": FakeColumn("group", "str"),
            "size": FakeColumn("size", "float"),
            "tags": FakeColumn("tags", "list[str]"),
        }
        self.points = pd.DataFrame(
            {
                "id": self.ids,
                "x": self.xy[:, 0],
                "y": self.xy[:, 1],
                "group": [f"group {g}" for g in group],
                "size": rng.normal(size=n),
                "tags": [["a", "b"]] * n,
            }
        )
        self.hashes = [blake2b(image_id.encode(), digest_size=16).digest() for image_id in self.ids]
        self._group = group
        self.vectors = self.stored = np.eye(groups, dtype=np.float32)[group]
        self.fingerprint = "fake"
        self.models: Sequence[str] = ["fake"]
        self.model = "fake"
        self.random_text_baseline = 0.25
        self.has_text = True
        self.score_scale = ScoreScale()
        self.queries: list[object] = []
        self.uploaded: list[bytes] = []
        self.findings: list[Finding] = []
        self.classified: list[tuple[str, ...]] = []
        self.lost_model = ""
        self.insight_columns: dict[str, Column] = {}
        self.has_objects = False
        self.object_categories: Sequence[str] = []
        self.boxes: dict[int, list[dict[str, Any]]] = {}
        self.insight_table: pa.Table | None = None
        self.drift: dict[str, Any] = {}
        self.novelty: np.ndarray | None = None
        self.vocabulary: Sequence[str] = ["cat", "dog", "zebra"]
        self.asked: list[list[str]] = []

    @property
    def columns(self) -> dict[str, Column]:
        """The columns, with the roles that their cells have now; of many cells, with the first ones."""
        for name, column in self._columns.items():
            if name in self.points and (column.role is None or self.n <= MOST_LOOKED_AT):
                self._columns[name] = with_role(column, self.points[name])
        return self._columns

    @columns.setter
    def columns(self, columns: dict[str, Column]) -> None:
        self._columns = columns

    @property
    def cluster_names(self) -> "Sequence[str]":
        """The names that people gave in the home, before the found ones."""
        found = self.found_cluster_names
        if self.clusters is None or len(found) != len(self.clusters):
            return found
        given = cluster_names.read(Home(self.settings.home))
        ids = self.clusters.ids.tolist()
        return [given.get(cluster, name) for cluster, name in zip(ids, found, strict=True)]

    @cluster_names.setter
    def cluster_names(self, names: "Sequence[str]") -> None:
        self.found_cluster_names = names

    def rename_cluster(self, cluster: int, name: str | None) -> None:
        try:
            if name:
                cluster_names.give(Home(self.settings.home), cluster, name)
            else:
                cluster_names.remove(Home(self.settings.home), cluster)
        except ValueError as error:
            raise ClipperError(str(error)) from error

    @property
    def metadata_table(self) -> pa.Table:
        return pa.Table.from_pandas(self.points[["id", "group", "size", "tags"]], preserve_index=False)

    @property
    def modified(self) -> np.ndarray:
        return 1.7e9 + 3600.0 * np.arange(self.n)

    @property
    def indexed(self) -> np.ndarray:
        """Two runs, then no more is known of the last image."""
        times = np.where(np.arange(self.n) < self.n // 2, 1.7e9, 1.7e9 + 86_400 * 30)
        times[-1:] = np.nan
        return times

    def close(self) -> None:
        pass

    def warm(self) -> None:
        pass

    def info(self) -> dict[str, Any]:
        return {"folder": "/images", "home": "nowhere", "model": "fake", "dimensions": 5, "quality": {}}

    @property
    def n(self) -> int:
        return len(self.ids)

    def row(self, image_id: str) -> int:
        return self.ids.index(image_id) if image_id in self.ids else self._unknown(image_id)

    @staticmethod
    def _unknown(image_id: str) -> int:
        raise KeyError(image_id)

    def path(self, row: int) -> str:
        return f"/images/{self.ids[row]}"

    def image(self, row: int) -> bytes:
        return self.ids[row].encode()

    def image_format(self, row: int) -> str:
        return self.ids[row].rpartition(".")[2].upper()

    def needs_conversion(self, row: int) -> bool:
        return self.ids[row].endswith(".tiff")

    def name(self, row: int) -> str:
        return str(row)

    def metadata(self, row: int) -> dict[str, Any]:
        found = self.points.iloc[row][["group", "size", "tags"]].to_dict()
        return {str(name): value for name, value in found.items()}

    def objects(self, row: int) -> pa.Table:
        """The boxes that a test gave the image."""
        return pa.Table.from_pylist(self.boxes.get(row, []))

    def thumbnail(self, row: int) -> bytes:
        out = io.BytesIO()
        shade = 40 * int(self._group[row]) % 255
        Image.new("RGB", (128, 96), (shade, 200, 255 - shade)).save(out, "WEBP")
        return out.getvalue()

    def similarities(self, vector: np.ndarray) -> np.ndarray:
        return np.asarray(self.vectors @ vector)

    def coverage(self, concepts: "Sequence[str]") -> Coverage:
        """A concept has as many images as letters; with a "z" in it none, and with a "y" perhaps one."""
        self.asked.append(list(concepts))
        if "no model" in concepts:
            raise ModelError("the model is not there")
        none = np.array([bool({"y", "z"} & set(concept)) for concept in concepts], bool)
        counts = np.where(none, 0, [len(concept) for concept in concepts]).astype(np.int64)
        by_chance = np.array([2.0 * ("z" in concept) for concept in concepts])
        best, even = np.arange(len(concepts), dtype=np.int64) % self.n, np.zeros(len(concepts))
        return Coverage(counts, counts, best, even, by_chance, even, 0.0)

    def embed_upload(self, data: bytes, **_limits: float) -> tuple[np.ndarray, bytes]:
        self.uploaded.append(data)
        if data.startswith(b"text"):
            raise BadImageError("is not an image but text")
        return self.vectors[0], self.thumbnail(0)

    def classify(self, words: "Sequence[str]") -> Classes:
        """The images of the first groups get the words, one each; the others get none."""
        self.classified.append(tuple(words))
        if self.lost_model:
            raise ModelError(self.lost_model)
        codes = np.where(self._group < len(words), self._group, NONE).astype(np.int32)
        counts = np.bincount(codes[codes >= 0], minlength=len(words)).astype(np.int64)
        return Classes(codes, np.zeros(self.n, np.float32), counts)

    def text_axis(self, low: str, high: str) -> Axis:
        """Groups lie from low to high by their number."""
        if self.lost_model:
            raise ModelError(self.lost_model)
        nearness = self._group.astype(np.float32)
        columns = [-nearness, nearness] if low else [nearness]
        return opposites_axis(low, high, np.stack(columns, axis=1))

    def text_on_axis(self, low: str, high: str, query: "Query") -> float:
        """Every query lies as far up as its first word has letters."""
        return float(len(query.all_terms[0].text)) / 10 if high != low else 0.0

    def text_parts(self, text: str) -> int:
        return -(-len(text) // 200)

    def rank(self, query: "Query", *, k: int = 20) -> FakeHits:
        self.queries.append(query)
        scores = self.similarities(self.vectors[0])
        rows = np.argsort(-scores, kind="stable")[:k]
        x, y = map(float, self.xy[rows].mean(0))
        return FakeHits(scores, rows, x, y)


def clustered(n: int = 500, *, groups: int = 5, parts: int = 3, seed: int = 0) -> FakeAtlas:
    """The same atlas with clusters: its groups, and `parts` of each; one image in fifty is in none."""
    atlas, rng = FakeAtlas(n, groups=groups, seed=seed), np.random.default_rng(seed + 1)
    group, part = atlas._group, rng.integers(0, parts, n)
    counts = [groups, groups * parts, 0]
    members = np.stack([group, groups + group * parts + part, np.full(n, NOISE)], axis=1).astype(np.int32)
    members[::50] = NOISE
    c = sum(counts)
    owned = [np.flatnonzero((members == row).any(axis=1)) for row in range(c)]
    centers = [np.median(atlas.xy[rows], axis=0) if len(rows) else np.zeros(2) for rows in owned]
    atlas.clusters = Clusters(
        ids=np.arange(c, dtype=np.int64) * 7 + 3,
        levels=np.repeat(np.arange(LEVELS, dtype=np.int8), counts),
        parents=np.array([*[NOISE] * groups, *np.repeat(np.arange(groups), parts)], np.int32),
        sizes=np.array([len(rows) for rows in owned], np.int32),
        centers=np.array(centers, np.float32),
        colors=np.arange(c, dtype=np.int16),
        representatives=np.full((c, REPRESENTATIVES), NOISE, np.int32),
        members=members,
        faces=rng.permutation(n).astype(np.int32),
    )
    atlas.cluster_names = [f"group {row}" if row < groups else f"part {row}" for row in range(c)]
    return atlas


def finding(
    key: str,
    rows: Iterable[int],
    *,
    groups: Iterable[int] | None = None,
    keep: Iterable[int] | None = None,
) -> Finding:
    """A finding about some rows; `keep` are the rows to keep of the groups."""
    about = np.array(list(rows), np.int64)
    return Finding(
        key,
        f"Title of {key}",
        f"Detail of {key}",
        about,
        notes=tuple(f"note of {row}" for row in about.tolist()),
        groups=None if groups is None else np.array(list(groups), np.int64),
        keep=None if keep is None else np.isin(about, list(keep)),
    )


def shown(part: Any, state: "ViewState") -> Any:
    """Let a component follow a state, and return the component."""
    part.follow(state)
    return part


if TYPE_CHECKING:
    _reader: AtlasReader = FakeAtlas()  # mypy checks that the viewer gets what it expects
