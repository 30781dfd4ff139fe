"""Damage to each staged part, done between the steps of a run. For the tests of the gate."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipper import hashing
from clipper.chroma.collection import Collection, address_of
from clipper.doctor import repair
from clipper.indexing import publish, run
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.settings import Settings
from clipper.store.home import read_json, write_json
from clipper.store.parts import neighbors
from clipper.store.shards import write_shard


@dataclass(frozen=True)
class Damage:
    """What is done to a home's staged parts, and what the error must say about it."""

    do: Callable[[Workspace], None]
    message: str
    needs_repair: bool = False


def _path(work: Workspace, part: str, suffix: str = ".parquet") -> Path:
    return work.home.part(part, getattr(work.staged, part), suffix)


def _spoil_bytes(part: str, suffix: str = ".parquet") -> Callable[[Workspace], None]:
    """A disk that gives other bytes than it was given."""

    def do(work: Workspace) -> None:
        path = _path(work, part, suffix)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)

    return do


def _rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a table anew, with the checksum that belongs to it: what a faulty step would leave."""
    pq.write_table(change(pq.read_table(path)), path)
    beside = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), beside | {"table": hashing.file_checksum(path)})


def _lose_point(work: Workspace) -> None:
    def change(table: pa.Table) -> pa.Table:
        x = np.array(table["x"].to_numpy())
        x[0] = np.nan
        return table.set_column(table.schema.get_field_index("x"), "x", pa.array(x))

    _rewrite(_path(work, "projection"), change)


def _misplace_neighbor(work: Workspace) -> None:
    """The first image's nearest is the image itself, in lists that are as they were written."""
    path = _path(work, "neighbours")
    keys, rows, distances = neighbors.read(path)
    rows = rows.copy()
    rows[0, 0] = 0
    beside = read_json(path.with_suffix(".json"))
    neighbors.write(path, keys, rows, distances, beside)


def _change_collection(change: Callable[[Collection], None]) -> Callable[[Workspace], None]:
    """Change Chroma's rows, and write down the checksums that the index then has."""

    def do(work: Workspace) -> None:
        address = address_of(work.home, work.staged.collection)
        collection = Collection(address)
        change(collection)
        collection.close()
        beside = _path(work, "collection").with_suffix(".json")
        write_json(beside, read_json(beside) | {"files": address.graph_checksums()})

    return do


def _lose_row(collection: Collection) -> None:
    collection.delete(collection.get()["ids"][:1])


def _turn_vector(collection: Collection) -> None:
    """A row that is there, and is found by another picture."""
    first = collection.get()["ids"][0]
    rows = collection.get([first], vectors=True)
    collection.write([first], -np.asarray(rows["embeddings"], np.float32), rows["metadatas"])


def _lengthen_vectors(work: Workspace) -> None:
    """Vectors that are not of length 1, in a shard that is as it was written."""
    _, _, store = work.embeddings()
    for path in store.folder.glob("*.arrow"):
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        column = table["vector"].combine_chunks()
        longer = pa.FixedSizeListArray.from_arrays(
            pa.array(column.flatten().to_numpy() * 2), column.type.list_size
        ).cast(column.type)
        path.unlink()
        write_shard(store.folder, table.set_column(table.schema.get_field_index("vector"), "vector", longer))


def _table_without_first(part: str) -> Callable[[Workspace], None]:
    return lambda work: _rewrite(_path(work, part), lambda table: table.slice(1))


FILES = "failed the check files_are_as_written"
COUNTS = "failed the check counts_agree"
LISTS = "failed the check neighbours_are_others"
INSIGHTS = "failed the check insights_fit_the_images"
FINITE = "failed the check every_point_is_finite"

ALL = {
    "manifest bytes": Damage(_spoil_bytes("manifest"), f"image_manifest {FILES}"),
    "metadata bytes": Damage(_spoil_bytes("metadata"), f"image_metadata {FILES}"),
    "neighbours' bytes": Damage(_spoil_bytes("neighbours"), f"image_neighbours {FILES}"),
    "lists' bytes": Damage(_spoil_bytes("neighbours", ".arrow"), f"image_neighbours {FILES}"),
    "map bytes": Damage(_spoil_bytes("projection"), f"umap_projection {FILES}"),
    "clusters' bytes": Damage(_spoil_bytes("clusters"), f"image_clusters {FILES}"),
    "bytes beside clusters": Damage(_spoil_bytes("clusters", ".clusters.parquet"), f"image_clusters {FILES}"),
    "scores' bytes": Damage(_spoil_bytes("scores"), f"image_scores {FILES}"),
    "doubted labels' bytes": Damage(_spoil_bytes("label_issues"), f"label_issues {FILES}"),
    "names' bytes": Damage(_spoil_bytes("cluster_names"), f"cluster_names {FILES}"),
    "duplicates' bytes": Damage(_spoil_bytes("duplicates"), f"duplicates {FILES}"),
    "lost image of clusters": Damage(
        _table_without_first("clusters"), f"image_clusters {INSIGHTS}: image_clusters differs in 1 images"
    ),
    "lost index": Damage(
        lambda work: shutil.rmtree(_path(work, "collection", "")), "its Chroma folder is missing"
    ),
    "rows' bytes": Damage(_spoil_bytes("collection"), f"chroma_collection {FILES}"),
    "lost metadata": Damage(
        _table_without_first("metadata"), f"image_metadata {COUNTS}: metadata differs in 1 ids"
    ),
    "misplaced neighbor": Damage(_misplace_neighbor, f"image_neighbours {LISTS}: 1 of 25 lists are wrong"),
    "lost point": Damage(_lose_point, f"umap_projection {FINITE}: 1 of 25 points have no finite place"),
    "lost row": Damage(
        _change_collection(_lose_row), f"chroma_collection {COUNTS}: collection differs in 1 ids"
    ),
    "turned vector": Damage(
        _change_collection(_turn_vector), "chroma_collection failed the check search_finds_itself"
    ),
    "long vectors": Damage(
        _lengthen_vectors, "clip_embeddings failed the check vectors_have_norm_one", needs_repair=True
    ),
}


# One for each way to be wrong: other bytes, a row too few, a place that is none, vectors of another length.
FEW = ("map bytes", "lost row", "lost point", "long vectors")


def each(*, others: str) -> pytest.MarkDecorator:
    """Parametrize a test by `name`: it runs with a few, and with all if the marker `others` is asked for."""
    mark = getattr(pytest.mark, others)
    names = [pytest.param(name, marks=() if name in FEW else mark) for name in ALL]
    return pytest.mark.parametrize("name", names)


def before_publishing(name: str, patch: pytest.MonkeyPatch | None = None) -> None:
    """From now on, whoever runs the steps, a damage is done just before the last one."""
    real = publish.publish

    def after_damage(work: Workspace) -> Step:
        ALL[name].do(work)
        return real(work)

    for module in (run, publish):
        (patch or pytest.MonkeyPatch()).setattr(module, "publish", after_damage)


def mend(home: Path, name: str) -> None:
    """Do what the error says, where the next run alone does not mend it."""
    if ALL[name].needs_repair:
        repair.repair(Settings.load(home))
