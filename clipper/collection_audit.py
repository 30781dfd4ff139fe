"""Whether a published collection answers as it must: its rows are the parts', its vectors the stored ones.

Run in a process of its own: Chroma reads an index natively, and one that is damaged may end the process. What
does not belong here: files (`soundness.py`).
"""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from clipper import embeddings
from clipper.collecting import stored_rows
from clipper.collection import Collection, address_of
from clipper.collection_build import BATCH, Rows
from clipper.errors import StoreError
from clipper.home import Home
from clipper.self_search import search_themselves
from clipper.snapshots import Snapshot

# Two vectors are equal up to this in each number.
EQUAL = 1e-5


def problems(home: Home, snapshot: Snapshot) -> list[str]:
    """What is wrong with the published collection, in words; nothing when it is sound."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_problems, home.folder, snapshot).result()
        except BrokenProcessPool:
            return ["Chroma cannot open it: the process ends"]


def _problems(folder: Path, snapshot: Snapshot) -> list[str]:
    home = Home(folder)
    vectors = embeddings.of_model(home, snapshot.embeddings, snapshot.model)
    rows = stored_rows(home, snapshot.parts, vectors, key=snapshot.embeddings)
    try:
        collection = Collection(address_of(home, snapshot.parts["collection"]))
        try:
            return list(_differences(collection, rows))
        finally:
            collection.close()
    except StoreError as error:
        return [str(error)]


def _differences(collection: Collection, rows: Rows) -> Iterator[str]:
    if (count := collection.count()) != len(rows.ids):
        yield f"Chroma has {count:,} rows instead of {len(rows.ids):,}"
    wrong = {"metadata": 0, "vectors": 0, "images": 0}
    for start in range(0, len(rows.ids), BATCH):
        for name, more in _wrong(collection, rows, range(start, min(start + BATCH, len(rows.ids)))).items():
            wrong[name] += more
    for name, more in wrong.items():
        if more:
            yield f"{more:,} rows of Chroma have other {name} than the store"
    found = search_themselves(collection, rows.ids, lambda chosen: rows.vectors[list(chosen)])
    if not found.passed:
        yield f"only {found.share:.2%} of the images find themselves"


def _alike(told: Any, stored: Any) -> bool:
    """Equal, but for the last digit of a float, which Chroma may lose."""
    if isinstance(stored, Mapping):
        return told.keys() == stored.keys() and all(_alike(told[key], stored[key]) for key in stored)
    if isinstance(stored, list):
        return len(told) == len(stored) and all(map(_alike, told, stored))
    if isinstance(stored, float):
        return isinstance(told, float) and math.isclose(told, stored, rel_tol=1e-12)
    return type(told) is type(stored) and bool(told == stored)


def _wrong(collection: Collection, rows: Rows, part: range) -> dict[str, int]:
    import numpy as np

    got = collection.get([rows.ids[i] for i in part], vectors=True)
    place = {image_id: at for at, image_id in enumerate(got["ids"])}
    there = [i for i in part if rows.ids[i] in place]
    at = [place[rows.ids[i]] for i in there]
    other = sum(not _alike(got["metadatas"][a], rows.metadata[i]) for i, a in zip(there, at, strict=True))
    stored = np.asarray(got["embeddings"], np.float32).reshape(len(got["ids"]), -1)
    apart = np.abs(stored[at] - rows.vectors[there]).max(axis=1, initial=0.0) > EQUAL
    return {"metadata": other, "vectors": int(apart.sum()), "images": len(part) - len(there)}
