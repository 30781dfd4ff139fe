"""A small atlas made of numbers, with the attributes of `clipper.atlas.Atlas` that the viewer reads."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from clipper.errors import BadImageError


@dataclass(frozen=True)
class FakeColumn:
    name: str
    type: str
    origin: str = "metadata"
    source: str = "metadata.json"


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
        self.settings = SimpleNamespace(home=Path("nowhere"), max_pixels=10**8)
        self.snapshot = SimpleNamespace(runs=())
        self.failures = pd.DataFrame({"id": [], "reason": []})
        self.columns = {
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
        self.chance = 0.25
        self.queries: list[object] = []
        self.uploaded: list[bytes] = []

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

    def info(self) -> dict[str, object]:
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

    def name(self, row: int) -> str:
        return str(row)

    def metadata(self, row: int) -> dict[str, object]:
        return self.points.iloc[row][["group", "size", "tags"]].to_dict()

    def thumbnail(self, row: int) -> bytes:
        out = io.BytesIO()
        shade = 40 * int(self._group[row]) % 255
        Image.new("RGB", (128, 96), (shade, 200, 255 - shade)).save(out, "WEBP")
        return out.getvalue()

    def similarities(self, vector: np.ndarray) -> np.ndarray:
        return self.vectors @ vector

    def embed_upload(self, data: bytes, **_limits: object) -> tuple[np.ndarray, bytes]:
        self.uploaded.append(data)
        if data.startswith(b"text"):
            raise BadImageError("is not an image but text")
        return self.vectors[0], self.thumbnail(0)

    def rank(self, query: object, *, k: int = 20) -> SimpleNamespace:
        self.queries.append(query)
        scores = self.similarities(self.vectors[0])
        rows = np.argsort(-scores, kind="stable")[:k]
        x, y = map(float, self.xy[rows].mean(0))
        return SimpleNamespace(
            query=query,
            rows=rows,
            similarity=scores[rows],
            vector=self.vectors[0],
            x=x,
            y=y,
            similarities=scores,
        )
