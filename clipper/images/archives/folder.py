"""A folder of images that lie in archives: list the archives and their images, and read one image.

An archive is not opened if it has the size and time of the last run. What does not belong here: reading one
kind of archive (`tar.py`, `zip.py`, `tables.py`, `tiff.py`), the ids of images (`contents.py`), and the
setting `images` (`location.py`).
"""

import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from clipper.errors import BadImageError, ImagesError, StorageError
from clipper.hashing import ContentHash, digest
from clipper.images.archives import tar, tiff, zip  # noqa: A004 - the format's name
from clipper.images.archives.contents import add_damage, add_member, itself, list_contents
from clipper.images.archives.location import as_glob, expanded, kind_of, names_archives, root_of
from clipper.images.archives.tables import ImageTable
from clipper.images.decode import check_size
from clipper.images.files.found import FoundImage
from clipper.images.files.places import (
    ARCHIVE_ENDINGS,
    ARROW,
    MAX_LISTED,
    PARQUET,
    TAR,
    TIFFS,
    ZIP,
    Archive,
    Contents,
    Member,
    Packing,
    Place,
    is_packed_whole,
    member_id,
)
from clipper.images.folder import ImageFolder, is_image_name
from clipper.images.listing import Listing, is_metadata_name
from clipper.images.remote import cannot_list, changed_ns, filesystem, glob_files, patient
from clipper.network.storage import ask

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that a remote archive is read ahead: it is read from start to end.
READ_AHEAD = 1 << 23
MAX_OPEN = 8  # tables
# How long an archive is kept whose server sends only whole files: it may change.
WHOLE_SECONDS = 60.0
# Bump it when the same archive would give other images: archives are then read again.
CONTENTS_VERSION = "2"


