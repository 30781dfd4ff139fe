"""What a published version says of its images: clusters and their names, scores, duplicates, doubtful labels.

What does not belong here: how they are found (`insight/`), and making their parts (`indexing/insights/`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import rows_of
from clipper.errors import StoreError
from clipper.metadata.columns import Column
from clipper.store import cluster_names
from clipper.store.columns.keys import column_of, pairs_of
from clipper.store.home import Home
from clipper.store.parts import clusters as stored_clusters
from clipper.store.parts.clusters import NOISE, Clusters
from clipper.store.snapshots import Snapshot, short_names
from clipper.store.tables import read_made_of, read_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class Insights:
    """The insights of one version. Row i of everything belongs to its image i; copies share what is known.

    A part that is switched off, or that an earlier Clipper did not make, is None or empty.
    """

    def __init__(self, home: Home, snapshot: Snapshot, hashes: Sequence[bytes]) -> None:
        """Read nothing yet.

        Args:
            home: the atlas's.
            snapshot: the published version.
            hashes: (n,) the content hash of each image.
        """
        self._home, self._snapshot, self._hashes = home, snapshot, hashes

    @cached_property
    def clusters(self) -> Clusters | None:
        """The clusters, with sizes that count copies."""
        path = self._path("clusters")
        if path is None:
            return None
        keys, clusters = stored_clusters.read(path)
        return expand(clusters, self._positions(keys))

    @property
    def cluster_names(self) -> list[str]:
        """The name of each cluster, "" where no word is true; a person's name comes before a found one.

        People's names are read anew each time: they may change while a version is open.

        Raises:
            StoreError: the file of people's names is damaged.
        """
        if self.clusters is None:
            return []
        given = cluster_names.read(self._home)
        pairs = zip(self.clusters.ids.tolist(), self.found_cluster_names, strict=True)
        return [given.get(cluster) or found for cluster, found in pairs]

    @cached_property
    def found_cluster_names(self) -> list[str]:
        """The name that Clipper found for each cluster, "" where no word is true."""
        if self.clusters is None:
            return []
        path = self._path("cluster_names")
        table = read_parquet(path).select(["cluster", "name"]).to_pydict() if path else {}
        found = dict(zip(table.get("cluster", []), table.get("name", []), strict=True))
        return [found.get(cluster) or "" for cluster in self.clusters.ids.tolist()]

    @cached_property
    def scores(self) -> "pa.Table | None":
        """The scores: a row for each image."""
        return self._image_table("scores")

    @cached_property
    def words(self) -> "pa.Table | None":
        """The columns of words that people keep: a row for each image, missing where none of them fits."""
        return self._image_table("word_columns")

    @cached_property
    def columns(self) -> "list[tuple[Column, pa.ChunkedArray]]":
        """The columns of scores, of the models' agreement and of words, each with a cell for each image."""
        found = [
            (column, table[column.name])
            for part, table in (("scores", self.scores), ("word_columns", self.words))
            for column in map(Column.from_json, self._made_of(part).get("columns", ()))
            if table is not None
        ]
        return found + [(column, cells) for _, column, cells in self.agreements]

    @cached_property
    def agreements(self) -> "list[tuple[str, Column, pa.ChunkedArray]]":
        """How far each further model agrees with the first: its name, a column, a cell for each image."""
        made = [each for each in self._snapshot.further if each.parts.get("agreement")]
        found = []
        for each, short in zip(made, short_names([each.name for each in made]), strict=True):
            path = self._home.part("agreement", each.parts["agreement"])
            table, column = read_parquet(path), Column.from_json(read_made_of(path)["columns"][0])
            cells = table[column.name].take(self._positions(table["content_hash"].combine_chunks()))
            name = column.name if len(made) == 1 else f"{column.name}_{short}"
            found.append((each.name, replace(column, name=name), cells))
        return found

    @cached_property
    def label_issues(self) -> "pa.Table | None":
        """The labels that look wrong: column, id, given, suggested, confidence."""
        path = self._path("label_issues")
        return None if path is None else read_parquet(path)

    @cached_property
    def duplicates(self) -> "pa.Table | None":
        """The images that are double: group, id, kind, similarity, keep, why."""
        path = self._path("duplicates")
        return None if path is None else read_parquet(path)

    @cached_property
    def drift(self) -> dict[str, Any]:
        """How the images differ from those of the version before their last change; empty if not known."""
        told = self._made_of("drift").get("drift", {})
        return dict(told) if told.get("compared") else {}

    @cached_property
    def new_images(self) -> "pa.Table | None":
        """The contents that came with that change: image, and kind (new, or sparse: unlike all before)."""
        table = self._drift_table
        if table is None or "pair" not in table.column_names:
            return table
        return table.filter(_is_null(table)).select(["image", "kind"])

    @cached_property
    def split_drift(self) -> list[dict[str, Any]]:
        """How two parts of a split differ, such as train and val: a drift of `one` from `other`, the larger.

        `far` has the contents of `one` that are far from any of `other`.
        """
        pairs, table = self._made_of("drift").get("splits", []), self._drift_table
        if not pairs or table is None:
            return []
        rows = zip(table["pair"].to_pylist(), table["image"].to_pylist(), strict=True)
        far: dict[int, set[bytes]] = {}
        for pair, image in rows:
            far.setdefault(pair, set()).add(image)
        return [{**told, "far": far.get(at, set())} for at, told in enumerate(pairs)]

    @cached_property
    def _drift_table(self) -> "pa.Table | None":
        path = self._path("drift")
        return None if path is None else read_parquet(path)

    def _image_table(self, part: str) -> "pa.Table | None":
        """Return the columns of a part that has a row for each content, as rows of images."""
        path = self._path(part)
        if path is None:
            return None
        table, names = read_parquet(path), [entry["name"] for entry in self._made_of(part)["columns"]]
        return table.take(self._positions(table["content_hash"].combine_chunks())).select(names)

    def _made_of(self, part: str) -> dict[str, Any]:
        """Return the JSON of a part: counts and figures; empty without the part."""
        path = self._path(part)
        return {} if path is None else read_made_of(path)

    def _path(self, part: str) -> Path | None:
        version = self._snapshot.parts.get(part)
        return self._home.part(part, version) if version else None

    def _positions(self, keys: "pa.Array") -> "np.ndarray":
        """Return for each image the row of its content in `keys`: (n,) int64.

        Raises:
            StoreError: a content is not among them.
        """
        hashes = column_of(pairs_of(self._hashes))
        rows = rows_of(hashes, keys.cast(hashes.type))
        if (rows < 0).any():
            raise StoreError("a part of the atlas lacks images; run `clipper index` to make it again")
        return rows


def _is_null(table: "pa.Table") -> Any:
    import pyarrow.compute as pc

    return pc.is_null(table["pair"])


def expand(clusters: Clusters, positions: "np.ndarray") -> Clusters:
    """Return the clusters of images from those of their contents.

    A copy is a face only after all contents, so that no picture lies on its own copy.

    Args:
        clusters: of contents.
        positions: (n,) int, the row of each image's content.
    """
    import numpy as np

    n = len(positions)
    _, first = np.unique(positions, return_index=True)
    copy = np.ones(n, bool)
    copy[first] = False
    order = np.lexsort((np.arange(n), clusters.faces[positions], copy))
    faces = np.empty(n, np.int32)
    faces[order] = np.arange(n, dtype=np.int32)
    image_of = np.full(len(clusters.faces) + 1, NOISE, np.int32)  # the last one stays NOISE, which is row -1
    image_of[positions[first]] = first
    members = clusters.members[positions]
    inside = members[members >= 0]
    return replace(
        clusters,
        sizes=np.bincount(inside, minlength=len(clusters)).astype(np.int32),
        representatives=image_of[clusters.representatives],
        members=members,
        faces=faces,
    )
