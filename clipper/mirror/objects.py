"""The objects below a home's URL: list, read, write them, and write one only if it is as it was read.

A path is one below the home, with `/`. An object's tag changes with each writing of it. What does not belong
here: which objects a home has, and when they are written (`mirror/copy.py`, `mirror/writer.py`).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from clipper.errors import HomeRefusedError, HomeStorageError, StoreError
from clipper.network import storage
from clipper.network.retry import patiently
from clipper.network.storage import Trouble, status_of, trouble_of

T = TypeVar("T")

# Tries in a row. With pauses from half a second, which double, a writer endures a minute without an answer.
TRIES_TO_READ, TRIES_TO_WRITE = 5, 8
_CONFLICT = 412  # 409 says only that two writings met, also two tries of one: it is tried again
_REMOVED_AT_ONCE = 1_000
_SET_UP = {
    "s3": (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may list the bucket "
        "(s3:ListBucket), and read and write there (s3:GetObject, s3:PutObject, s3:DeleteObject)"
    ),
}
_SET_UP |= {"s3a": _SET_UP["s3"]}


class ConflictError(Exception):
    """An object is not as it was read: somebody else wrote it. It never leaves this package."""


class Found(NamedTuple):
    """An object: its bytes' number, and its tag."""

    size: int
    tag: str


class Content(NamedTuple):
    """What an object held when it was read: its bytes, its tag, and how long it had been so, in seconds.

    The age is by the store's clock alone; 0 if the store does not tell it.
    """

    data: bytes
    tag: str
    age: float


class Objects:
    """The objects below a URL."""

    def __init__(self, url: str) -> None:
        """Ask for nothing yet."""
        from fsspec.core import url_to_fs

        self.url = url
        self.scheme = url.partition("://")[0]
        # A list that was kept would hide what others write.
        self.files, root = url_to_fs(url, use_listings_cache=False)
        self.root = str(root).rstrip("/")
        self.tries = TRIES_TO_READ
        self._ahead = timedelta()  # of this machine's clock, as the store's last answer said

    def now(self) -> datetime:
        """Return the time by the store's clock, in UTC, as far as it told that."""
        return datetime.now(UTC) + self._ahead

    def _set_clock(self, answer: Mapping[str, Any]) -> None:
        if (told := _date(answer)) is not None:
            self._ahead = told - datetime.now(UTC)

    def list_folder(self, folder: str) -> dict[str, Found]:
        """List the objects of one folder by path, "" for the home; none of folders in it.

        Raises:
            StoreError: the storage refuses, or does not answer.
        """
        return self._found(self._ask(folder, "listed", lambda: self._listed(self.files.ls, folder)))

    def list_below(self, folder: str) -> dict[str, Found]:
        """List the objects of a folder and of those in it, by path."""
        return self._found(self._ask(folder, "listed", lambda: self._listed(self.files.find, folder)))

    def read(self, path: str) -> Content | None:
        """Return an object's bytes, its tag and its age, which belong together; None if there is none."""
        try:
            return self._ask(path, "read", lambda: self._read(path))
        except FileNotFoundError:
            return None

    def download(self, path: str, to: Path) -> None:
        """Write an object to a file.

        Raises:
            FileNotFoundError: there is no such object.
            StoreError: as `list_folder`.
        """
        self._ask(path, "read", lambda: self.files.get_file(self._full(path), str(to)))

    def upload(self, source: Path, path: str) -> None:
        """Write a file to an object, whatever is there."""
        self._ask(path, "written", lambda: self.files.put_file(str(source), self._full(path)))

    def put(self, path: str, data: bytes, *, tag: str | None) -> str:
        """Write an object if it has the tag, or if `tag` is None and there is none; return its new tag.

        After a cut nobody knows whether the bytes arrived: then it is looked whether the object has them.

        Raises:
            ConflictError: it has another tag, or is there.
            StoreError: as `list_folder`.
        """
        try:
            return self._ask(path, "written", lambda: self._put(path, data, tag))
        except ConflictError:
            found = self.read(path)
            if found is not None and found.data == data:
                return found.tag
            raise

    def remove(self, paths: Iterable[str]) -> None:
        """Delete objects, which may be gone already."""
        gone = [self._full(path) for path in paths]
        for at in range(0, len(gone), _REMOVED_AT_ONCE):
            some = gone[at : at + _REMOVED_AT_ONCE]
            with suppress(FileNotFoundError):
                self._ask("", "deleted", lambda some=some: self._remove(some))  # type: ignore[misc]

    def is_same(self, file: Path, seen: Found) -> bool:
        """Whether a file has an object's bytes, as far as its tag tells; if it does not tell, it has not."""
        return file.stat().st_size == seen.size and self._tag_of(file) == seen.tag

    def _remove(self, names: list[str]) -> None:
        if has_magic(self.root):  # `rm` takes names of many files for patterns, and would find others' files
            for name in names:
                self.files.rm_file(name)
        else:
            self.files.rm(names)

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    def _listed(self, how: Callable[..., Any], folder: str) -> list[dict[str, Any]]:
        try:
            found = how(self._full(folder), detail=True)
        except FileNotFoundError as error:
            if storage.is_no_bucket(error):
                raise
            return []
        entries = found.values() if isinstance(found, dict) else found
        return [entry for entry in entries if entry["type"] == "file"]

    def _found(self, entries: Iterable[dict[str, Any]]) -> dict[str, Found]:
        start = self.root.lstrip("/") + "/"
        found = {}
        for entry in entries:
            name = str(entry["name"]).lstrip("/")
            if name.startswith(start) and len(name) > len(start):
                found[name.removeprefix(start)] = Found(int(entry["size"] or 0), self._tag(entry))
        return found

    def _tag(self, entry: dict[str, Any]) -> str:
        return str(entry.get("ETag", ""))

    def _tag_of(self, file: Path) -> str:
        raise NotImplementedError

    def _read(self, path: str) -> Content:
        raise NotImplementedError

    def _put(self, path: str, data: bytes, tag: str | None) -> str:
        raise NotImplementedError

    def _ask(self, path: str, doing: str, request: Callable[[], T]) -> T:
        try:
            return patiently(request, tries=self._tries_after, pause=storage.PAUSE)
        except (ConflictError, StoreError):
            raise
        except Exception as error:
            if (shown := self._for_a_person(path, doing, error)) is error:
                raise
            raise shown from error

    def _tries_after(self, error: Exception) -> int:
        if isinstance(error, ConflictError):
            return 1
        trouble = trouble_of(error)
        if trouble is Trouble.UNREACHABLE and self.tries == TRIES_TO_READ:
            return storage.TRIES_TO_REACH
        return self.tries if trouble in (Trouble.PASSING, Trouble.UNREACHABLE) else 1

    def _for_a_person(self, path: str, doing: str, error: Exception) -> Exception:
        where = f"{self.url}/{path}" if path else self.url
        why = " ".join(str(error).split()) or type(error).__name__
        if storage.is_no_bucket(error):
            return HomeRefusedError(f"{where} cannot be {doing}: there is no such bucket; make it first")
        trouble = trouble_of(error)
        if trouble is Trouble.GONE:
            return error if isinstance(error, FileNotFoundError) else FileNotFoundError(where)
        if trouble is Trouble.REFUSED:
            remedy = _SET_UP.get(self.scheme, "check the rights of this user there")
            return HomeRefusedError(f"{where} cannot be {doing}: {why}; {remedy}")
        if trouble in (Trouble.PASSING, Trouble.UNREACHABLE):
            endpoint = " and AWS_ENDPOINT_URL" if self.scheme in ("s3", "s3a") else ""
            return HomeStorageError(
                f"{where} cannot be {doing}: {why}; check the network{endpoint}, and try again: what was "
                "published is as it was"
            )
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            return error  # of this machine's disk
        return HomeStorageError(f"{where} cannot be {doing}: {why}")


