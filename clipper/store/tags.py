"""Tags that people give to images, in the home's tags.json, by content hash.

A tag stays with an image that is renamed or indexed again, and copies of an image share it. Nothing can
restore this file: no run deletes it, and `clipper doctor` only reports damage. What does not belong here: the
column made of the tags (`metadata/join.py`), and the viewer's buttons for them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clipper.columns import integers, strings
from clipper.store.columns.keys import KEY_BYTES, Keys
from clipper.store.home import GivenFile, Home
from clipper.text import short_line

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MAX_LENGTH = 60  # characters
MAX_TAGS = 1000

# Tag -> content hashes of its images.
Tags = dict[str, frozenset[bytes]]


class Edit(NamedTuple):
    """A change of one tag: images, by content hash, that get it or, if not `adds`, lose it."""

    tag: str
    images: frozenset[bytes]
    adds: bool

    def undone(self) -> "Edit":
        """Return the change that takes this one back."""
        return self._replace(adds=not self.adds)


def path_of(home: Home) -> Path:
    """The file of a home's tags."""
    return _file(home).path


def clean_tag(text: str) -> str:
    """Clean a tag: one line, without surrounding or repeated white space.

    Raises:
        ValueError: no letter is left, or too many.
    """
    return short_line(text, what="a tag", most=MAX_LENGTH)


def read(home: Home) -> Tags:
    """Read all tags of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


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


def edit(home: Home, edits: Sequence[Edit]) -> list[Edit]:
    """Make several changes at once: all of them or, on an error, none.

    Returns:
        what really changed, so that its inverse restores exactly what was: an image that had the tag before
        is in no change that adds it. Changes of nothing are left out.

    Raises:
        ValueError: a tag is empty or too long, or the home has too many tags.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    wanted = [each._replace(tag=clean_tag(each.tag)) if each.adds else each for each in edits]
    made: list[Edit] = []

    def change(tags: Tags) -> Tags:
        after = dict(tags)
        made.clear()  # of a try that somebody else's change came before
        for tag, images, adds in wanted:
            had = after.get(tag, frozenset())
            if adds and not had and len(after) >= MAX_TAGS:
                raise ValueError(f"there are {MAX_TAGS:,} tags, and no room for another")
            changed = images - had if adds else images & had
            after[tag] = had | changed if adds else had - changed
            made.extend([Edit(tag, changed, adds)] if changed else [])
        return after

    _change(home, change)
    return made


def of_contents(tags: Mapping[str, Iterable[bytes]], contents: Keys) -> "pa.ListArray":
    """Return the tags of each content in alphabetical order: (n,) lists of large_string."""
    import numpy as np
    import pyarrow as pa

    names = sorted(tags)
    found = [contents.positions([key for key in tags[name] if len(key) == KEY_BYTES]) for name in names]
    at = np.concatenate([np.empty(0, np.int64), *found])
    tag = np.repeat(np.arange(len(names)), [len(rows) for rows in found])[at >= 0]
    at = at[at >= 0]
    order = np.argsort(at, kind="stable")  # of one content, the tags stay in their order
    starts = pa.py_buffer(np.searchsorted(at[order], np.arange(len(contents) + 1)).astype(np.int32))
    texts = strings(names).take(integers(tag[order]))
    kind = pa.list_(pa.large_string())
    return pa.Array.from_buffers(kind, len(contents), [None, starts], children=[texts])


def by_image(tags: Mapping[str, Iterable[bytes]]) -> dict[bytes, list[str]]:
    """Return content hash -> its tags, in alphabetical order."""
    found: dict[bytes, list[str]] = {}
    for tag in sorted(tags):
        for key in tags[tag]:
            found.setdefault(key, []).append(tag)
    return found


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's tags; None if nothing is."""
    return _file(home).problem()


def _parse(entry: Mapping[str, Any]) -> Tags:
    return {tag: frozenset(map(bytes.fromhex, images)) for tag, images in entry.items()}


def _change(home: Home, change: Callable[[Tags], Tags]) -> Tags:
    def changed(tags: Tags) -> Tags:
        return {tag: images for tag, images in change(tags).items() if images}

    return _file(home).change(changed)


def _spell(tags: Tags) -> dict[str, list[str]]:
    return {tag: sorted(key.hex() for key in images) for tag, images in tags.items()}


def _file(home: Home) -> GivenFile[Tags]:
    return GivenFile(home, "tags", version=FORMAT, lost="the tags", parse=_parse, spell=_spell)
