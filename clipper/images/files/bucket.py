"""List a bucket of S3 by many requests at a time, each for a part of its keys in their order.

One request gives a thousand keys, and only then the next can be asked for: ten million keys are ten thousand
waits. So what is left of a part is divided while threads have nothing to do. What does not belong here: other
file systems (`images/remote.py`), and what an object is (`images/folder.py`).
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clipper.images.files.etags import etag_of
from clipper.images.files.found import FoundImage, table_of
from clipper.network.threads import Threads

if TYPE_CHECKING:
    import pyarrow as pa

# Requests for a part after which what is left of it may be divided, and into how many parts.
PAGES, PARTS = 8, 16
_HIGHEST = "\U0010ffff"

# Asks for keys after one, in order, at most so many: the answer of S3's ListObjectsV2.
Ask = Callable[[str, int], Mapping[str, Any]]


class UnsortedError(Exception):
    """A server lists keys in another order than theirs, as S3's directory buckets do, or leaves some out."""


class _EndedError(Exception):
    """The listing has failed: nobody waits for more of it."""


@dataclass(frozen=True)
class Part:
    """The keys after one, up to another one and with it; None: all that follow."""

    after: str
    last: str | None

    def holds(self, key: str) -> bool:
        """Whether a key is not beyond the end."""
        return self.last is None or key <= self.last


def list_bucket(
    ask: Ask, prefix: str, changed_ns: Callable[[dict[str, Any]], int], *, threads: int
) -> "list[pa.Table]":
    """List the objects below a prefix.

    Args:
        ask: asks the server, and tries again where that helps.
        prefix: that all keys have; it is cut off.
        changed_ns: reads the time of an object, in nanoseconds since 1970.
        threads: that ask at a time.

    Returns:
        the columns of `FoundImages`, in any order: every object but those that stand for a folder.

    Raises:
        UnsortedError: it cannot be listed in parts.
        Exception: what `ask` raises.
    """
    tables: list[pa.Table] = []
    ended = threading.Event()
    pool: Threads[list[Part]] = Threads(threads, name="list")
    pending: set[Future[list[Part]]] = set()

    def ask_on(after: str, most: int) -> Mapping[str, Any]:
        if ended.is_set():
            raise _EndedError
        return ask(after, most)

    def take(part: Part) -> list[Part]:
        rest = part
        for number, page in enumerate(_pages(ask_on, part), start=1):
            rows = page.rows
            tables.append(table_of([_found(row, prefix, changed_ns) for row in rows if _is_file(row)]))
            if page.is_last:
                return []
            rest = Part(rows[-1]["Key"], part.last)
            if number >= PAGES and len(pending) < threads:
                return divided(ask_on, prefix, rest)
        return []

    try:
        pending.add(pool.submit(partial(take, Part("", None))))
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                pending |= {pool.submit(partial(take, part)) for part in future.result()}
            pending -= done
    finally:
        ended.set()
        for future in pending:
            future.cancel()
        pool.end()
    return tables


@dataclass(frozen=True)
class _Page:
    rows: list[dict[str, Any]]
    is_last: bool


def _pages(ask: Ask, part: Part) -> Iterator[_Page]:
    after, is_last = part.after, False
    while not is_last:
        answer = ask(after, 1_000)
        rows = _rows_of(answer)
        keys = [row["Key"] for row in rows]
        if any(key <= before for before, key in zip([after, *keys], keys, strict=False)):
            raise UnsortedError
        is_last = not answer.get("IsTruncated") or not part.holds(keys[-1])
        yield _Page([row for row in rows if part.holds(row["Key"])], is_last)
        after = keys[-1] if keys else after


def _rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of an answer.

    Raises:
        UnsortedError: it has none, and says that more follow: after which key, nobody can tell.
    """
    rows = list(answer.get("Contents") or [])
    if not rows and answer.get("IsTruncated"):
        raise UnsortedError
    return rows


def divided(ask: Ask, prefix: str, part: Part) -> list[Part]:
    """Divide a part at the first character in which its keys differ; together the parts have the same keys.

    Args:
        ask: asks the server.
        prefix: that all keys have.
        part: one that begins after a key that there is.
    """

    def key_after(bound: str) -> str | None:
        keys = [row["Key"] for row in _rows_of(ask(bound, 1))]
        return keys[0] if keys and part.holds(keys[0]) else None

    shortest, longest = len(prefix), len(part.after)
    while shortest < longest:  # all keys have the `shortest` first characters of this one in common
        length = (shortest + longest + 1) // 2
        if key_after(part.after[:length] + _HIGHEST) is None:
            shortest = length
        else:
            longest = length - 1
    bounds: list[str] = []
    key = key_after(part.after)
    while key is not None and len(bounds) < PARTS:
        bounds.append(key[: shortest + 1] + _HIGHEST)
        key = key_after(bounds[-1])
    if key is None:  # the last bound is beyond all keys
        bounds = bounds[:-1]
    afters, lasts = [part.after, *bounds], [*bounds, part.last]
    return [Part(after, last) for after, last in zip(afters, lasts, strict=True)]


def _is_file(row: Mapping[str, Any]) -> bool:
    return not str(row["Key"]).endswith("/")


def _found(row: dict[str, Any], prefix: str, changed_ns: Callable[[dict[str, Any]], int]) -> FoundImage:
    name = str(row["Key"])[len(prefix) :]
    return FoundImage(name, int(row.get("Size") or 0), changed_ns(row), etag=etag_of(row))
