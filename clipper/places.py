"""Where photos were taken, kept by content; apart from all other facts, so that it can be deleted as a whole.

Kept only when the setting `gps` is true: a map that is shown to others must not tell where people live.
What does not belong here: reading EXIF (`exif.py`).
"""

import json
import shutil
from collections.abc import Iterable
from typing import Any

from clipper.exif import EXIF_VERSION, LATITUDE, LONGITUDE
from clipper.home import Home
from clipper.images import encode_facts
from clipper.shards import KEY, ShardStore


def store(home: Home) -> ShardStore:
    """A row for each content that was looked at: its place in degrees, or null where it tells none."""
    import pyarrow as pa

    schema = pa.schema([(KEY, pa.binary(16)), (LATITUDE, pa.float64()), (LONGITUDE, pa.float64())])
    return ShardStore(home.store / "places", schema, made_by=EXIF_VERSION)


def row(key: bytes, facts: str | None) -> dict[str, object]:
    """A row to append, from the facts of a decoding; of one that failed, a row without a place."""
    told = json.loads(facts) if facts else {}
    return {KEY: key, LATITUDE: told.get(LATITUDE), LONGITUDE: told.get(LONGITUDE)}


def without(facts: str) -> str:
    """The same facts, the place taken out."""
    told = json.loads(facts)
    kept = {name: value for name, value in told.items() if name not in (LATITUDE, LONGITUDE)}
    return facts if len(kept) == len(told) else encode_facts(kept)


def read(places: ShardStore, keys: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
    """Content hash -> `latitude` and `longitude`, of those of `keys` that have a place."""
    wanted = set(keys)
    rows = places.table().to_pylist()
    return {
        r[KEY]: {LATITUDE: r[LATITUDE], LONGITUDE: r[LONGITUDE]}
        for r in rows
        if r[KEY] in wanted and r[LATITUDE] is not None
    }


def forget(home: Home) -> None:
    """Delete every place."""
    if (folder := store(home).folder).exists():
        shutil.rmtree(folder)
