"""The only file that knows Chroma: a collection in a folder of the home, or on a server.

What does not belong here: how a new version is made (`chroma/build.py`, `chroma/server.py`), several
collections that are searched as one (`chroma/shards.py`), and where vectors and metadata come from.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from clipper import hashing
from clipper.access import no_access
from clipper.chroma import folders
from clipper.errors import ClipperError, ServerError, StoreError
from clipper.store.home import Home
from clipper.store.tables import read_made_of
from clipper.system import collector_paused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NAME = "images"
# After so many changes Chroma writes the graph to disk. Changes that are not written it makes again from its
# log each time it is opened. This is the smallest number that it allows.
LEAST_SYNC = 2
# That of a collection which nothing changes any more; it is Chroma's own.
USUAL_SYNC = 1_000
# Written with the graph: without it the other files beside it mean nothing.
_GRAPH_WRITTEN = "index_metadata.pickle"
_PAGE = 50_000
# Numbers of the vectors that are searched for in one request: a server takes 40 MB, and these come as text.
_REQUEST_NUMBERS = 1 << 20
# What a collection on a server says of itself: the version that it holds, and the place of its home.
HOLDS, OWNER = "clipper_version", "clipper_home"


@dataclass(frozen=True)
class Address:
    """Where a collection is: a folder of its own, or a name on the Chroma server at a URL."""

    place: str
    name: str = NAME
    on_server: bool = False
    # On a server, the version that the collection must hold to be the one that is meant; "" if any will do.
    holds: str = ""

    @classmethod
    def in_folder(cls, folder: Path) -> "Address":
        """Return the address of a collection in a folder of its own."""
        return cls(str(folder))

    @classmethod
    def at_server(cls, url: str, name: str, holds: str = "") -> "Address":
        """Return the address of a collection on a server."""
        return cls(url, name, on_server=True, holds=holds)

    @property
    def folder(self) -> Path:
        """The folder of a collection that is not on a server."""
        return Path(self.place)

    def __str__(self) -> str:
        return f"the collection {self.name} of {self.place}" if self.on_server else self.place

    def exists(self) -> bool:
        """Return whether a collection is there, whole or not; on a server, one of the version that is meant.

        Raises:
            StoreError: the server does not answer.
        """
        if not self.on_server:
            return self.folder.is_dir()
        told = told_by_server(self.place).get(self.name)
        return told is not None and is_meant(self, told)

    def graph_checksums(self) -> dict[str, str]:
        """Return the checksums of the graph's files, which nothing changes once the collection is sealed."""
        if self.on_server or not list(self.folder.glob(f"*/{_GRAPH_WRITTEN}")):
            return {}
        return hashing.folder_checksums(self.folder, "*/*")

    def remove(self) -> None:
        """Delete the collection, if it is there."""
        if not self.on_server:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.name in told_by_server(self.place):
            remove_from_server(self.place, [self.name])


