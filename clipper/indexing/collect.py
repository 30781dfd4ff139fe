"""The step `chroma_collection`: one row an image, from the parts that earlier steps staged.

What does not belong here: how a collection is made of rows (`chroma/build.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from clipper.chroma.build import COLLECTION_VERSION, WANTED_RECALL, Difference, Rows, build
from clipper.chroma.collection import Address, address_of, remove_from_server, server_names
from clipper.errors import StoreError
from clipper.hashing import digest
from clipper.images.decode import PIXELS_VERSION
from clipper.indexing.project import DEPARTED
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.metadata import join
from clipper.models import reference_texts
from clipper.store import embeddings, facts, snapshots
from clipper.store.home import Home
from clipper.store.shards import ShardStore
from clipper.store.snapshots import Snapshot
from clipper.store.tables import is_written, read_made_of, read_parquet, verify, write_part

# The table beside a collection holds the projection that the collection was made of, and a digest of each
# row. A damaged projection can be restored from it; nothing else could give the same map again.
DIGEST, PROJECTION = "digest", "projection"
# In the digest of a row whose vector an earlier Clipper made of other pixels.
REMADE = f"pixels of version {PIXELS_VERSION}"


def collect(work: Workspace) -> Step:
    """Step 6, `chroma_collection`: write one row an image, with vector, metadata and position."""
    with timed("chroma_collection") as step:
        work.drop_condemned("collection")
        staged = work.consistent()
        key, model, _ = work.embeddings()
        made_of = {"metadata": staged.metadata, "projection": staged.projection, "embeddings": key}
        step.version = digest(COLLECTION_VERSION, made_of, model["fingerprint"], work.settings.chroma)
        path = work.home.part("collection", step.version)
        if is_written(path) and address_of(work.home, step.version).exists():
            step.counts = {"rows": read_made_of(path)["rows"], "written": 0, "deleted": 0}
        else:
            step.counts = _write_collection(work, step.version, made_of)
        step.counts |= read_made_of(path)["search"]
        work.stage(collection=step.version, collection_of=made_of)
    return step


def _write_collection(work: Workspace, version: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    import pyarrow as pa

    key, _, store = work.embeddings()
    rows = stored_rows(work.home, made_of, store, key=key)
    with_places = work.staged.gps
    base = _base_collection(work.home, with_places=with_places)
    address = _new_address(work, version)
    built = build(
        address,
        rows,
        probes=reference_texts.read(work.home, key),
        base=base.address if base else None,
        difference=Difference.between(base.digests, base.dead, rows) if base else None,
        good_enough=base.recall if base else WANTED_RECALL,
    )
    search = {"ef": built.ef, "recall_at_10": built.recall}
    points = work.home.part("projection", made_of["projection"])
    sidecar = {"made_of": dict(made_of), "rows": len(rows.ids), "dead": built.dead, "search": search}
    sidecar[PROJECTION] = read_made_of(points)
    sidecar["files"] = address.graph_checksums()
    sidecar["with_places"] = with_places
    if address.on_server:
        sidecar["server"] = {"url": address.place, "name": address.name}
    table = read_parquet(points).append_column(DIGEST, pa.array(rows.digests, pa.string()))
    write_part(work.home.part("collection", version), table, sidecar)
    return {"rows": len(rows.ids), "written": built.written, "deleted": built.deleted}


def stored_rows(home: Home, versions: Mapping[str, str], vectors: ShardStore, *, key: str) -> Rows:
    """Return the rows that a collection of these versions of metadata and projection must hold."""
    projection = read_parquet(home.part("projection", versions["projection"]))
    metadata = read_parquet(home.part("metadata", versions["metadata"])).drop_columns(["id"])
    points = projection.select(["x", "y"]).to_pylist()
    hashes = projection["content_hash"].to_pylist()
    remade = facts.remade(facts.store(home, of_any_version=True)).intersection(hashes)
    rows_metadata = [join.without_missing(r) | p for r, p in zip(metadata.to_pylist(), points, strict=True)]
    return Rows(
        ids=projection["id"].to_pylist(),
        vectors=embeddings.read(vectors, hashes),
        metadata=rows_metadata,
        digests=[
            digest(h.hex(), key, m, *([REMADE] if h in remade else []))
            for h, m in zip(hashes, rows_metadata, strict=True)
        ],
    )


def restore_projection(home: Home, version: str) -> bool:
    """Restore a projection, to the bit, from a collection made of it; return whether there is one."""
    for path in sorted((home.store / "collection").glob("[!.]*.parquet")):
        try:
            verify(path)
            made_of = read_made_of(path)
        except StoreError:
            continue
        if made_of["made_of"]["projection"] == version and PROJECTION in made_of:
            table = read_parquet(path).drop_columns([DIGEST])
            # It lacks the positions of images that are gone: one that comes back is placed anew.
            write_part(home.part("projection", version), table, made_of[PROJECTION] | {DEPARTED: 0})
            return True
    return False


def files_of(home: Home, version: str) -> tuple[Path, ...]:
    """Return all files of one version of the collection."""
    path = home.part("collection", version)
    return path, path.with_suffix(".json"), home.part("collection", version, "")


def index_damage(home: Home, version: str) -> str | None:
    """Return what is wrong with a collection's index, whose files nothing changes once they are written.

    None if nothing is wrong, if a Chroma server holds the collection, or if an earlier Clipper wrote no
    checksums.
    """
    address = address_of(home, version)
    if address.on_server:
        return None
    if not address.exists():
        return "its Chroma folder is missing"
    written = read_made_of(home.part("collection", version)).get("files")
    if written is not None and address.graph_checksums() != written:
        return "the files of its index are damaged"
    return None


class _Base(NamedTuple):
    """The collection that the next one starts from: address, digests of the rows, dead rows, recall."""

    address: Address
    digests: dict[str, str]
    dead: int
    recall: float


def _base_collection(home: Home, *, with_places: bool) -> _Base | None:
    """Return the published collection if the next one can start from it.

    Not where that held places that are to be forgotten: SQLite leaves what was deleted in its file.
    """
    published = snapshots.current(home)
    if published is None:
        return None
    version = published.parts["collection"]
    path = home.part("collection", version)
    if not is_written(path):
        return None
    address = address_of(home, version)
    made_of = read_made_of(path)
    if address.on_server or "files" not in made_of or index_damage(home, version):
        return None  # made anew, from nothing
    if made_of.get("with_places") and not with_places:
        return None
    table = read_parquet(path).select(["id", DIGEST]).to_pydict()
    digests = dict(zip(table["id"], table[DIGEST], strict=True))
    return _Base(address, digests, made_of["dead"], made_of["search"]["recall_at_10"])


def _new_address(work: Workspace, version: str) -> Address:
    """Return the address of a new collection: in the home, or on the server that the settings name."""
    if work.settings.chroma:
        return Address.at_server(work.settings.chroma, f"{_server_prefix(work)}{version}")
    return Address.in_folder(work.home.part("collection", version, ""))


def _server_prefix(work: Workspace) -> str:
    """Return the start of the names of this home's collections; other homes may use the same server."""
    key = work.staged.server_key
    if not key:
        key = uuid4().hex[:12]
        work.stage(server_key=key)
    return f"clipper-{key}-"


def prune_server(work: Workspace, alive: Sequence[Snapshot]) -> None:
    """Delete this home's collections from the server, except those of the snapshots `alive`."""
    if not work.settings.chroma:
        return
    prefix = _server_prefix(work)
    kept = {prefix + snapshot.parts["collection"] for snapshot in alive}
    there = server_names(work.settings.chroma)
    dead = [name for name in there if name.startswith(prefix) and name not in kept]
    remove_from_server(work.settings.chroma, dead)
