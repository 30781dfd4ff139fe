"""The manifest: the files of the images folder with their content hashes; and what differs between two.

What does not belong here: decoding images, and anything derived from them.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clipper.columns import integers, rows_of
from clipper.hashing import digest
from clipper.images.files.etags import ETAG_BYTES
from clipper.images.files.places import (
    ARCHIVE,
    OFFSET,
    Contents,
    add_member,
    beside_rows,
    notes_on,
    place_fields,
    read_notes,
    read_places,
)
from clipper.store.columns.entries import BYTES, ETAG, FIRST_NS, ID, KEY, MTIME_NS, Entries
from clipper.store.columns.keys import Keys, pairs_of
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

REASON = "reason"
# Rows of a chunk when a manifest is written, which are those of a row group: their ids fit into one column.
_CHUNK = 1 << 20

# An image's content hash before and after; None where it is not there.
Fate = tuple[bytes | None, bytes | None]
_NOWHERE: Fate = (None, None)


@dataclass(frozen=True)
class Changes:
    """What differs between two versions of a dataset: the images that came, went, changed or were renamed.

    `fates` has the content hashes before and after of each image that differs. `unchanged` counts the others.
    """

    fates: Mapping[str, Fate] = field(default_factory=dict)
    unchanged: int = field(default=0, compare=False)

    @cached_property
    def moved(self) -> dict[str, str]:
        """Old id -> new id, of a removed and an added image with the same bytes."""
        came: dict[bytes, deque[str]] = {}
        for image_id, (before, after) in self.fates.items():
            if before is None and after is not None:
                came.setdefault(after, deque()).append(image_id)
        went = ((image_id, before) for image_id, (before, after) in self.fates.items() if after is None)
        return {image_id: came[key].popleft() for image_id, key in went if key and came.get(key)}

    @cached_property
    def added(self) -> list[str]:
        """Images that were not there before, under any name."""
        known = set(self.moved.values())
        return [i for i, (before, _) in self.fates.items() if before is None and i not in known]

    @cached_property
    def removed(self) -> list[str]:
        """Images that are not there any more, under any name."""
        return [i for i, (_, after) in self.fates.items() if after is None and i not in self.moved]

    @cached_property
    def changed(self) -> list[str]:
        """Images with the same id and other bytes."""
        return [i for i, (before, after) in self.fates.items() if before and after]

    def counts(self) -> dict[str, int]:
        """How many images of each kind there are."""
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "moved": len(self.moved),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
        }

    def then(self, later: "Changes") -> "Changes":
        """Join these changes and later ones: an image that came and went again has not changed."""
        fates = {}
        for image_id in {**self.fates, **later.fates}:
            earlier = self.fates.get(image_id, later.fates.get(image_id, _NOWHERE))
            latest = later.fates.get(image_id, self.fates.get(image_id, _NOWHERE))
            if earlier[0] != latest[1]:
                fates[image_id] = (earlier[0], latest[1])
        images = later.unchanged + _still_there(later.fates)
        return Changes(fates, images - _still_there(fates))


@dataclass(frozen=True)
class Manifest:
    """The files of the folder, sorted by id, and those that could not be read (id -> reason).

    `others` counts the files that are no images, by ending; a scan reports it, the file does not keep it.
    `archives` says what lies in each archive beside the entries.
    """

    entries: Entries
    unreadable: dict[str, str]
    others: dict[str, int] = field(default_factory=dict, compare=False)
    archives: Mapping[str, Contents] = field(default_factory=dict, compare=False)

    @cached_property
    def version(self) -> str:
        """The version: it follows from ids and contents alone, so touching a file does not change it."""
        return digest(self.entries.identity(), self.unreadable)

    @property
    def contents(self) -> Keys:
        """The distinct content hashes."""
        return self.entries.contents

    def changes_since(self, before: "Manifest | None") -> Changes:
        """Compare with an earlier manifest; with None, every image is new."""
        import pyarrow as pa

        earlier = before.entries if before else Entries.of([])
        changed, came = _differing(earlier, self.entries)
        now = self.entries.keys.take(pa.array(changed.now, mask=changed.now < 0)).to_pylist()
        fates: dict[str, Fate] = {
            entry.id: (entry.content_hash, key)
            for entry, key in zip(earlier.take(changed.rows), now, strict=True)
        }
        fates |= {entry.id: (None, entry.content_hash) for entry in self.entries.take(came)}
        return Changes(fates, len(self.entries) - _still_there(fates))

    def count_changes(self, before: "Manifest | None") -> dict[str, int]:
        """Count the images of each kind, as the `counts` of `changes_since` do, without naming any."""
        earlier = before.entries if before else Entries.of([])
        changed, came = _differing(earlier, self.entries)
        went = changed.rows[changed.now < 0]
        moved = _common(earlier.keys.take(integers(went)), self.entries.keys.take(integers(came)))
        other = len(changed.rows) - len(went)
        return {
            "added": len(came) - moved,
            "changed": other,
            "moved": moved,
            "removed": len(went) - moved,
            "unchanged": len(self.entries) - len(came) - other,
        }

    def write(self, path: Path) -> None:
        """Write as Parquet."""
        import pyarrow as pa

        schema = _schema(with_places=bool(self.archives), with_etags=self.entries.has_etags)
        plain = pa.schema(
            [(name, _plain(kind)) for name, kind in zip(schema.names, schema.types, strict=True)]
        )
        lost = [
            {ID: image_id, BYTES: 0, MTIME_NS: 0, REASON: reason}
            for image_id, reason in self.unreadable.items()
        ]
        others = pa.Table.from_pylist(lost + beside_rows(self.archives.values()), schema=plain)
        own = [
            self.entries.table[name]
            if name in self.entries.table.column_names
            else pa.nulls(len(self.entries), kind)
            for name, kind in zip(plain.names, plain.types, strict=True)
        ]
        table = pa.concat_tables([pa.table(own, schema=plain), others]).combine_chunks()
        chunks = [table.slice(start, _CHUNK) for start in range(0, len(table), _CHUNK)]
        if ARCHIVE in schema.names:
            at = schema.names.index(ARCHIVE)
            column = table[ARCHIVE].cast(pa.string()).dictionary_encode()
            chunks = [
                chunk.set_column(at, ARCHIVE, column.slice(start * _CHUNK, _CHUNK))
                for start, chunk in enumerate(chunks)
            ]
        written = [chunk.cast(schema) for chunk in chunks] or [schema.empty_table()]
        write_part(path, pa.concat_tables(written), notes_on(self.archives.values()))

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read what `write` wrote."""
        import pyarrow.compute as pc

        table = read_parquet(path)
        archives = read_notes(read_made_of(path)) if is_written(path) else {}
        has_hash = pc.is_valid(table[KEY])
        others = table.filter(pc.invert(has_hash))
        if archives:
            _add_members(archives, table)
        entries = Entries(table.filter(has_hash) if len(others) else table)
        if ARCHIVE in others.column_names:
            others = others.filter(pc.is_null(others[ARCHIVE]))
        reasons = dict(zip(others[ID].to_pylist(), others[REASON].to_pylist(), strict=True))
        return cls(entries, reasons, archives=archives)


