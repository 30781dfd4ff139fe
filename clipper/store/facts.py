"""Results of decoding, keyed by content hash: facts or the reason of a failure, and thumbnails.

What does not belong here: decoding itself (`images/decode.py`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.columns import booleans, integers, rows_of
from clipper.images.decode import DECODER_VERSION, NOTES
from clipper.images.exif import EXIF_VERSION
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.images.picture.measures import MEASURES as NAMES_OF_MEASURES
from clipper.images.picture.signature import SIGNATURE_BYTES, SIGNATURE_VERSION
from clipper.metadata.values.column_values import Values, columns_of_json
from clipper.store.columns.keys import BLOCK, Keys
from clipper.store.home import Home, damage_error
from clipper.store.shards import KEY, ShardStore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FACTS_VERSION = f"{DECODER_VERSION}.{EXIF_VERSION}"
THUMBNAIL = "thumbnail"
SIGNATURE = "signature"
MEASURES = "measures"
FACTS = "facts"
REASON = "reason"
LIMITS = "limits"


def store(home: Home, *, of_any_version: bool = False) -> ShardStore:
    """Open the facts: JSON text; for a failure the reason, and the limits under which it failed.

    Args:
        home: with the facts.
        of_any_version: read also the facts that another version of Clipper made: what was published. For a
            content with both, this version's count.
    """
    import pyarrow as pa

    schema = [(KEY, pa.binary(16)), (FACTS, pa.string()), (REASON, pa.string()), (LIMITS, pa.string())]
    return ShardStore(
        home.store / "facts", pa.schema(schema), made_by=FACTS_VERSION, strict=not of_any_version
    )


def thumbnail_store(home: Home, *, of_any_version: bool = False) -> ShardStore:
    """Open the thumbnails, WebP; `of_any_version` as in `store`."""
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (THUMBNAIL, pa.binary())])
    return ShardStore(home.store / "thumbnails", schema, made_by=DECODER_VERSION, strict=not of_any_version)


def measures_store(home: Home, *, of_any_version: bool = False) -> ShardStore:
    """Open what was measured on the decoded pictures: JSON text; `of_any_version` as in `store`."""
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (MEASURES, pa.string())])
    made_by = f"{DECODER_VERSION}.{MEASURE_VERSION}"
    return ShardStore(home.store / "measures", schema, made_by=made_by, strict=not of_any_version)


def read_measures(measures: ShardStore, keys: "pa.Array") -> "dict[str, np.ndarray]":
    """Return each measure of contents, (n,) float32 in the order of `keys`; NaN if it was not measured."""
    import numpy as np
    import pyarrow.compute as pc

    table = measures.table()
    where = rows_of(keys, table[KEY].combine_chunks())
    at = np.flatnonzero(where >= 0)
    blocks = (where[at[start : start + BLOCK]] for start in range(0, len(at), BLOCK))
    known = columns_of_json(pc.fill_null(table[MEASURES].take(integers(rows)), "{}") for rows in blocks)
    found = {name: np.full(len(keys), np.nan, np.float32) for name in NAMES_OF_MEASURES}
    for name in found.keys() & known.keys():
        found[name][at[known[name].at]] = known[name].to_list()
    return found


def signature_store(home: Home, *, of_any_version: bool = False) -> ShardStore:
    """Open the signatures of pictures, by which copies are found: `SIGNATURE_BYTES` each.

    `of_any_version` as in `store`.
    """
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (SIGNATURE, pa.binary(SIGNATURE_BYTES))])
    made_by = f"{DECODER_VERSION}.{SIGNATURE_VERSION}"
    return ShardStore(home.store / "signatures", schema, made_by=made_by, strict=not of_any_version)


def read_signatures(signatures: ShardStore, keys: Sequence[bytes]) -> "tuple[np.ndarray, np.ndarray]":
    """Read the signatures of contents, shard by shard: a copy of them all would be gigabytes.

    Returns:
        (n, SIGNATURE_BYTES) uint8 in the order of `keys`, zeros for a content without one; (n,) bool, which
        of them have one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.zeros((len(keys), SIGNATURE_BYTES), np.uint8)
    known = np.zeros(len(keys), bool)
    table = signatures.table()
    where = pc.index_in(table[KEY], value_set=pa.array(keys, pa.binary(16))).fill_null(-1).to_numpy()
    start = 0
    for shard in table[SIGNATURE].chunks:
        place = where[start : start + len(shard)]
        wanted = np.flatnonzero((place >= 0) & shard.is_valid().to_numpy(zero_copy_only=False))
        if len(wanted):
            pixels = np.frombuffer(shard.buffers()[1], np.uint8).reshape(-1, SIGNATURE_BYTES)
            rows[place[wanted]] = pixels[shard.offset + wanted]
            known[place[wanted]] = True
        start += len(shard)
    return rows, known


