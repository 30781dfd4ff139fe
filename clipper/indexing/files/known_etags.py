"""Find files of an object store that need not be read: their ETag and size are those of bytes that are known.

So an object that is uploaded again, copied or renamed costs no download. What does not belong here: what an
ETag is, and that it belongs to the bytes (`images/files/etags.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipper.columns import integers, rows_of, truths
from clipper.images.files.found import FoundImages
from clipper.images.folder import ImageFolder
from clipper.images.listing import RACY_NS
from clipper.indexing.files.hash_files import MARK_NS
from clipper.store.columns.entries import BYTES, ETAG, ID, KEY, MTIME_NS, Entries

if TYPE_CHECKING:
    import numpy as np


def by_etag(
    folder: ImageFolder, found: FoundImages, wanted: "np.ndarray", known: Sequence[Entries], *, started: int
) -> "tuple[Entries, np.ndarray]":
    """Return entries for files whose bytes are known, and their rows among the found files, (m,) int64.

    Args:
        folder: of the files.
        found: all files of the folder.
        wanted: which of them are neither known nor unchanged, (n,) bool.
        known: files that were hashed before.
        started: when the scan began, in nanoseconds since 1970.
    """
    import numpy as np
    import pyarrow as pa

    none = Entries.of([]), np.empty(0, np.int64)
    known = [each for each in known if each.has_etags]
    if (etags := found.etags()) is None or not known:
        return none
    there = Entries(pa.concat_tables([each.table for each in known], promote_options="default"))
    rows = np.flatnonzero(wanted & truths(etags.is_valid()) & found.are_loose() & found.are_text())
    was = rows_of(etags.take(integers(rows)), there.column(ETAG))
    size, time_ns = found.numbers(BYTES)[rows], found.numbers(MTIME_NS)[rows]
    same = (was >= 0) & (there.numbers(BYTES)[was] == size) & (size <= folder.max_bytes)
    same[same] = [not folder.reason_not_read(image.id) for image in found.at(rows[same])]
    rows, was = rows[same], was[same]
    if not len(rows):
        return none
    is_racy = time_ns[same] >= started - RACY_NS
    columns = {
        ID: found.ids.take(integers(rows)).cast(pa.large_string()),
        KEY: there.keys.take(integers(was)),
        BYTES: integers(size[same]),
        MTIME_NS: integers(time_ns[same] + np.where(is_racy, MARK_NS, 0)),
        ETAG: etags.take(integers(rows)),
    }
    return Entries(pa.table([*columns.values()], names=[*columns])), rows


def have_other_etags(found: FoundImages, known: Entries, was: "np.ndarray") -> "np.ndarray":
    """Return which files have another ETag than in the row `was` of `known`, -1 for none: (n,) bool.

    Where an ETag is not known, it is no other one.
    """
    import numpy as np
    import pyarrow.compute as pc

    other = np.zeros(len(found), bool)
    if (etags := found.etags()) is None or not known.has_etags:
        return other
    rows = np.flatnonzero(was >= 0)
    differs = pc.not_equal(etags.take(integers(rows)), known.column(ETAG).take(integers(was[rows])))
    other[rows] = truths(differs.fill_null(False))
    return other
