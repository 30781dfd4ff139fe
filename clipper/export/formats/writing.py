"""Write an export so that it is there as a whole or not at all: a folder, a file, or an archive in pieces.

What does not belong here: what is in it (`folders.py`, `tables.py`).
"""

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from clipper.errors import ClipperError
from clipper.export.formats.dataset import Exportable, is_gone, original
from clipper.settings import is_url
from clipper.store.home import atomic_path
from clipper.system import replace_file

Placing = Literal["copy", "link", "paths"]
PIECE_BYTES = 1 << 18  # the least that is sent at once, except at the end
MARK = ".clipper-export"  # in each exported folder: only such a folder is replaced
MISSING = "missing.txt"


class Picture(NamedTuple):
    """An original, under a name in the export."""

    name: str
    row: int


class Document(NamedTuple):
    """A text, in pieces; made when it is written, after the files before it."""

    name: str
    pieces: Iterable[str]


Item: TypeAlias = Picture | Document


@dataclass
class Placed:
    """The images that an export has so far: the name of each row, and why others are not in it, by id."""

    names: dict[int, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    def at_home(self, dataset: Exportable, row: int) -> None:
        """Name an original by where it is."""
        path = dataset.path(row)
        if is_gone(path):
            self.lost[dataset.ids[row]] = "is gone"
        else:
            self.names[row] = path

    def missing(self) -> Iterator[Document]:
        """Yield a list of the images that are lost, if any are."""
        if self.lost:
            yield Document(MISSING, (f"{one!r}: {why}\n" for one, why in self.lost.items()))


def write_folder(
    target: Path, items: Iterable[Item], placed: Placed, dataset: Exportable, *, images: Placing, force: bool
) -> None:
    """Write an export into a new folder.

    Args:
        target: the folder; a folder of an earlier export is replaced with `force`, another one never.
        items: the files, in this order.
        placed: takes the name of each original that was placed, and the reason for each that was not.
        dataset: gives the originals.
        images: "copy" copies them, "link" gives each file another name on the same disk.
        force: see `target`.

    Raises:
        ClipperError: there is something at `target`, or nothing can be written there.
    """
    with atomic_folder(target, force=force) as folder:
        for item in items:
            path = folder / item.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(item, Picture):
                why = _place(dataset, item.row, path, images=images)
                if why:
                    placed.lost[dataset.ids[item.row]] = why
                else:
                    placed.names[item.row] = item.name
            else:
                with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
                    file.writelines(item.pieces)


@contextmanager
def atomic_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty folder beside `target`: renamed to it if the block succeeds, deleted if not.

    Raises:
        ClipperError: there is something at `target`, or nothing can be written there.
    """
    target = Path(os.path.abspath(target.expanduser()))  # noqa: PTH100 - without following a link
    check_free(target, force=force)
    temporary, old = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    try:
        temporary.mkdir(parents=True)
        (temporary / MARK).write_text("Clipper wrote this folder and may replace it.\n", "utf-8")
        yield temporary
        if target.exists():
            replace_file(target, old)
        replace_file(temporary, target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise ClipperError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def atomic_file(target: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary path beside `target`, as `atomic_folder` does.

    Raises:
        ClipperError: there is something at `target`, or nothing can be written there.
    """
    target = target.expanduser()
    if target.is_dir() or (target.exists() and not force):
        hint = "name a file" if target.is_dir() else "choose another name, or replace it with --force"
        raise ClipperError(f"{target} is there already; {hint}")
    try:
        with atomic_path(target) as temporary:
            yield temporary
    except OSError as error:
        raise ClipperError(f"{target} cannot be written: {error.strerror or error}") from error


def check_free(target: Path, *, force: bool) -> None:
    """Check that a folder may be written.

    Raises:
        ClipperError: there is a file, or a folder that is neither empty nor an export to be replaced.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / MARK).is_file():
        raise ClipperError(f"{target} is there already and no export of Clipper; choose another name")
    if not force:
        raise ClipperError(f"{target} is there already; choose another name, or replace it with --force")


def stream_zip(items: Iterable[Item], placed: Placed, dataset: Exportable) -> Iterator[bytes]:
    """Yield a ZIP of an export, in pieces; it holds one original at a time."""
    spool = Spool()
    with zipfile.ZipFile(spool, "w") as archive:
        for item in items:
            if isinstance(item, Picture):
                data = original(dataset, item.row)
                if isinstance(data, str):
                    placed.lost[dataset.ids[item.row]] = data
                    continue
                archive.writestr(zip_entry(item.name), data, zipfile.ZIP_DEFLATED, 0)
                placed.names[item.row] = item.name
                del data
            else:
                with archive.open(zip_entry(item.name), "w", force_zip64=True) as file:
                    for text in item.pieces:
                        file.write(text.encode("utf-8", "replace"))
                        if spool.size >= PIECE_BYTES:
                            yield spool.drain()
            if spool.size >= PIECE_BYTES:
                yield spool.drain()
    yield spool.drain()


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Make an entry of an archive. Its length follows its bytes, as it must in a stream.

    Some programs do not find the length behind a file that is only stored. So images, which are compressed
    already, are "deflated" at level 0.
    """
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


class Spool:
    """A write-only file; `drain` returns the bytes written since its last call."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: Any) -> int:
        """Keep some bytes until they are drained."""
        part = bytes(data)
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def flush(self) -> None:
        """Do nothing: no bytes are held elsewhere."""

    def close(self) -> None:
        """Take no more bytes."""
        self.closed = True

    def drain(self) -> bytes:
        """Return what was written since the last call."""
        data, self._parts, self.size = b"".join(self._parts), [], 0
        return data


def _place(dataset: Exportable, row: int, path: Path, *, images: Placing) -> str:
    """Put an original at a path; return why it cannot be there, "" if it is."""
    data = original(dataset, row)
    if isinstance(data, str):
        return data
    source = dataset.path(row)
    if images == "link" and not is_url(source):
        try:
            os.link(Path(source).resolve(), path)
        except OSError:  # another disk, or one without links: a copy serves as well
            path.write_bytes(data)
    else:
        path.write_bytes(data)
    return ""