def _add_members(archives: Mapping[str, Contents], table: "pa.Table") -> None:
    """Add the files of a manifest's table that lie in archives to what these hold."""
    rows = zip(read_places(table), table[BYTES].to_pylist(), table[KEY].to_pylist(), strict=True)
    for place, size, key in rows:
        if place is not None:
            add_member(archives, place, size, key)
    for contents in archives.values():  # as they lie in the archive: rows are sorted by id
        contents.images.sort(key=lambda image: image.offset)


def in_order_of_reading(entries: Entries) -> Entries:
    """Return entries in an order in which files are read once: those of an archive as they lie in it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not entries.has_places:
        return entries
    lying = pa.table([entries.column(ARCHIVE).fill_null(""), entries.column(OFFSET)], names=[ARCHIVE, OFFSET])
    order = pc.sort_indices(lying, sort_keys=[(ARCHIVE, "ascending"), (OFFSET, "ascending")])
    return entries.take(order)


def compare(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Changes:
    """Compare two versions of a dataset: the content hash of each image by its id."""
    fates: dict[str, Fate] = {i: (key, after.get(i)) for i, key in before.items() if after.get(i) != key}
    fates |= {i: (None, key) for i, key in after.items() if i not in before}
    return Changes(fates, len(after) - _still_there(fates))


def _still_there(fates: Mapping[str, Fate]) -> int:
    return sum(after is not None for _, after in fates.values())


class _Changed(NamedTuple):
    """The rows of earlier files that are gone or have other bytes, and their rows now; -1 for a gone one."""

    rows: "np.ndarray"
    now: "np.ndarray"


def _differing(before: Entries, after: Entries) -> "tuple[_Changed, np.ndarray]":
    """Return the rows of `before` that changed or went, and those of `after` that came."""
    import numpy as np

    was = rows_of(after.ids, before.ids)
    now = np.full(len(before), -1, np.int64)
    stayed = np.flatnonzero(was >= 0)
    now[was[stayed]] = stayed
    then, new = pairs_of(before.keys), pairs_of(after.keys)
    differs = np.ones(len(before), bool)
    differs[was[stayed]] = (then[was[stayed]] != new[stayed]).any(axis=1)
    rows = np.flatnonzero(differs)
    return _Changed(rows, now[rows]), np.flatnonzero(was < 0)


def _common(one: "pa.Array", other: "pa.Array") -> int:
    """Count the content hashes that two columns share; one that stands there twice counts twice."""
    import numpy as np

    if not len(one) or not len(other):
        return 0
    keys = Keys.of(one)
    first = np.bincount(keys.positions(one), minlength=len(keys))
    there = keys.positions(other)
    return int(np.minimum(first, np.bincount(there[there >= 0], minlength=len(keys))).sum())


def _plain(kind: "pa.DataType") -> "pa.DataType":
    """Return the type of a column while it is put together: a chunk of 2 GiB of text must not be too long."""
    import pyarrow as pa

    return pa.large_string() if pa.types.is_string(kind) or pa.types.is_dictionary(kind) else kind


def _schema(*, with_places: bool, with_etags: bool) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            (ID, pa.string()),
            (KEY, pa.binary(16)),
            (BYTES, pa.int64()),
            (MTIME_NS, pa.int64()),
            (REASON, pa.string()),
            (FIRST_NS, pa.int64()),
            *(place_fields() if with_places else []),
            *([(ETAG, pa.binary(ETAG_BYTES))] if with_etags else []),
        ]
    )
