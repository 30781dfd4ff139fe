"""The step `chroma_collection`: one row an image, from the parts that earlier steps staged.

What does not belong here: how a collection is made of rows (`chroma/build.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clipper.chroma import build as local
from clipper.chroma.build import COLLECTION_VERSION, Base
from clipper.chroma.collection import Address, addresses_of, in_folders, on_servers
from clipper.chroma.ownership import Place
from clipper.chroma.rows import Known, Rows, digest_rows
from clipper.chroma.server import Servers, home_servers, notes_of
from clipper.errors import ServerError, StoreError
from clipper.hashing import digest
from clipper.images.decode import PIXELS_VERSION
from clipper.indexing.project import DEPARTED
from clipper.indexing.staging.each_model import for_each_model
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.models import reference_texts
from clipper.models.families.families import reads_text
from clipper.settings import MAX_SHARDS
from clipper.store import embeddings, facts, snapshots
from clipper.store.home import Home
from clipper.store.shards import REVISION, ShardStore
from clipper.store.tables import is_written, read_made_of, read_parquet, verify, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The table beside a collection holds the projection that the collection was made of, a digest of each row's
# metadata, and whether its vector is of other pixels than an earlier Clipper made. A damaged projection can
# be restored from it; nothing else could give the same map again.
DIGEST, REMADE, PROJECTION = "metadata_digest", "remade", "projection"
# The digest of a whole row, in the table of an earlier Clipper.
_EARLIER_DIGEST = "digest"
_OWN = (DIGEST, REMADE, _EARLIER_DIGEST)
# A collection of the home is made for at most so many rows: Chroma holds them in memory until its graph is
# written, with 512 numbers about 9 kB each.
ROWS_A_COLLECTION = 250_000
_UNREACHED = "the Chroma server does not answer, so its collection was not looked at: {}"


@for_each_model
def collect(work: Workspace) -> Step:
    """Step 6, `chroma_collection`: write one row an image, with vector, metadata and position."""
    with timed("chroma_collection") as step:
        anew = "collection" in work.staged.condemned
        if anew:
            for path in _notes_of(work.home, work.staged.collection):
                snapshots.remove(path)
        work.drop_condemned("collection")
        staged = work.consistent()
        key, model, _ = work.embeddings()
        made_of = {"metadata": staged.metadata, "projection": staged.projection, "embeddings": key}
        step.version = digest(COLLECTION_VERSION, made_of, model["fingerprint"], *_spread(work))
        path = work.home.part("collection", step.version)
        if is_written(path) and _is_there(work, step):
            step.counts = {"rows": read_made_of(path)["rows"], "written": 0, "deleted": 0}
        else:
            step.counts = _write_collection(work, step.version, made_of, anew=anew)
        step.counts |= read_made_of(path)["search"]
        work.stage(collection=step.version, collection_of=made_of)
    return step


def _spread(work: Workspace) -> list[Any]:
    """Return the settings that say where rows go; one collection is as in a version of an earlier Clipper."""
    chroma, shards = work.settings.chroma, work.settings.chroma_shards
    return [chroma, shards] if shards > 1 else [chroma]


def _is_there(work: Workspace, step: Step) -> bool:
    """Return whether a version that was written is still there.

    A server that does not answer is asked no more if its collection is published: nothing has to be written.
    """
    addresses = addresses_of(work.home, step.version)
    if not work.settings.servers:
        return all(not address.on_server and address.exists() for address in addresses)
    try:
        return own_servers(work).hold(addresses)
    except ServerError as error:
        if work.published.collection != step.version:
            raise
        step.notes.append(_UNREACHED.format(error))
        return True


def _write_collection(
    work: Workspace, version: str, made_of: Mapping[str, Any], *, anew: bool
) -> dict[str, Any]:
    """Write a version of the collection; `anew` if the last one that was made of the published was wrong."""
    key, _, store = work.embeddings()
    rows = stored_rows(work.home, made_of, store)
    probes = _probes(work, key, rows)
    points = work.home.part("projection", made_of["projection"])
    sidecar: dict[str, Any] = {"made_of": dict(made_of), "rows": len(rows)}
    if work.settings.servers:
        servers = own_servers(work)
        built, addresses = servers.build(version, rows, probes=probes, model=key, ef=_last_ef(work))
        sidecar["servers"] = [{"url": at.place, "name": at.name, "holds": at.holds} for at in addresses]
        sidecar["files"] = {}
    else:
        shards = _shards(work, len(rows))
        folder = work.home.part("collection", version, "")
        with_places = work.staged.gps
        base = None if anew else _base_collection(work, key, shards=shards, with_places=with_places)
        built = local.build(folder, rows, probes=probes, base=base, shards=shards)
        sidecar |= {"shards": shards} if shards > 1 else {}
        sidecar["files"] = graph_checksums(in_folders(folder, shards))
    sidecar |= {"dead": built.worn, "search": {"ef": built.ef, "recall_at_10": built.recall}}
    sidecar |= {PROJECTION: read_made_of(points), "with_places": work.staged.gps, REVISION: PIXELS_VERSION}
    table = read_parquet(points)
    table = table.append_column(DIGEST, rows.digests).append_column(REMADE, rows.remade)
    write_part(work.home.part("collection", version), table, sidecar)
    return {"rows": len(rows), "written": built.written, "deleted": built.deleted}


def _probes(work: Workspace, key: str, rows: Rows) -> "np.ndarray":
    """Return the queries with which the recall of the search is measured: (p, d) float32.

    They are the reference texts, which lie off the images' manifold. A model of images alone is only ever
    searched with images: there they are halfway between two images, as a picture that is new may be.
    """
    if reads_text(work.staged.model):
        return reference_texts.read(work.home, key)
    import numpy as np

    count = 2 * len(reference_texts.REFERENCE_TEXTS) if len(rows) else 0
    ends = np.linspace(0, max(len(rows) - 1, 0), count).astype(np.int64)
    found = rows.vectors[ends]
    between = found.reshape(-1, 2, found.shape[1]).sum(axis=1)
    lengths = np.linalg.norm(between, axis=1, keepdims=True)
    return np.asarray(between / np.maximum(lengths, 1e-12), np.float32)


def stored_rows(home: Home, versions: Mapping[str, str], vectors: ShardStore) -> Rows:
    """Return the rows that a collection of these versions of metadata and projection must hold."""
    projection, metadata = _columns_of(home, versions)
    contents = projection["content_hash"].combine_chunks()
    return Rows(
        ids=_ids_of(projection),
        vectors=embeddings.MappedVectors(vectors, contents),
        metadata=metadata,
        contents=contents,
        remade=_remade(home, contents),
    )


def _columns_of(home: Home, versions: Mapping[str, str]) -> "tuple[pa.Table, pa.Table]":
    """Return a projection, and the metadata and positions of its rows."""
    projection = read_parquet(home.part("projection", versions["projection"]))
    metadata = read_parquet(home.part("metadata", versions["metadata"]))
    if len(metadata) != len(projection):
        raise StoreError(
            f"{home.part('metadata', versions['metadata'])} is of other images than the projection; "
            "`clipper doctor --repair` makes it again"
        )
    metadata = metadata.drop_columns(["id", *{"x", "y"}.intersection(metadata.column_names)])
    for axis in ("x", "y"):
        metadata = metadata.append_column(axis, projection[axis])
    return projection, metadata


def _ids_of(table: "pa.Table") -> "pa.Array":
    import pyarrow as pa

    return table["id"].combine_chunks().cast(pa.string())


def _remade(home: Home, contents: "pa.Array") -> "pa.Array":
    """Return of which contents the vectors are of other pixels than an earlier Clipper made: (n,) bool."""
    import pyarrow as pa
    import pyarrow.compute as pc

    remade = facts.remade(facts.store(home, of_any_version=True))
    return pc.is_in(contents, value_set=pa.array(sorted(remade), pa.binary(16)))


def _last_ef(work: Workspace) -> int:
    """Return the `ef` of the published collection; 0 if there is none."""
    version = work.published.collection
    path = work.home.part("collection", version)
    return int(read_made_of(path)["search"]["ef"]) if version and is_written(path) else 0


def restore_projection(home: Home, version: str) -> bool:
    """Restore a projection, to the bit, from a collection made of it; return whether there is one."""
    for path in sorted((home.store / "collection").glob("[!.]*.parquet")):
        try:
            verify(path)
            made_of = read_made_of(path)
        except StoreError:
            continue
        if made_of["made_of"]["projection"] == version and PROJECTION in made_of:
            table = read_parquet(path)
            table = table.drop_columns([name for name in _OWN if name in table.column_names])
            # It lacks the positions of images that are gone: one that comes back is placed anew.
            write_part(home.part("projection", version), table, made_of[PROJECTION] | {DEPARTED: 0})
            return True
    return False


def files_of(home: Home, version: str) -> tuple[Path, ...]:
    """Return all files of one version of the collection, and the notes of what servers hold of it."""
    path = home.part("collection", version)
    notes = _notes_of(home, version)
    return path, path.with_suffix(".json"), home.part("collection", version, ""), *notes


def _notes_of(home: Home, version: str) -> list[Path]:
    """Return the notes of what servers hold of a version; none if its own file is damaged."""
    try:
        addresses = on_servers(read_made_of(home.part("collection", version)))
    except StoreError:
        return []
    return [note for address in addresses for note in notes_of(home, address)]


def index_damage(home: Home, version: str) -> str | None:
    """Return what is wrong with a collection's index, whose files nothing changes once they are written.

    None if nothing is wrong, if a Chroma server holds the collection, or if an earlier Clipper wrote no
    checksums.
    """
    addresses = addresses_of(home, version)
    if addresses[0].on_server:
        return None
    if not all(address.exists() for address in addresses):
        return "its Chroma folder is missing"
    written = read_made_of(home.part("collection", version)).get("files")
    if written is not None and graph_checksums(addresses) != written:
        return "the files of its index are damaged"
    return None


def graph_checksums(addresses: Sequence[Address]) -> dict[str, str]:
    """Return the checksums of the files of all graphs, which nothing changes once a collection is sealed."""
    if len(addresses) == 1:
        return addresses[0].graph_checksums()
    return {
        f"{address.folder.name}/{name}": checksum
        for address in addresses
        for name, checksum in address.graph_checksums().items()
    }


def _shards(work: Workspace, rows: int) -> int:
    """Return over how many collections of the home so many rows are spread.

    Where the setting leaves it open, those that are published stay until there are four times as many rows
    as they would be made for: to spread them anew is to write all of them.
    """
    if work.settings.chroma_shards:
        return work.settings.chroma_shards
    wanted = shards_for(rows)
    version = work.published.collection
    if not version or not is_written(path := work.home.part("collection", version)):
        return wanted
    if (made_of := read_made_of(path)).keys() & {"server", "servers"}:
        return wanted
    there = int(made_of.get("shards", 1))
    return there if there <= wanted <= 4 * there else wanted


def shards_for(rows: int) -> int:
    """Return over how many collections of a new home so many rows are spread."""
    wanted = 1
    while wanted * ROWS_A_COLLECTION < rows and wanted < MAX_SHARDS:
        wanted *= 2
    return wanted


def _base_collection(work: Workspace, key: str, *, shards: int, with_places: bool) -> Base | None:
    """Return the published collection if the next one, of so many shards, can start from it.

    Not where that held places that are to be forgotten: SQLite leaves what was deleted in its file.
    """
    home, version = work.home, work.published.collection
    if not version:
        return None
    path = home.part("collection", version)
    if not is_written(path):
        return None
    made_of = read_made_of(path)
    if "server" in made_of or "servers" in made_of or "files" not in made_of or index_damage(home, version):
        return None  # made anew, from nothing
    if shards != made_of.get("shards", 1) or (made_of.get("with_places") and not with_places):
        return None
    known = _known_rows(home, read_parquet(path), made_of["made_of"])
    if known is None:
        return None
    if made_of.get(REVISION) != PIXELS_VERSION:
        known = known.of_earlier_pixels()
    return Base(
        home.part("collection", version, ""),
        known,
        worn=made_of["dead"],
        same_model=made_of["made_of"]["embeddings"] == key,
        ef=made_of["search"]["ef"],
        recall=made_of["search"]["recall_at_10"],
    )


def _known_rows(home: Home, table: "pa.Table", made_of: Mapping[str, str]) -> Known | None:
    """Return what a collection holds; None if it is of an earlier Clipper and cannot be known.

    An earlier Clipper's table does not tell vector and metadata apart. The parts that its collection was made
    of do, but for vectors of other pixels: these count as not known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    contents = table["content_hash"].combine_chunks()
    if DIGEST in table.column_names:
        digests, remade = (table[name].combine_chunks() for name in (DIGEST, REMADE))
        return Known(_ids_of(table), contents, remade, digests)
    try:
        _, metadata = _columns_of(home, made_of)
    except StoreError:
        return None
    remade = pc.if_else(_remade(home, contents), pa.scalar(None, pa.bool_()), pa.scalar(value=False))
    return Known(_ids_of(table), contents, remade, digest_rows(metadata))


