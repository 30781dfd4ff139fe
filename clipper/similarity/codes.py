"""The int8 copy of the vectors on disk, a quarter of their bytes: what a search reads of all images.

A vector `x` is kept as `center + scale * spread * code`: center and spread, the mean and the deviation of
each dimension, are those of its pack; scale is its own. `error` is the measured distance of that from `x`: a
similarity is never further off than the length of the query times it. A pack covers whole shards of vectors,
which never change, so it holds as long as they are there. It can be made again from them at any time. What
does not belong here: comparing (`similarity/scan.py`).
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.errors import StoreError
from clipper.store.embeddings import VECTOR
from clipper.store.shards import ENDING, read_shard, verify_shard, write_shard
from clipper.system import delete_unless_open

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FOLDER = "codes"  # beside the shards of the vectors
CODES_VERSION = "1"  # raise it when the same vectors would give other codes
# Fewer vectors are compared as they are, in a few milliseconds.
LEAST_ROWS = 32_768
# Rows in a pack: 134 MB at 512 dimensions. Packs of fewer than half are joined when there are many.
PACK_ROWS, MANY_SMALL = 262_144, 8
_MOST = 127  # the largest code
_LEAST_SPREAD = 0.1  # of the usual deviation: a dimension that hardly varies shall not decide the scale
_BLOCK = 8_192  # rows encoded at a time
_ROUNDING = 1e-6  # by which an error is lifted, as it is itself rounded
_VERSION, _SHARDS, _CENTER, _SPREAD = b"codes_version", b"shards", b"center", b"spread"


@dataclass(frozen=True)
class Pack:
    """The codes of some shards, memory-mapped; row i of all belongs together."""

    path: Path
    shards: Mapping[str, int]  # the rows of each shard it covers, by name, in the order of its rows
    codes: "np.ndarray"  # (n, d) int8
    scales: "np.ndarray"  # (n,) float32
    errors: "np.ndarray"  # (n,) float32: the distance of each vector from what its code says
    center: "np.ndarray"  # (d,) float32
    spread: "np.ndarray"  # (d,) float32

    def __len__(self) -> int:
        return len(self.codes)


def read_packs(embeddings: Path) -> list[Pack]:
    """Open the packs in a folder of vectors. One that is damaged, or of another version, is left out.

    Without a pack a search is slower and finds the same, so damage ends nothing: `clipper doctor` reports it,
    and a run makes the pack again.
    """
    packs = []
    for path in sorted((embeddings / FOLDER).glob(f"[!.]*{ENDING}")):
        try:
            packs.append(open_pack(path))
        except (FileNotFoundError, StoreError):
            continue  # a run replaced it meanwhile, or see above
    return packs


def open_pack(path: Path) -> Pack:
    """Open a pack, memory-mapped.

    Raises:
        FileNotFoundError: it is gone.
        StoreError: it is damaged, or of another version.
    """
    table = read_shard(path)
    told = table.schema.metadata or {}
    if told.get(_VERSION) != CODES_VERSION.encode():
        raise StoreError(f"{path} is of another version; run `clipper index` to make it again")
    try:
        shards = {str(name): int(rows) for name, rows in json.loads(told[_SHARDS])}
        center, spread = _floats(told[_CENTER]), _floats(told[_SPREAD])
        codes, scales, errors = (_column(table, name) for name in ("codes", "scale", "error"))
        pack = Pack(path, shards, codes.reshape(len(table), len(center)), scales, errors, center, spread)
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); run `clipper index` to make it again") from error
    if sum(shards.values()) != len(table) or len(spread) != len(center):
        raise StoreError(f"{path} is damaged; run `clipper index` to make it again")
    return pack


def update(embeddings: Path, *, least: int | None = None) -> int:
    """Make the codes of vectors that have none, and drop those of vectors that are gone; return how many new.

    The caller must hold the home's lock. Readers keep what they have open.

    Args:
        embeddings: the folder of one model's vectors.
        least: for fewer vectors none are made; None: `LEAST_ROWS`.

    Raises:
        StoreError: a shard of vectors is damaged.
    """
    folder = embeddings / FOLDER
    for left in folder.glob(".*.tmp"):  # of a run that was killed
        left.unlink(missing_ok=True)
    names = sorted(path.name for path in embeddings.glob(f"[!.]*{ENDING}"))
    kept, small = _sound(read_packs(embeddings), set(names))
    if len(small) <= MANY_SMALL:
        kept, small = [*kept, *small], []
    covered = {name for pack in kept for name in pack.shards}
    wanted = [name for name in names if name not in covered]
    tables = {name: read_shard(embeddings / name) for name in wanted}
    if not kept and sum(map(len, tables.values())) < (LEAST_ROWS if least is None else least):
        tables = {}
    made = {write_pack(folder, part) for part in _parts(tables)}
    used = made | {pack.path.name for pack in kept}
    del small, kept
    for path in folder.glob(f"[!.]*{ENDING}"):
        if path.name not in used:
            delete_unless_open(path)
    return sum(map(len, tables.values()))


def verify(path: Path) -> None:
    """Check that a pack is as it was written.

    Raises:
        StoreError: it is damaged.
    """
    verify_shard(path)
    if read_shard(path).schema.metadata.get(_VERSION) == CODES_VERSION.encode():
        open_pack(path)


def write_pack(folder: Path, shards: "Mapping[str, pa.Table]") -> str:
    """Write the codes of some shards, by name, as one pack; return its name."""
    import pyarrow as pa

    blocks = [block for table in shards.values() for block in _blocks(table)]
    d = blocks[0].shape[1]
    center, spread = _distribution(blocks)
    parts = [encode(block, center, spread) for block in blocks]
    columns = [_arrow(part) for part in zip(*parts, strict=True)]
    columns[0] = pa.chunked_array([pa.FixedSizeListArray.from_arrays(c, d) for c in columns[0].chunks])
    told = {
        _VERSION: CODES_VERSION.encode(),
        _SHARDS: json.dumps([[name, len(table)] for name, table in shards.items()]).encode(),
        _CENTER: base64.b64encode(center.tobytes()),
        _SPREAD: base64.b64encode(spread.tobytes()),
    }
    schema = pa.schema(
        [("codes", pa.list_(pa.int8(), d)), ("scale", pa.float32()), ("error", pa.float32())], metadata=told
    )
    return write_shard(folder, pa.table(columns, schema=schema).combine_chunks())


def encode(
    vectors: "np.ndarray", center: "np.ndarray", spread: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Encode vectors (n, d) float32.

    A vector that is not finite has codes of 0 and an infinite error: a search looks at it itself.

    Args:
        vectors: any number.
        center: (d,) float32.
        spread: (d,) float32, positive.

    Returns:
        codes (n, d) int8, scales (n,) float32, errors (n,) float32.
    """
    import numpy as np

    finite = np.isfinite(vectors).all(axis=1)
    within = (np.where(finite[:, None], vectors, center) - center) / spread
    scales = np.abs(within).max(axis=1, initial=0.0) / np.float32(_MOST)
    codes = np.rint(within / np.where(scales > 0, scales, 1)[:, None]).clip(-_MOST, _MOST)
    off = (within - codes * scales[:, None]) * spread
    errors = np.sqrt(np.einsum("ij,ij->i", off, off, dtype=np.float64)) + _ROUNDING
    return codes.astype(np.int8), scales, np.where(finite, errors, np.inf).astype(np.float32)


