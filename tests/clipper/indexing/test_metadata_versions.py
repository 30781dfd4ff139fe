"""The versions of metadata made from columns are those that an earlier Clipper made from rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clipper.columns import json_rows
from clipper.hashing import digest
from clipper.images.exif import LATITUDE, LONGITUDE
from clipper.indexing import metadata
from clipper.store import gps
from clipper.store.columns.entries import Entries, Entry
from clipper.store.home import Home
from clipper.store.shards import KEY


def members(count: int) -> Entries:
    names = ['quoted "name".jpg', "größe.jpg", *(f"{number}.jpg" for number in range(count - 2))]
    return Entries.of(Entry(name, bytes([at] * 16), 10, 20) for at, name in enumerate(names[:count]))


@pytest.mark.parametrize("block", [2, 100])
def test_the_version_with_coordinates_is_that_of_rows(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(metadata, "BLOCK", block)
    known = [(48.137154, 11.5761), None, (10.0, -0.0), (1e-7, 1e22), None]
    columns = {
        name: pa.array([place[at] if place else None for place in known], pa.float64())
        for at, name in enumerate((LATITUDE, LONGITUDE))
    }
    rows = [
        (entry.id, entry.content_hash.hex(), {LATITUDE: place[0], LONGITUDE: place[1]} if place else None)
        for entry, place in zip(members(5), known, strict=True)
    ]
    assert digest(metadata._identity(members(5), columns)) == digest(rows)
    assert digest(metadata._identity(members(5), {})) == digest(
        json_rows(members(5).ids, members(5).keys, None)
    )


def test_coordinates_are_read_for_each_content_that_is_asked_for(tmp_path: Path):
    home = Home(tmp_path)
    keys = [bytes([at] * 16) for at in range(4)]
    asked = pa.array([keys[2], keys[0], keys[2], keys[3]], pa.binary(16))
    found = gps.read(gps.store(home), asked)
    assert [column.to_pylist() for column in found] == [[None] * 4] * 2
    for key, place in zip(keys, [(1.5, 2.5), (3.0, 4.0), (5.0, 6.0)], strict=False):
        gps.store(home).append([{KEY: key, LATITUDE: place[0], LONGITUDE: place[1]}])
    gps.store(home).append([{KEY: keys[3], LATITUDE: None, LONGITUDE: None}])
    latitude, longitude = gps.read(gps.store(home), asked)
    assert latitude.to_pylist() == [5.0, 1.5, 5.0, None]
    assert longitude.to_pylist() == [6.0, 2.5, 6.0, None]
    assert np.isnan(latitude.to_numpy(zero_copy_only=False)).sum() == 1