class S3Objects(Objects):
    """Objects of S3, and of servers that speak its protocol: the tag is the ETag."""

    def _tag_of(self, file: Path) -> str:
        with file.open("rb") as opened:  # of an object that was written in parts, or encrypted, it is another
            return f'"{hashlib.file_digest(opened, _md5).hexdigest()}"'

    def _read(self, path: str) -> Content:
        from fsspec.asyn import sync

        found: Content = sync(self.files.loop, self._read_all, path)
        return found

    async def _read_all(self, path: str) -> Content:
        bucket, _, key = self._full(path).partition("/")
        # `call_s3` would wait for the answer, but not for its body.
        answer = await self.files._call_s3("get_object", Bucket=bucket, Key=key)  # noqa: SLF001
        self._set_clock(answer)
        async with answer["Body"] as body:
            return Content(await body.read(), str(answer["ETag"]), _age(answer))

    def _put(self, path: str, data: bytes, tag: str | None) -> str:
        bucket, _, key = self._full(path).partition("/")
        only = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            answer = self.files.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **only)
        except FileExistsError as error:
            raise ConflictError from error
        except OSError as error:
            vanished = tag is not None and trouble_of(error) is Trouble.GONE
            if storage.is_no_bucket(error) or not (vanished or status_of(error) == _CONFLICT):
                raise
            raise ConflictError from error
        self._set_clock(answer)
        return str(answer["ETag"])


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _date(answer: Mapping[str, Any]) -> datetime | None:
    """Return the time at which the server answered, by its clock; None if it does not tell."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _age(answer: Mapping[str, Any]) -> float:
    """Return the seconds since an object was written, by the clock of the server that answered."""
    written, now = answer.get("LastModified"), _date(answer)
    return max((now - written).total_seconds(), 0.0) if now and written else 0.0


def open_objects(url: str) -> Objects:
    """Return the objects below a home's URL, which `normal_url` returned."""
    return _KINDS[url.partition("://")[0]](url)


_KINDS: dict[str, type[Objects]] = {"s3": S3Objects, "s3a": S3Objects}