def without_signature(signatures: ShardStore) -> Keys:
    """Return the contents whose row has no signature: they could not be decoded again to make one."""
    import pyarrow.compute as pc

    table = signatures.table()
    return Keys.of(table.filter(pc.is_null(table[SIGNATURE]))[KEY])


def row(key: bytes, *, facts: str | None, reason: str | None, limits: str) -> dict[str, object]:
    """Make a row to append."""
    return {KEY: key, FACTS: facts, REASON: reason, LIMITS: limits}


def known(facts: ShardStore, *, limits: str) -> Keys:
    """Return the contents that need no decoding: decoded ones, and failures under the same limits."""
    import pyarrow.compute as pc

    table = facts.table().select([KEY, REASON, LIMITS])
    if table[REASON].null_count == len(table):  # the usual case
        return Keys.of(table[KEY])
    lost = table.filter(pc.is_valid(table[REASON])).to_pylist()
    decoded = Keys.of(table.filter(pc.is_null(table[REASON]))[KEY])
    return decoded | Keys.of(row[KEY] for row in lost if row[LIMITS] == limits)


def failures(
    facts: ShardStore,
    keys: "Iterable[bytes] | pa.Array | pa.ChunkedArray",
    *,
    limits: str = "",
    skip_damaged: bool = False,
) -> dict[bytes, str]:
    """Return content hash -> reason for those of `keys` that could not be decoded.

    If a content failed under several limits, the reason is that of `limits`. With `skip_damaged` also those
    that are damaged, though they could be decoded in part.
    """
    import pyarrow.compute as pc

    table = facts.table().select([KEY, REASON, LIMITS])
    wanted = Keys.of(keys)
    told = damaged_contents(facts) if skip_damaged else {}
    damaged = {key: told[key] for key in Keys.of(told) & wanted}
    if table[REASON].null_count == len(table):  # the usual case
        return damaged
    lost = table.filter(pc.is_valid(table[REASON]))
    wanted = (Keys.of(lost[KEY]) & wanted) - Keys.of(table.filter(pc.is_null(table[REASON]))[KEY])
    rows = lost.filter(booleans(wanted.mask(lost[KEY]))).to_pylist()
    rows.sort(key=lambda row: row[LIMITS] == limits)  # the last one wins
    return {row[KEY]: row[REASON] for row in rows} | damaged


def damaged_contents(facts: ShardStore) -> dict[bytes, str]:
    """Return content hash -> what is wrong, for contents that were decoded in part."""
    return {key: noted["_reason"] for key, noted in _noted(facts, "damage").items() if "_reason" in noted}


def remade(facts: ShardStore) -> Keys:
    """Return the contents of which decoders before `decode.PIXELS_VERSION` gave other pixels."""
    return Keys.of(key for key, noted in _noted(facts, "_remade").items() if noted.get("_remade"))


def _noted(facts: ShardStore, name: str) -> dict[bytes, dict[str, Any]]:
    """Return content hash -> facts of the contents that have a rare one: only theirs are parsed.

    Raises:
        StoreError: a shard is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = facts.table().select([KEY, FACTS])
    try:
        table.validate(full=True)  # the search below would follow damaged offsets out of the file
    except pa.ArrowInvalid as error:
        raise damage_error(facts.folder, error) from error
    found = table.filter(pc.match_substring(table[FACTS], f'"{name}": '))
    return _parsed(found)


def read(facts: ShardStore, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
    """Return content hash -> facts for those of `keys` that were decoded."""
    return _parsed(_of(facts.table().select([KEY, FACTS]), keys))


def read_columns(facts: ShardStore, keys: "pa.Array") -> dict[str, Values]:
    """Return the facts of (n,) contents that were decoded, by column, without Clipper's own notes.

    Raises:
        StoreError: a content has no facts.
    """
    import pyarrow.compute as pc

    table = facts.table().select([KEY, FACTS])
    if table[FACTS].null_count:
        table = table.filter(pc.is_valid(table[FACTS]))
    _, where = facts.positions(keys, among=table)
    blocks = (where[start : start + BLOCK] for start in range(0, len(where), BLOCK))
    found = columns_of_json(table[FACTS].take(integers(rows)) for rows in blocks)
    return {name: values for name, values in found.items() if name not in NOTES}


def whole_numbers(known: Mapping[str, Values], name: str, count: int) -> "np.ndarray":
    """Return a fact of all contents, (count,) int64: 0 for one without it, as when there are no contents."""
    import numpy as np

    return known[name].spread(count) if name in known else np.zeros(count, np.int64)


def _parsed(table: "pa.Table") -> dict[bytes, dict[str, Any]]:
    rows = list(zip(table[KEY].to_pylist(), table[FACTS].to_pylist(), strict=True))
    # Rows of this version come first in a store, so they are taken last.
    return {key: json.loads(text) for key, text in reversed(rows) if text is not None}


def _of(table: "pa.Table", keys: Sequence[bytes]) -> "pa.Table":
    """Return the rows of some keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table[KEY], value_set=pa.array(keys, pa.binary(16))))