def own_servers(work: Workspace) -> Servers:
    """Return this home's collections on the servers that the settings name, under a key that is its own.

    Raises:
        ServerError: a server does not answer.
    """
    key, place = work.staged.server_key, Place.of(work.home)
    earlier = Place.parse(work.staged.server_home)
    labels = {place.label} | ({earlier.label} if earlier else set())
    if key and not (earlier and place.is_copy_of(earlier, key)):
        servers = _servers(work, key, place)
        if servers.owners() <= labels:
            if str(place) != work.staged.server_home:
                servers.take_over()
                work.stage(server_home=str(place))
            return servers
    key = uuid4().hex[:12]  # the home is new or a copy, or a copy of it has taken its collections over
    work.stage(server_key=key, server_home=str(place))
    return _servers(work, key, place)


def _servers(work: Workspace, key: str, place: Place) -> Servers:
    urls, shards = work.settings.servers, work.settings.chroma_shards
    return home_servers(work.home, urls, key=key, owner=place.label, shards=shards)


def prune_server(work: Workspace) -> None:
    """Delete those of this home's collections on its servers that are of no more use.

    A server that does not answer is left for the next run: nothing was written to it in this one.
    """
    if not work.settings.servers:
        return
    try:
        own_servers(work).prune({each.require("embeddings") for each in work.each_model()})
    except ServerError:
        return