class ArchiveFolder(ImageFolder):
    """The images in some archives, on this machine or behind an fsspec URL."""

    def __init__(self, location: str, *, max_bytes: int = 1 << 29, limits: str = "") -> None:
        """Open archives; none is read yet.

        Args:
            location: an archive, or a pattern of archives such as `/data/shards/*.tar`, or
                `shards/{000..099}.tar`, in which all must be there.
            max_bytes: of an image.
            limits: under which files are read: an archive that was listed under others is read again.
        """
        super().__init__(location, max_bytes=max_bytes)
        self.limits = f"{limits}/{CONTENTS_VERSION}"
        self.root = root_of(location)
        self._pattern = as_glob(location)
        self._whole: tuple[str, float, bytes] | None = None
        self._tables: dict[str, ImageTable] = {}
        self._lock = threading.Lock()

    def archives(self) -> list[Archive]:
        """List the archives, sorted by name; none if a pattern names none.

        Raises:
            ImagesError: they cannot be listed or read in place, or a file is no archive.
        """
        names = expanded(self._below_root())
        found = self._remote_archives() if self.remote else self._local_archives()
        if packed := [archive.name for archive in found if is_packed_whole(archive.name)]:
            raise ImagesError(
                f"{self.root}/{packed[0]} is packed as a whole, so that no image in it can be read alone; "
                "unpack it, or pack its files as .tar or .zip"
            )
        if names is not None:
            found = [archive for archive in found if archive.name in names]
            if missing := sorted(names - {archive.name for archive in found}):
                more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
                raise ImagesError(f"{self.root}/{missing[0]}{more} of {self.location} are not there")
        found = [archive for archive in found if kind_of(archive.name)]
        if has_magic(self._pattern):  # which may name a `metadata.parquet`, too
            found = [archive for archive in found if not is_metadata_name(archive.name)]
        if not found and not has_magic(self._pattern):
            raise self._none()
        return sorted(found, key=lambda archive: archive.name)

    def _below_root(self) -> str:
        return self.location.rstrip("/")[len(self.root.rstrip("/")) :].lstrip("/")

    def _none(self) -> ImagesError:
        if not self.remote and not has_magic(self._pattern) and not Path(self.location).exists():
            return ImagesError(f"{self.location} does not exist; check `images` in clipper.toml, or mount it")
        return ImagesError(
            f"{self.location} names no archive ({', '.join(ARCHIVE_ENDINGS)}, or a TIFF of many pages); "
            "check `images` in clipper.toml"
        )

    def list_files(
        self,
        *,
        archives: Mapping[str, Contents] | None = None,
        images: Container[str] = (),  # noqa: ARG002 - no file in an archive is opened to see what it is
    ) -> Listing:
        """List all images; an archive that is as in `archives` is not opened.

        Of images of the same name in several archives, the first keeps it. The others get their archive's
        name before theirs.

        Raises:
            ImagesError: there is no archive, or they cannot be listed.
        """
        listing = Listing(began_ns=time.time_ns())
        taken: set[str] = set()
        described: set[str] = set()
        for table in self._tables_beside():
            listing.add(table.id, partial(itself, table))
        for archive in self.archives():
            contents = (archives or {}).get(archive.name)
            # Without a time there is no telling whether an archive changed.
            if contents is None or not archive.mtime_ns or not contents.is_of(archive, self.limits):
                contents = self._open(archive)
            listing.archives[archive.name] = contents
            listing.others += contents.others
            list_contents(contents, taken, described, listing)
        listing.settle()
        return listing

    def list_unopened(self, archives: Callable[[], Mapping[str, Contents]]) -> Listing:
        """List the files; an archive that is as it was is not opened."""
        return self.list_files(archives=archives())

    def fingerprint(
        self,
        listing: Listing | None = None,  # noqa: ARG002 - of the images in archives
        *,
        labels: Sequence[object] = (),
    ) -> str:
        """Digest all names, sizes and times of the archives, and of the metadata files beside them."""
        seen = [
            [(file.id, file.bytes, file.mtime_ns) for file in self._tables_beside()],
            [(archive.name, archive.bytes, archive.mtime_ns) for archive in self.archives()],
            *([list(labels)] if labels else []),
        ]
        return digest(self.location, *seen)

    def require(self) -> None:
        """Check that there are archives.

        Raises:
            ImagesError: there is none.
        """
        if not self.archives():
            raise self._none()

    def reason_not_read(self, image_id: str) -> str | None:  # noqa: ARG002
        """Return None: what is no image was left out when its archive was read."""
        return None

    def path(self, image_id: str, place: Place | None = None) -> str:
        """The path or URL of a file beside the archives, or of an image in one.

        The URL of a member of a tar or zip is one that fsspec opens.
        """
        if place is None:
            return f"{self.root}/{image_id}"
        archive = f"{'' if self.remote else 'file://'}{self.root}/{place.archive}"
        kind = kind_of(place.archive)
        return (
            f"{kind[1:]}://{place.member}::{archive}" if kind in (TAR, ZIP) else f"{archive}#{place.member}"
        )

    def read(
        self,
        image_id: str,
        place: Place | None = None,
        *,
        listed_bytes: int = 0,
        content_hash: ContentHash | None = None,
    ) -> bytes:
        """Read an image from its archive.

        Raises:
            BadImageError: the archive is gone or damaged, or no longer reaches to the image.
            ImagesError: the storage behind the URL refuses, or does not answer.
        """
        try:
            return super().read(image_id, place, listed_bytes=listed_bytes, content_hash=content_hash)
        except (BadImageError, ImagesError):
            raise
        except Exception as error:  # a damaged archive: the libraries raise errors of many kinds
            raise BadImageError(
                f"cannot be read from {place.archive if place else image_id}: {error}"
            ) from error

    def read_many(self, found: Sequence[FoundImage]) -> list[bytes | None]:
        """Read files in archives; None for one that cannot be read or is over the limit."""
        return [self._read_or_none(file) for file in found]

    def read_each(self, found: Sequence[FoundImage]) -> Iterator[tuple[str, bytes | str]]:
        """Yield the path of each file and its bytes, or the reason why it cannot be read."""
        return ((file.id, self._read_or_reason(file)) for file in found)

    def read_head(self, file: FoundImage, count: int) -> bytes:
        """Read the first bytes of a file; none if it cannot be read."""
        if file.place and file.place.packing == Packing.PLAIN:
            file = replace(file, place=file.place._replace(size=min(count, file.place.size)))
        data = self._read_or_reason(file)
        return data[:count] if isinstance(data, bytes) else b""

    def rows_of(self, archive: str) -> "pa.Table | None":
        """Return the columns beside the images of a table of images; None if it has none."""
        if kind_of(archive) not in (PARQUET, ARROW):
            return None
        with self._lock:
            return self._table(archive).other_columns()

    def images_left_out(self, archive: str) -> list[str]:
        """Return the columns of a table that hold further images, which are not read."""
        if kind_of(archive) not in (PARQUET, ARROW):
            return []
        with self._lock:
            return self._table(archive).left_out

    def objects_of(self, archive: str) -> "tuple[pa.ChunkedArray, dict[str, Any]] | None":
        """Return the column of boxes of a table of images, and what its classes are called; None without."""
        with self._lock:
            return self._table(archive).objects_column()

    def _read(self, name: str, place: Place | None = None, *, most: int | None = None) -> bytes:
        limit = self.max_bytes if most is None else min(most, self.max_bytes)
        return self._read_place(place, limit) if place else super()._read(name)

    def _tables_beside(self) -> list[FoundImage]:
        """Return the files with metadata that lie beside the archives."""
        if not self.remote:
            paths = [path for path in Path(self.root).iterdir() if is_metadata_name(path.name)]
            stats = [(path.name, path.stat()) for path in paths if path.is_file()]
            return [FoundImage(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
        files, root = filesystem(self.root)
        try:
            entries = ask(self.root, lambda: files.ls(root, detail=True), doing="listed")
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - each file system has errors of its own
            return []  # listing the archives reports it
        named = [(str(entry["name"]).rstrip("/").rpartition("/")[2], entry) for entry in entries]
        return [
            FoundImage(name, int(entry.get("size") or 0), changed_ns(entry))
            for name, entry in named
            if is_metadata_name(name) and entry.get("type") != "directory"
        ]

    def _read_place(self, place: Place, limit: int) -> bytes:
        """Read a member; one that is packed must not unpack to more than `limit` bytes."""
        if (row := place.row) is not None:
            with self._lock:
                return self._table(place.archive).read(row, place.offset % MAX_LISTED)
        if place.packing == Packing.PAGE:
            with self._file(place.archive) as file:
                return tiff.Pages(file).page(place.offset, max_bytes=self.max_bytes)
        check_size(place.size, max_bytes=self.max_bytes)
        data = self._range(place)
        if len(data) != place.size:
            raise BadImageError(f"is gone from {place.archive}")
        if place.packing == Packing.DEFLATED:
            return zip.unpack(data, max_bytes=limit)
        return data

    def _range(self, place: Place) -> bytes:
        path, end = f"{self.root}/{place.archive}", place.offset + place.size
        if not self.remote:
            with Path(path).open("rb") as file:
                file.seek(place.offset)
                return file.read(place.size)
        now = time.monotonic()
        if self._whole and self._whole[0] == path and now < self._whole[1]:
            return self._whole[2][place.offset : end]
        files, _ = filesystem(self.root)
        data = bytes(ask(path, lambda: files.cat_file(path, start=place.offset, end=end)))
        if len(data) <= place.size:
            return data
        # A simple web server sends the whole file, whatever part it is asked for.
        self._whole = (path, now + WHOLE_SECONDS, data)
        return data[place.offset : end]

    def _table(self, name: str) -> ImageTable:
        if name not in self._tables:
            while len(self._tables) >= MAX_OPEN:
                self._tables.pop(next(iter(self._tables)))
            self._tables[name] = ImageTable(self._file(name), is_parquet=kind_of(name) == PARQUET)
        return self._tables[name]

    def _file(self, name: str) -> BinaryIO:
        path = f"{self.root}/{name}"
        if not self.remote:
            return Path(path).open("rb")
        files, _ = filesystem(self.root)
        opened = ask(path, lambda: files.open(path, "rb", block_size=READ_AHEAD, cache_type="readahead"))
        return patient(cast("BinaryIO", opened), path)

    def _open(self, archive: Archive) -> Contents:
        """Read an archive from start to end.

        Raises:
            ImagesError: the storage behind the URL refuses, or does not answer.
        """
        contents = Contents(archive, limits=self.limits)
        try:
            with self._file(archive.name) as file:
                for member in self._members(contents, file):
                    add_member(contents, member)
        except ImagesError:  # of the storage: it says nothing about the archive
            raise
        except Exception as error:  # noqa: BLE001 - a damaged archive: the libraries raise errors of many kinds
            add_damage(contents, error)
        return contents

    def _members(self, contents: Contents, file: BinaryIO) -> Iterable[Member]:
        name = contents.archive.name
        kind = kind_of(name)
        if kind in (PARQUET, ARROW):
            table = ImageTable(file, is_parquet=kind == PARQUET)
            contents.objects = table.objects or ""
            return table.members(stem=PurePosixPath(name).stem, max_bytes=self.max_bytes)
        if kind == TAR:
            return tar.members(file, is_image=_is_image, max_bytes=self.max_bytes)
        if kind in TIFFS:
            stem = PurePosixPath(name).stem
            return tiff.members(file, stem=stem, ending=str(kind), max_bytes=self.max_bytes)
        return zip.members(file, is_image=_is_image, max_bytes=self.max_bytes)

    def _local_archives(self) -> list[Archive]:
        root = Path(self.root)
        if not root.is_dir():
            raise ImagesError(
                f"the folder {root} does not exist; check `images` in clipper.toml, or mount it"
            )
        whole = Path(self._pattern)
        pattern = str(whole.relative_to(root))
        try:
            found = [whole] if whole.is_file() else [path for path in root.glob(pattern) if path.is_file()]
        except ValueError as error:  # such as `**.tar`
            raise ImagesError(f"{self.location} is no pattern: {error}") from error
        described = [(path.relative_to(root).as_posix(), path.stat()) for path in found]
        return [Archive(name, status.st_size, status.st_mtime_ns) for name, status in described]

    def _remote_archives(self) -> list[Archive]:
        files, pattern = filesystem(self._pattern)
        _, root = filesystem(self.root)
        files.invalidate_cache()
        try:
            entries = (
                glob_files(files, root, pattern, location=self.location)
                if has_magic(pattern)
                else {pattern: ask(self.location, lambda: files.info(pattern), doing="listed")}
            )
        except Exception as error:
            raise cannot_list(self.location, error) from error
        return [
            Archive(path[len(root) :].lstrip("/"), int(entry.get("size") or 0), changed_ns(entry))
            for path, entry in entries.items()
            if entry.get("type") != "directory"
        ]


def open_images(location: str, *, max_bytes: int = 1 << 29, limits: str = "") -> ImageFolder:
    """Open the images of a location: a folder of files, or archives; see `ArchiveFolder`."""
    if names_archives(location):
        return ArchiveFolder(location, max_bytes=max_bytes, limits=limits)
    return ImageFolder(location, max_bytes=max_bytes)


def _is_image(member: str) -> bool:
    return is_image_name(member_id(member))
