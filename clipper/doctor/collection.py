"""Check that a published collection has the rows of the parts and the stored vectors, and finds its images.

This runs in a child process: Chroma reads an index with native code, which a damaged index may end. What
does not belong here: files (`doctor/files.py`).
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clipper.chroma.collection import Collection
from clipper.chroma.rows import Rows
from clipper.chroma.self_search import EQUAL, search_themselves
from clipper.chroma.shards import Shards, open_version
from clipper.errors import StoreError
from clipper.indexing.collect import stored_rows
from clipper.sandbox.process import ChildDied, Sandbox
from clipper.store import embeddings
from clipper.store.home import Home
from clipper.store.snapshots import Snapshot

# No collection takes so long: this ends only a check that would never end.
MAX_SECONDS = 86_400


def problems(home: Home, snapshot: Snapshot) -> list[str]:
    """Return what is wrong with the published collection, in words; an empty list if nothing is."""
    asked = {"home": str(home.folder), "parts": dict(snapshot.parts)}
    asked |= {"key": snapshot.embeddings, "model": dict(snapshot.model)}
    if home.copy:  # the child has no credentials
        home.copy.fetch_collection(snapshot.parts["collection"])
    with Sandbox(answer, seconds=MAX_SECONDS, memory=None) as sandbox:
        try:
            answered, _ = sandbox.ask(asked)
        except ChildDied as died:
            if died.crashed:
                return ["Chroma cannot open it: the process ends"]
            answered = {"error": "its process ran out of memory or of time"}
    if "error" in answered:  # not known to be damaged, so it must not be deleted
        raise StoreError(f"the collection of {home.name} could not be examined ({answered['error']})")
    return list(answered["problems"])


def answer(asked: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Answer in the child: a snapshot's `home`, `parts`, `key` and `model` in, `problems` or `error` out."""
    home = Home(Path(asked["home"]))
    try:
        vectors = embeddings.of_model(home, asked["key"], asked["model"])
        rows = stored_rows(home, asked["parts"], vectors)
        return {"problems": _problems(home, asked["parts"]["collection"], rows)}, []
    except MemoryError:  # else the child would end as if the index were damaged
        return {"error": "it needs more memory than there is"}, []


def _problems(home: Home, version: str, rows: Rows) -> list[str]:
    try:
        collection = open_version(home, version)
        try:
            return list(_differences(collection, rows))
        finally:
            collection.close()
    except StoreError as error:
        return [str(error)]


def _differences(collection: Collection | Shards, rows: Rows) -> Iterator[str]:
    import numpy as np

    if (count := collection.count()) != len(rows):
        yield f"Chroma has {count:,} rows instead of {len(rows):,}"
    wrong = {"metadata": 0, "vectors": 0, "images": 0}
    for start in range(0, len(rows), rows.at_once):
        part = range(start, min(start + rows.at_once, len(rows)))
        for name, more in _wrong(collection, rows, part).items():
            wrong[name] += more
    for name, more in wrong.items():
        if more:
            yield f"{more:,} rows of Chroma have other {name} than the store"
    found = search_themselves(
        collection, rows.ids, rows.contents, lambda chosen: rows.vectors[np.asarray(chosen)]
    )
    if not found.passed:
        yield f"only {found.share:.2%} of the images find themselves"


def _alike(read: Any, stored: Any) -> bool:
    """Compare a value of Chroma with the stored one; Chroma may lose the last digit of a float."""
    if isinstance(stored, Mapping):
        return read.keys() == stored.keys() and all(_alike(read[key], stored[key]) for key in stored)
    if isinstance(stored, list):
        return len(read) == len(stored) and all(map(_alike, read, stored))
    if isinstance(stored, float):
        return isinstance(read, float) and math.isclose(read, stored, rel_tol=1e-12)
    return type(read) is type(stored) and bool(read == stored)


def _wrong(collection: Collection | Shards, rows: Rows, part: range) -> dict[str, int]:
    import numpy as np

    ids, vectors, metadata = rows.batch(np.asarray(part))
    got = collection.get(ids, vectors=True)
    place = {image_id: at for at, image_id in enumerate(got["ids"])}
    there = [i for i, image_id in enumerate(ids) if image_id in place]
    at = [place[ids[i]] for i in there]
    other = sum(not _alike(got["metadatas"][a], metadata[i]) for i, a in zip(there, at, strict=True))
    stored = np.asarray(got["embeddings"], np.float32).reshape(len(got["ids"]), -1)
    apart = np.abs(stored[at] - vectors[there]).max(axis=1, initial=0.0) > EQUAL
    return {"metadata": other, "vectors": int(apart.sum()), "images": len(part) - len(there)}