def _sound(packs: Iterable[Pack], names: set[str]) -> tuple[list[Pack], list[Pack]]:
    """Part the packs of which all shards are there: large ones, and small ones. A shard is in one of them."""
    kept: list[Pack] = []
    small: list[Pack] = []
    seen: set[str] = set()
    for pack in sorted(packs, key=len, reverse=True):
        if pack.shards.keys() <= names and not pack.shards.keys() & seen:
            (small if len(pack) < PACK_ROWS // 2 else kept).append(pack)
            seen |= pack.shards.keys()
    return kept, small


def _parts(tables: "Mapping[str, pa.Table]") -> "Iterator[dict[str, pa.Table]]":
    """Part shards into groups of about `PACK_ROWS` rows; shards of other dimensions are apart."""
    part: dict[str, pa.Table] = {}
    for name, table in sorted(tables.items(), key=lambda item: (_width(item[1]), item[0])):
        other = part and _width(next(iter(part.values()))) != _width(table)
        if part and (other or sum(map(len, part.values())) + len(table) > PACK_ROWS):
            yield part
            part = {}
        if len(table):
            part[name] = table
    if part:
        yield part


def _width(table: "pa.Table") -> int:
    return int(table.schema.field(VECTOR).type.list_size)


def _blocks(table: "pa.Table") -> "Iterator[np.ndarray]":
    for chunk in table[VECTOR].chunks:
        rows = chunk.flatten().to_numpy(zero_copy_only=True).reshape(len(chunk), -1)
        yield from (rows[at : at + _BLOCK] for at in range(0, len(rows), _BLOCK))


def _distribution(blocks: "list[np.ndarray]") -> "tuple[np.ndarray, np.ndarray]":
    """Measure the mean and the deviation of each dimension, (d,) float32; deviations are never 0."""
    import numpy as np

    total, squares, count = np.zeros(blocks[0].shape[1]), np.zeros(blocks[0].shape[1]), 0
    for block in blocks:
        known = block[np.isfinite(block).all(axis=1)]
        total += known.sum(axis=0, dtype=np.float64)
        squares += np.einsum("ij,ij->j", known, known, dtype=np.float64)
        count += len(known)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0.0))
    usual = float(np.sqrt(np.mean(deviation**2)))
    floor = _LEAST_SPREAD * usual if usual > 0 else 1.0
    return mean.astype(np.float32), np.maximum(deviation, floor).astype(np.float32)


def _floats(text: bytes) -> "np.ndarray":
    import numpy as np

    return np.frombuffer(base64.b64decode(text), np.float32)


def _column(table: "pa.Table", name: str) -> "np.ndarray":
    """Return a column of numbers without a copy, (n,) or flattened."""
    column = table[name].combine_chunks() if table[name].num_chunks != 1 else table[name].chunk(0)
    values = column.flatten() if name == "codes" else column
    numbers: np.ndarray = values.to_numpy(zero_copy_only=True)
    return numbers


def _arrow(parts: "Iterable[np.ndarray]") -> "pa.ChunkedArray":
    import pyarrow as pa

    return pa.chunked_array([pa.array(part.ravel()) for part in parts])
