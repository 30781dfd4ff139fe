"""One published version of a home, for reading: points, metadata, thumbnails, files.

Heavy parts are loaded when first asked for and then shared, also by several threads. What does not belong
here: writing anything; vectors, and searching by them (`atlas/engine.py`).
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.atlas.insights import Insights
from clipper.errors import BadImageError, ClipperError, ImagesError, ModelError
from clipper.images.archives.folder import open_images
from clipper.images.files.places import ARCHIVE, Place, read_places
from clipper.metadata.columns import Column, columns_of
from clipper.metadata.join import without_missing
from clipper.metadata.values.integers import to_frame
from clipper.settings import Settings
from clipper.store import cluster_names, facts, snapshots
from clipper.store.columns.entries import FIRST_NS
from clipper.store.home import Home
from clipper.store.parts import objects as stored_objects
from clipper.store.parts.clusters import Clusters
from clipper.store.shards import ShardStore
from clipper.store.snapshots import Snapshot
from clipper.store.tables import read_made_of, read_parquet

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pandas as pd
    import pyarrow as pa

# Kept of a first view's points on each side of each axis: a stray point must not shrink the rest.
VIEW_QUANTILE = 0.001
VIEW_MARGIN = 0.04
# Before the name of a column of Clipper's that the metadata has too.
_PREFIX = "clipper_"


class Published:
    """A published version of a home. Row i of everything belongs to `ids[i]`; rows are sorted by id."""

    def __init__(self, settings: Settings, *, model: str | None = None) -> None:
        """Open what is published in the settings' home, as one of its models sees it.

        Args:
            settings: of the home.
            model: the name of one of the models, or the end of one name; None: the first.

        Raises:
            NoIndexError: nothing is published.
            StoreError: a file is damaged.
            ModelError: the atlas has no such model.
        """
        self.settings = settings
        self.home = Home(settings.home)
        snapshots.refresh(self.home)
        # Held until this atlas is closed: no run deletes what it reads.
        published, self._lease = snapshots.lease(self.home)
        self.version = published.version
        self.models = [each.name for each in published.models]
        self._of_models = published.models
        self.snapshot = published.of_model(_fingerprint_of(published, model)) if model else published
        self.title = settings.display_title
        self._projection = read_parquet(self._part("projection"))
        self.ids: list[str] = self._projection["id"].to_pylist()
        self._rows = {image_id: row for row, image_id in enumerate(self.ids)}
        # Relative to the home, as the setting is: a home that was moved with its images still opens.
        self._location = settings.locate_images(self.snapshot.images)
        self._folder = open_images(self._location, max_bytes=settings.max_bytes)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._rows

    @property
    def n(self) -> int:
        """The number of images on the map."""
        return len(self)

    @property
    def indexed_at(self) -> "datetime":
        """When this version was published, UTC."""
        return self.snapshot.published_at

    @property
    def model(self) -> str:
        """The name of the model that made the vectors and the map."""
        return str(self.snapshot.model["name"])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model that made the vectors."""
        return str(self.snapshot.model["fingerprint"])

    @cached_property
    def xy(self) -> "np.ndarray":
        """Map positions: (n, 2) float32."""
        import numpy as np

        columns = [self._projection[axis].to_numpy() for axis in ("x", "y")]
        return np.stack(columns, axis=1).astype(np.float32)

    @cached_property
    def view(self) -> tuple[float, float, float, float]:
        """The first view: x0, x1, y0, y1. All but a few stray points, with a margin."""
        import numpy as np

        if not len(self):
            return (-1.0, 1.0, -1.0, 1.0)
        low, high = np.quantile(self.xy, [VIEW_QUANTILE, 1 - VIEW_QUANTILE], axis=0)
        margin = max(float((high - low).max()) * VIEW_MARGIN, 0.5)
        (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
        return (x0, x1, y0, y1)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The metadata columns by name: those of metadata.json and its like first."""
        entries = read_made_of(self._part("metadata"))["columns"]
        return {column.name: column for column in columns_of(entries, lambda: self.metadata_table)}

    @cached_property
    def insight_columns(self) -> dict[str, Column]:
        """The scores and the columns of words, by name; one whose name is taken gets a prefix."""
        named: dict[str, Column] = {}
        for column, _ in self.insights.columns:
            name = column.name
            while name in self.columns or name in named:
                name = f"{_PREFIX}{name}"
            named[name] = column
        return named

    @cached_property
    def insight_table(self) -> "pa.Table | None":
        """The cells of `insight_columns`: a row for each image; None without any column."""
        import pyarrow as pa

        cells = [cells for _, cells in self.insights.columns]
        return pa.table(cells, names=list(self.insight_columns)) if cells else None

    @cached_property
    def insights(self) -> Insights:
        """What this version says of its images."""
        return Insights(self.home, self.snapshot, self.hashes)

    @property
    def clusters(self) -> Clusters | None:
        """The clusters of the images; None if they are switched off, or if an earlier Clipper indexed."""
        return self.insights.clusters

    @property
    def cluster_names(self) -> list[str]:
        """The name of each cluster, "" for one without a name; people may give other names at any time."""
        return self.insights.cluster_names

    @property
    def found_cluster_names(self) -> list[str]:
        """The name that Clipper found for each cluster, "" for none."""
        return self.insights.found_cluster_names

    def rename_cluster(self, cluster: int, name: str | None) -> None:
        """Give a cluster a name, by its lasting number; None or "" takes it back, and the found one returns.

        Raises:
            ClipperError: there is no such cluster, or the name is too long, or there are too many names.
            StoreError: the file of people's names is damaged, or cannot be written.
        """
        if self.clusters is None or cluster not in self.clusters.ids:
            raise ClipperError(f"there is no cluster {cluster}; `clipper report --json` lists them")
        if not name or not name.strip():
            cluster_names.remove(self.home, cluster)
            return
        try:
            cluster_names.give(self.home, cluster, name)
        except ValueError as error:
            raise ClipperError(str(error)) from error

    @property
    def drift(self) -> dict[str, Any]:
        """How the images differ from those of the version before their last change; empty if not known."""
        return self.insights.drift

    @cached_property
    def novelty(self) -> "np.ndarray | None":
        """Whether each image came with that change: (n,) int8, 0: no, 1: yes, 2: and is unlike all before."""
        import numpy as np

        table = self.insights.new_images if self.drift else None
        if table is None:
            return None
        kinds = {key: 1 + (kind == "sparse") for key, kind in zip(*table.to_pydict().values(), strict=True)}
        return np.array([kinds.get(key, 0) for key in self.hashes], np.int8)

    @cached_property
    def points(self) -> "pd.DataFrame":
        """The map as a table: id, name, path, x, y, then the metadata columns; the index is the row.

        Integers are exact: a column of them in which values are missing is `Int64`.
        """
        import pandas as pd

        metadata = to_frame(self.metadata_table.select(list(self.columns)))
        frame = pd.DataFrame({"id": self.ids, "x": self.xy[:, 0], "y": self.xy[:, 1]})
        frame.insert(1, "path", [self.path(row) for row in range(len(self))])
        if "name" not in metadata:
            frame.insert(1, "name", [name_of(image_id) for image_id in self.ids])
        points: pd.DataFrame = pd.concat([frame, metadata, *self._found()], axis=1)
        return points

    def _found(self) -> "list[pd.DataFrame]":
        """Return the scores and the words as a table, if there are any."""
        return [] if self.insight_table is None else [to_frame(self.insight_table)]

    @cached_property
    def failures(self) -> "pd.DataFrame":
        """Files that are not on the map: id and reason."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        files = read_parquet(self._part("manifest")).select(["id", "content_hash", "reason"])
        unread = files.filter(pc.is_valid(files["reason"])).to_pylist()
        reasons: dict[str, str] = {row["id"]: row["reason"] for row in unread}
        keys = files["content_hash"]
        bad = facts.failures(
            self._facts,
            keys.drop_null(),
            limits=self.settings.limits,
            skip_damaged=self.settings.skips_damaged,
        )
        lost = files.filter(pc.is_in(keys, value_set=pa.array(list(bad), pa.binary(16)))).to_pylist()
        reasons |= {row["id"]: bad[row["content_hash"]] for row in lost}
        rows = sorted((i, why) for i, why in reasons.items() if i not in self._rows)
        return pd.DataFrame(rows, columns=["id", "reason"])

    def row(self, image_id: str) -> int:
        """Return the row of an id.

        Raises:
            KeyError: it is not on the map.
        """
        return self._rows[image_id]

    def name(self, row: int) -> str:
        """Return the name to show: the metadata's `name`, else the file name without its ending."""
        given = self.metadata_table["name"][row].as_py() if "name" in self.columns else None
        return given if isinstance(given, str) and given else name_of(self.ids[row])

    def path(self, row: int) -> str:
        """Return the location of the original: an absolute path or a URL."""
        return self._folder.path(self.ids[row], self._place_in_archive(row))

    def metadata(self, row: int) -> dict[str, Any]:
        """Return the metadata of an image, without missing values."""
        values = self.metadata_table.slice(row, 1).to_pylist()[0]
        values.pop("id")
        return without_missing(values)

    @property
    def has_objects(self) -> bool:
        """Whether there are label files with objects for this version's images."""
        return bool(self.snapshot.parts.get("objects"))

    @cached_property
    def object_categories(self) -> list[str]:
        """The categories of objects, the most frequent first."""
        return list(read_made_of(self._part("objects"))["categories"]) if self.has_objects else []

    def objects(self, row: int | None) -> "pa.Table":
        """Return the objects of an image, or of all: category, box in shares of the upright image, and more.

        Returns:
            `image` (int32, its row), `category` (text), `left`, `top`, `width`, `height` (float32, 0 to 1;
            null without a box), `crowd` (bool), `score` (float32; null unless a detector gave one). There are
            no rows without label files.

        Raises:
            StoreError: the table is missing or damaged.
        """
        return stored_objects.none() if self._objects is None else self._objects.of(row)

    def thumbnail(self, row: int) -> bytes:
        """Return the thumbnail: a WebP of at most 128 pixels on the longer side."""
        table, positions = self._thumbnails
        return bytes(table[facts.THUMBNAIL][positions[row]].as_py())

    def image(self, row: int) -> bytes:
        """Return the original file's bytes.

        Raises:
            BadImageError: it is gone or unreadable by now.
        """
        try:
            return self._folder.read(self.ids[row], self._place_in_archive(row))
        except ImagesError as error:  # of its storage
            raise BadImageError(str(error)) from error

    def image_format(self, row: int) -> str:
        """Return the original's format, as Pillow names it: "JPEG", "PNG", ..."""
        return str(self._facts_of(row)["format"])

    def needs_conversion(self, row: int) -> bool:
        """Whether a browser would show the original otherwise than it was indexed: see `images/decode.py`."""
        return bool(self._facts_of(row).get("_converted"))

    @cached_property
    def modified(self) -> "np.ndarray":
        """When each original was last written, in seconds since 1970: (n,) float64, NaN where unknown."""
        return self._times("mtime_ns")

    @cached_property
    def indexed(self) -> "np.ndarray":
        """When each image was first indexed, in seconds since 1970: (n,) float64, NaN where unknown.

        A renamed image keeps its time, a changed one gets another; copies of one image share it.
        """
        return self._times(FIRST_NS)

    @cached_property
    def hashes(self) -> Sequence[bytes]:
        """The content hash of each image's bytes, as they were indexed."""
        hashes: list[bytes] = self._projection["content_hash"].to_pylist()
        return hashes

    @cached_property
    def metadata_table(self) -> "pa.Table":
        """The metadata as a table: `id`, then the metadata columns; one row an image."""
        return read_parquet(self._part("metadata"))

    def close(self) -> None:
        """Release this version: a run may delete it once another is published."""
        self._lease.close()

    def _part(self, name: str) -> Path:
        return self.home.part(name, self.snapshot.parts[name])

    def _times(self, column: str) -> "np.ndarray":
        """Return a manifest column of nanoseconds as seconds, in the order of the rows: (n,) float64."""
        import numpy as np
        import pyarrow.compute as pc

        files = read_parquet(self._part("manifest"))
        if column not in files.column_names:  # of an earlier Clipper
            return np.full(len(self), np.nan)
        at = pc.index_in(self._projection["id"], value_set=files["id"])
        nanoseconds = pc.fill_null(files[column], 0).take(at).to_numpy().astype(np.float64)
        return np.where(nanoseconds > 0, nanoseconds / 1e9, np.nan)

    def _place_in_archive(self, row: int) -> Place | None:
        """Return where an image lies in an archive; None for a file."""
        places = self._places
        return None if places is None else next(iter(read_places(places.slice(row, 1))))

    @cached_property
    def _places(self) -> "pa.Table | None":
        """The places of all images, if they lie in archives."""
        import pyarrow.compute as pc

        files = read_parquet(self._part("manifest"))
        if ARCHIVE not in files.column_names:
            return None
        at = pc.index_in(self._projection["id"], value_set=files["id"])
        return files.select(list(Place._fields)).take(at)

    @cached_property
    def _objects(self) -> stored_objects.ObjectReader | None:
        return stored_objects.ObjectReader(self._part("objects")) if self.has_objects else None

    def _facts_of(self, row: int) -> dict[str, Any]:
        key = self.hashes[row]
        return facts.read(self._facts, [key])[key]

    @cached_property
    def _thumbnails(self) -> Any:
        return facts.thumbnail_store(self.home, of_any_version=True).positions(self.hashes)

    @cached_property
    def _facts(self) -> ShardStore:
        return facts.store(self.home, of_any_version=True)


def name_of(image_id: str) -> str:
    """Return an image's file name without its ending."""
    name = image_id.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _fingerprint_of(snapshot: Snapshot, named: str) -> str:
    """Return the fingerprint of the model that a name means.

    Raises:
        ModelError: none or several models have the name.
    """
    names = [each.name for each in snapshot.models]
    found = [each for each in snapshot.models if each.name == named]
    found = found or [each for each in snapshot.models if snapshots.short_name(each.name) == named.strip("/")]
    if len(found) != 1:
        known = "several models are" if found else "no model is"
        raise ModelError(f"{known} called {named!r} in this atlas; it has {', '.join(names)}")
    return found[0].fingerprint