class Collection:
    """An open collection."""

    def __init__(self, address: Address) -> None:
        """Open an existing collection; a copy if it may not be written, for Chroma writes when it reads.

        Raises:
            AccessError: this user may not read it.
            StoreError: it is missing or damaged, holds another version, or the server does not answer.
        """
        self.address = address
        self._copy: TemporaryDirectory[str] | None = None
        if not address.on_server and not address.exists():
            raise _missing(address)  # Chroma would make an empty one
        if not address.on_server and address.exists() and not folders.may_write(address.folder):
            self._copy = TemporaryDirectory(prefix="clipper-")
            address = _copied(address, Path(self._copy.name) / "collection")
        with _as_store_error(self.address):
            self._client = _client(address)
            try:
                self._collection = _get(self._client, address)
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(
        cls, address: Address, *, ef: int, sync: int = LEAST_SYNC, labels: Mapping[str, str] | None = None
    ) -> "Collection":
        """Create an empty collection in cosine space.

        Args:
            address: where.
            ef: the candidates that a search keeps.
            sync: changes after which Chroma writes the graph to disk.
            labels: what it says of itself.
        """
        with _as_store_error(address):
            client = _client(address)
            try:
                client.create_collection(
                    address.name,
                    configuration={
                        "hnsw": {"space": "cosine", "ef_search": ef, "sync_threshold": max(sync, LEAST_SYNC)}
                    },
                    metadata=dict(labels) if labels else None,
                    embedding_function=None,
                )
            finally:
                client.close()
        return cls(address)

    def count(self) -> int:
        """Count the rows."""
        with _as_store_error(self.address):
            return int(self._collection.count())

    def ids(self, *, where: Mapping[str, Any] | None = None) -> "pa.ChunkedArray":
        """Return the ids of all rows within `where`, by pages: Chroma cannot return 100,000 at once.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        import pyarrow as pa

        pages: list[pa.Array] = []
        asked: dict[str, Any] = {"where": dict(where)} if where else {}
        offset = 0
        with _as_filter_error(where), _as_store_error(self.address):
            while page := self._collection.get(limit=_PAGE, offset=offset, include=[], **asked)["ids"]:
                pages.append(pa.array(page, pa.string()))
                offset += len(page)
        return pa.chunked_array(pages, pa.string())

    def get(self, ids: Sequence[str] | None = None, *, vectors: bool = False) -> dict[str, Any]:
        """Return what Chroma's `get` returns: `ids`, `metadatas` and, if asked, `embeddings`."""
        include = ["metadatas", *(["embeddings"] if vectors else [])]
        with _as_store_error(self.address):
            return dict(self._collection.get(ids=None if ids is None else list(ids), include=include))

    def nearest(self, vector: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the ids of about the k nearest rows to a (d,) float32 vector within `where`, best first.

        Raises:
            ClipperError: `where` is not a filter Chroma understands.
        """
        return self.nearest_many(vector.reshape(1, -1), k=k, where=where)[0]

    def nearest_many(
        self, vectors: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None
    ) -> list[list[str]]:
        """Do the same for each of (n, d) float32 vectors."""
        return [
            [image_id for _, image_id in found]
            for found in self.nearest_with_distances(vectors, k=k, where=where)
        ]

    def nearest_with_distances(
        self, vectors: "np.ndarray", *, k: int, where: Mapping[str, Any] | None = None
    ) -> list[list[tuple[float, str]]]:
        """Do the same, and return the cosine distance of each row before its id."""
        k = min(k, self.count())
        if k < 1 or not len(vectors):
            return [[] for _ in vectors]
        at_once = max(1, _REQUEST_NUMBERS // vectors.shape[1])
        nearest: list[list[tuple[float, str]]] = []
        for start in range(0, len(vectors), at_once):
            with _as_filter_error(where), _as_store_error(self.address):
                found = self._collection.query(
                    query_embeddings=vectors[start : start + at_once],
                    n_results=k,
                    where=dict(where) if where else None,
                    include=["distances"],
                )
            pairs = zip(found["distances"], found["ids"], strict=True)
            nearest += [list(zip(distances, ids, strict=True)) for distances, ids in pairs]
        return nearest

    def add(self, ids: Sequence[str], vectors: "np.ndarray", metadata: Sequence[Mapping[str, Any]]) -> None:
        """Write rows that are new."""
        with _as_store_error(self.address):
            self._collection.add(ids=list(ids), embeddings=vectors, metadatas=[dict(row) for row in metadata])

    def write(
        self,
        ids: Sequence[str],
        vectors: "np.ndarray",
        metadata: Sequence[Mapping[str, Any]],
        earlier: Sequence[Sequence[str]] | None = None,
    ) -> None:
        """Write rows whole. A row that exists is replaced in its place, so that the graph does not grow.

        `earlier` has the metadata keys that each row has so far; they are read if it is not given.
        """
        earlier = self.keys(ids) if earlier is None else earlier
        with _as_store_error(self.address):
            self._collection.upsert(
                ids=list(ids), embeddings=vectors, metadatas=_replacing(earlier, metadata)
            )

    def update(
        self, ids: Sequence[str], metadata: Sequence[Mapping[str, Any]], earlier: Sequence[Sequence[str]]
    ) -> None:
        """Replace the metadata of rows that exist; their vectors, and the graph, stay as they are."""
        with _as_store_error(self.address):
            self._collection.update(ids=list(ids), metadatas=_replacing(earlier, metadata))

    def keys(self, ids: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the metadata keys of each row; none where there is no row.

        After changes that Chroma has not written to the graph yet, a read makes it go through all of them.
        """
        told = self.get(ids)
        keys = {
            image_id: tuple(row or ()) for image_id, row in zip(told["ids"], told["metadatas"], strict=True)
        }
        return [keys.get(image_id, ()) for image_id in ids]

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows."""
        with _as_store_error(self.address):
            self._collection.delete(ids=list(ids))

    @property
    def ef(self) -> int:
        """The number of candidates that a search of the graph keeps."""
        return int(self._collection.configuration["hnsw"]["ef_search"])

    @property
    def sync(self) -> int:
        """The changes after which Chroma writes the graph to disk."""
        return int(self._collection.configuration["hnsw"]["sync_threshold"])

    def configure(self, *, ef: int | None = None, sync: int | None = None) -> None:
        """Change `ef` or `sync`.

        It acts after the collection is opened again; on a server, after that is started again.
        """
        asked = {"ef_search": ef, "sync_threshold": sync and max(sync, LEAST_SYNC)}
        with _as_store_error(self.address):
            self._collection.modify(
                configuration={"hnsw": {key: value for key, value in asked.items() if value is not None}}
            )

    def require_version(self) -> None:
        """Make sure that a collection on a server still holds the version that is meant, by one request.

        A run on another machine does not know who reads here, and may write a newer version into it.

        Raises:
            StoreError: it holds another version, is missing, or the server does not answer.
        """
        if self.address.on_server and self.address.holds:
            with _as_store_error(self.address):
                _get(self._client, self.address)

    def label(self, labels: Mapping[str, str]) -> None:
        """Have a collection on a server say this of itself."""
        with _as_store_error(self.address):
            self._collection.modify(metadata=dict(labels))

    def close(self) -> None:
        """Close the files or the connection."""
        self._client.close()
        if self._copy:
            self._copy.cleanup()


def _replacing(
    earlier: Sequence[Sequence[str]], metadata: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Add None for each key that a row has so far and shall lose, as Chroma merges metadata."""
    return [dict.fromkeys(keys) | dict(row) for keys, row in zip(earlier, metadata, strict=True)]


@contextmanager
def _as_filter_error(where: Mapping[str, Any] | None) -> "Iterator[None]":
    """Raise Chroma's complaint about a filter as ours."""
    from chromadb.errors import InvalidArgumentError

    try:
        yield
    except (InvalidArgumentError, ValueError, TypeError) as error:
        raise ClipperError(f"the filter {where!r} is not understood: {error}") from error


def _copied(address: Address, folder: Path) -> Address:
    """Copy the collection to another folder, whose files may be written."""
    try:
        folders.copy_folder(address.folder, folder)
    except PermissionError as error:
        raise no_access(address.folder, error) from error
    except OSError as error:
        raise StoreError(
            f"{address} may not be written, as Chroma must, and cannot be copied to {folder.parent}: {error}"
        ) from error
    return Address.in_folder(folder)


def addresses_of(home: Home, version: str) -> list[Address]:
    """Return the addresses of a version that was built: one for each shard."""
    made_of = read_made_of(home.part("collection", version))
    if at_servers := on_servers(made_of):
        return at_servers
    if home.copy:
        home.copy.fetch_collection(version)
    return in_folders(home.part("collection", version, ""), made_of.get("shards", 1))


def on_servers(made_of: Mapping[str, Any]) -> list[Address]:
    """Return the addresses on servers that a version was made of; none if it lies in the home."""
    servers = made_of.get("servers") or ([made_of["server"]] if "server" in made_of else [])
    return [Address.at_server(**at) for at in servers]


def address_of(home: Home, version: str) -> Address:
    """Return the address of a version that was built, or of its first shard."""
    return addresses_of(home, version)[0]


def in_folders(folder: Path, shards: int) -> list[Address]:
    """Return the addresses of shards in a folder; without others, the one lies in the folder itself."""
    if shards == 1:
        return [Address.in_folder(folder)]
    return [Address.in_folder(folder / str(number)) for number in range(shards)]


def told_by_server(url: str) -> dict[str, dict[str, str]]:
    """Return what each collection of a server says of itself, by name.

    Raises:
        StoreError: it does not answer.
    """
    address = Address.at_server(url, NAME)
    told: dict[str, dict[str, str]] = {}
    with _as_store_error(address):
        client = _client(address)
        try:
            while page := client.list_collections(limit=_PAGE, offset=len(told)):
                told |= {collection.name: dict(collection.metadata or {}) for collection in page}
        finally:
            client.close()
    return told


def is_meant(address: Address, told: Mapping[str, Any]) -> bool:
    """Return whether the labels of a collection name the version that an address means.

    An address of an earlier Clipper names no version: any collection fits it.
    """
    return not address.on_server or not address.holds or told.get(HOLDS) == address.holds


def remove_from_server(url: str, names: Sequence[str]) -> None:
    """Delete a server's collections."""
    address = Address.at_server(url, NAME)
    with _as_store_error(address):
        client = _client(address)
        try:
            for name in names:
                client.delete_collection(name)
        finally:
            client.close()


def _client(address: Address) -> Any:
    with collector_paused():
        import chromadb
        from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False, allow_reset=False)
    try:
        if not address.on_server:
            return chromadb.PersistentClient(address.place, settings=settings)
        url = urlsplit(address.place)
        port = url.port or (443 if url.scheme == "https" else 8000)
        return chromadb.HttpClient(url.hostname or "", port, ssl=url.scheme == "https", settings=settings)
    except Exception as error:  # of a damaged file Chroma raises ValueError, AttributeError or its own
        if address.on_server:
            raise _unreachable(address, error) from error
        if "disk is full" in str(error):
            raise StoreError(
                f"{address} cannot be opened: Chroma needs some room and its disk is full"
            ) from error
        raise StoreError(f"{address} is damaged; delete it and run `clipper index`") from error


