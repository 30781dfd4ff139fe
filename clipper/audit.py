"""Whether the staged parts are right: each audit is one finding that a person can read.

What does not belong here: mending anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clipper import embeddings
from clipper.frame import Frame, describe
from clipper.projecting import WAY_OUT
from clipper.tables import read_made_of, read_parquet
from clipper.workspace import Workspace

NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Finding:
    """Whether something holds, in words and figures."""

    passed: bool
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def counts(work: Workspace) -> Finding:
    """Whether metadata, projection and Chroma hold the ids of the usable images, no more and no less."""
    from clipper.collection import Collection, address_of

    wanted = {entry.id for entry in work.members()}
    staged = work.home.staged_entries()
    held = {
        name: set(read_parquet(work.home.part(name, staged[name]))["id"].to_pylist())
        for name in ("metadata", "projection")
    }
    collection = Collection(address_of(work.home, staged["collection"]))
    try:
        held["collection"] = set(collection.get()["ids"])
    finally:
        collection.close()
    wrong = {name: len(ids ^ wanted) for name, ids in held.items() if ids != wanted}
    told = ", ".join(f"{name} differs in {count} ids" for name, count in wrong.items())
    figures = {"images": len(wanted), **{name: len(ids) for name, ids in held.items()}}
    return Finding(not wrong, told or f"{len(wanted)} images in every part", figures)


def norms(work: Workspace) -> Finding:
    """Whether the vectors of the images in the manifest are finite and of length 1."""
    import numpy as np

    _, _, store = work.embeddings()
    _, manifest = work.manifest()
    there = store.keys()
    vectors = embeddings.read(store, [key for key in manifest.hashes() if key in there])
    if not len(vectors):
        return Finding(passed=True, description="no vectors")
    off = np.abs(np.linalg.norm(vectors, axis=1) - 1.0)
    worst = float(np.nan_to_num(off, nan=np.inf).max())
    return Finding(
        worst <= NORM_TOLERANCE, f"the largest deviation from 1 is {worst:.1e}", {"vectors": len(vectors)}
    )


def finite(work: Workspace) -> Finding:
    """Whether every image has a finite place."""
    import numpy as np

    version = work.home.require("projection", "umap_projection")
    table = read_parquet(work.home.part("projection", version))
    places = np.stack([table[axis].to_numpy() for axis in ("x", "y")], axis=1)
    lost = int((~np.isfinite(places)).any(axis=1).sum())
    return Finding(lost == 0, f"{lost} of {len(places)} points have no finite place", {"points": len(places)})


def map_quality(work: Workspace) -> Finding:
    """Whether the map, as it was last fitted, still serves what is on it by now."""
    version = work.home.require("projection", "umap_projection")
    state = Frame.of(read_made_of(work.home.part("projection", version))["state"])
    if not state.due:
        return Finding(passed=True, description="the map serves as it is", figures=state.figures)
    return Finding(
        passed=False, description=f"{'; '.join(describe(state))}. {WAY_OUT}", figures=state.figures
    )
