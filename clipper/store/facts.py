"""Results of decoding, keyed by content hash: facts or the reason of a failure, and thumbnails.

What does not belong here: decoding itself (`images/decode.py`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from clipper.images.decode import DECODER_VERSION, NOTES
from clipper.images.exif import EXIF_VERSION
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.images.picture.measures import MEASURES as NAMES_OF_MEASURES
from clipper.images.picture.signature import SIGNATURE_BYTES, SIGNATURE_VERSION
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


def read_measures(measures: ShardStore, keys: Sequence[bytes]) -> "dict[str, np.ndarray]":
    """Return each measure of contents, (n,) float32 in the order of `keys`; NaN if it was not measured."""
    import numpy as np

    table = _of(measures.table(), keys)
    known = {
        key: json.loads(text)
        for key, text in zip(*(table[name].to_pylist() for name in (KEY, MEASURES)), strict=True)
        if text is not None
    }
    none: dict[str, float] = {}
    return {
        name: np.array([known.get(key, none).get(name, np.nan) for key in keys], np.float32)
        for name in NAMES_OF_MEASURES
    }


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


def without_signature(signatures: ShardStore) -> set[bytes]:
    """Return the contents whose row has no signature: they could not be decoded again to make one."""
    import pyarrow.compute as pc

    table = signatures.table()
    return set(table.filter(pc.is_null(table[SIGNATURE]))[KEY].to_pylist())


def row(key: bytes, *, facts: str | None, reason: str | None, limits: str) -> dict[str, object]:
    """Make a row to append."""
    return {KEY: key, FACTS: facts, REASON: reason, LIMITS: limits}


def known(facts: ShardStore, *, limits: str) -> set[bytes]:
    """Return the contents that need no decoding: decoded ones, and failures under the same limits."""
    rows = _columns(facts, KEY, REASON, LIMITS)
    return {key for key, reason, under in rows if reason is None or under == limits}


def failures(
    facts: ShardStore, keys: Iterable[bytes], *, limits: str = "", skip_damaged: bool = False
) -> dict[bytes, str]:
    """Return content hash -> reason for those of `keys` that could not be decoded.

    If a content failed under several limits, the reason is that of `limits`. With `skip_damaged` also those
    that are damaged, though they could be decoded in part.
    """
    import pyarrow.compute as pc

    table = facts.table().select([KEY, REASON, LIMITS])
    wanted = keys if isinstance(keys, AbstractSet) else set(keys)
    told = damaged_contents(facts) if skip_damaged else {}
    damaged = {key: reason for key, reason in told.items() if key in wanted}
    lost = table.filter(pc.is_valid(table[REASON]))
    if not len(lost):  # the usual case, and there may be millions of keys
        return damaged
    good = set(_of(table.filter(pc.is_null(table[REASON])), lost[KEY].to_pylist())[KEY].to_pylist())
    wanted = wanted - good
    rows = [row for row in lost.to_pylist() if row[KEY] in wanted]
    rows.sort(key=lambda row: row[LIMITS] == limits)  # the last one wins
    return {row[KEY]: row[REASON] for row in rows} | damaged


def damaged_contents(facts: ShardStore) -> dict[bytes, str]:
    """Return content hash -> what is wrong, for contents that were decoded in part."""
    return {key: noted["_reason"] for key, noted in _noted(facts, "damage").items() if "_reason" in noted}


def remade(facts: ShardStore) -> set[bytes]:
    """Return the contents of which decoders before `decode.PIXELS_VERSION` gave other pixels."""
    return {key for key, noted in _noted(facts, "_remade").items() if noted.get("_remade")}


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


def without_notes(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts that are columns: without Clipper's own notes (`decode.NOTES`)."""
    return {name: value for name, value in facts.items() if name not in NOTES}


def _parsed(table: "pa.Table") -> dict[bytes, dict[str, Any]]:
    rows = list(zip(table[KEY].to_pylist(), table[FACTS].to_pylist(), strict=True))
    # Rows of this version come first in a store, so they are taken last.
    return {key: json.loads(text) for key, text in reversed(rows) if text is not None}


def _of(table: "pa.Table", keys: Sequence[bytes]) -> "pa.Table":
    """Return the rows of some keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table[KEY], value_set=pa.array(keys, pa.binary(16))))


def _columns(facts: ShardStore, *names: str) -> Iterator[tuple[Any, ...]]:
    """Return the values of some columns, row by row."""
    table = facts.table()
    return zip(*(table[name].to_pylist() for name in names), strict=True)