@contextmanager
def _as_store_error(address: Address) -> Iterator[None]:
    """Turn errors of Chroma and of the connection into one of ours that names the address."""
    from chromadb.errors import ChromaError, InvalidArgumentError, NotFoundError
    from httpx import HTTPError

    try:
        yield
    except InvalidArgumentError:
        raise  # about a filter: the caller reports it
    except HTTPError as error:
        raise _unreachable(address, error) from error
    except NotFoundError as error:
        raise _missing(address) from error
    except ChromaError as error:
        raise StoreError(f"{address} cannot be used ({error}); run `clipper index` to rebuild it") from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        # So Chroma's client says what it has no type for, as that a request is too large.
        raise StoreError(f"{address} cannot be used ({error})") from error


def _get(client: Any, address: Address) -> Any:
    """Return Chroma's collection at an address.

    Raises:
        StoreError: it is missing, or holds another version than the one that is meant.
    """
    from chromadb.errors import NotFoundError

    try:
        collection = client.get_collection(address.name, embedding_function=None)
    except (NotFoundError, ValueError) as error:
        raise _missing(address) from error
    if not is_meant(address, collection.metadata or {}):
        raise StoreError(
            f"{address} no longer holds this version of the atlas, as a run wrote another one into it; open "
            "the atlas again, or run `clipper index` if that does not help"
        )
    return collection


def _missing(address: Address) -> StoreError:
    if address.on_server:
        return StoreError(f"{address} is missing; open the atlas again, or run `clipper index` to rebuild it")
    return StoreError(f"{address} holds no collection; delete it and run `clipper index`")


def _unreachable(address: Address, error: Exception) -> ServerError:
    return ServerError(
        f"the Chroma server {address.place} cannot be used ({error}); start it (`chroma run`), or unset "
        "`chroma` (CLIPPER_CHROMA) to keep collections in the home"
    )
