"""Tags that people give to images, in the home's tags.json, by content hash.

A tag stays with an image that is renamed or indexed again, and copies of an image share it. Nothing can
restore this file: no run deletes it, and `clipper doctor` only reports damage. What does not belong here: the
column made of the tags (`metadata/join.py`), and the viewer's buttons for them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clipper import hashing
from clipper.errors import BusyError, StoreError
from clipper.store.home import Home, atomic_path
from clipper.text import clean

FORMAT = 1
MAX_LENGTH = 60  # characters
# Zero-width characters that join or separate emoji and Persian letters: not printable in Python's sense.
JOINERS = "\u200c\u200d"
MAX_TAGS = 1000
_WAIT = 10.0  # seconds for another writer to finish

# Tag -> content hashes of its images.
Tags = dict[str, frozenset[bytes]]


def path_of(home: Home) -> Path:
    """The file of a home's tags."""
    return home.folder / "tags.json"


def clean_tag(text: str) -> str:
    """Clean a tag: one line, without surrounding or repeated white space.

    Raises:
        ValueError: no letter is left, or too many.
    """
    tag = clean(" ".join("".join(c if c.isprintable() or c in JOINERS else " " for c in text).split()))
    tag = tag.strip(f"{JOINERS} ")
    if not tag:
        raise ValueError("a tag needs at least one letter")
    if len(tag) > MAX_LENGTH:
        raise ValueError(f"a tag has at most {MAX_LENGTH} letters; this one has {len(tag):,}")
    return tag


def read(home: Home) -> Tags:
    """Read all tags of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    path = path_of(home)
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(value, dict) or not hashing.checksum_holds(value):
        raise _damaged(path, "its checksum does not hold")
    if value.get("format") != FORMAT:
        raise StoreError(f"{path} has format {value.get('format')}, this Clipper reads {FORMAT}; upgrade it")
    try:
        return {tag: frozenset(map(bytes.fromhex, images)) for tag, images in value["tags"].items()}
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise _damaged(path, repr(error)) from error


def add(home: Home, tag: str, images: Iterable[bytes]) -> Tags:
    """Add a tag to images, by content hash: to all of them or, on an error, to none; return all tags.

    Raises:
        ValueError: the tag is empty or too long, or the home has too many tags.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    name, added = clean_tag(tag), frozenset(images)

    def change(tags: Tags) -> Tags:
        if name not in tags and len(tags) >= MAX_TAGS:
            raise ValueError(f"there are {MAX_TAGS:,} tags, and no room for another")
        return {**tags, name: tags.get(name, frozenset()) | added}

    return _change(home, change)


def remove(home: Home, tag: str, images: Iterable[bytes] | None = None) -> Tags:
    """Remove a tag from images (None: from all images); return all tags.

    Raises:
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    removed = None if images is None else frozenset(images)

    def change(tags: Tags) -> Tags:
        rest = tags.get(tag, frozenset()) - removed if removed is not None else frozenset()
        return {**tags, tag: rest}

    return _change(home, change)


def by_image(tags: Mapping[str, Iterable[bytes]]) -> dict[bytes, list[str]]:
    """Return content hash -> its tags, in alphabetical order."""
    found: dict[bytes, list[str]] = {}
    for tag in sorted(tags):
        for key in tags[tag]:
            found.setdefault(key, []).append(tag)
    return found


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's tags; None if nothing is."""
    try:
        read(home)
    except StoreError as error:
        return str(error).removeprefix(f"{path_of(home)} ")
    return None


def _change(home: Home, change: Callable[[Tags], Tags]) -> Tags:
    """Read, change and write the file under its own lock, so that no writer loses another's change."""
    with _writing(home):
        before = read(home)
        after = {tag: images for tag, images in change(before).items() if images}
        if after != before:
            _write(path_of(home), after)
    return after


@contextmanager
def _writing(home: Home) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        home.store.mkdir(exist_ok=True)
        with FileLock(home.store / "tags.lock", timeout=_WAIT):
            yield
    except Timeout:
        raise BusyError(f"another program is writing {path_of(home)}; try again") from None
    except OSError as error:
        raise StoreError(f"{path_of(home)} cannot be written ({error.strerror or error})") from error


def _write(path: Path, tags: Tags) -> None:
    listed: dict[str, Any] = {tag: sorted(key.hex() for key in images) for tag, images in tags.items()}
    value = hashing.with_checksum({"format": FORMAT, "tags": listed})
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def _damaged(path: Path, why: object) -> StoreError:
    return StoreError(
        f"{path} is damaged ({why}); put a copy of it in its place, or delete it: only the tags are lost"
    )
