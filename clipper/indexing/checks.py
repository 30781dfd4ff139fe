"""Whether the staged parts are right: each audit is one finding that a person can read.

What does not belong here: mending anything.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipper.chroma.self_search import search_themselves
from clipper.indexing.project import WAY_OUT
from clipper.indexing.workspace import Workspace
from clipper.projection.quality import Frame, describe
from clipper.store import embeddings, facts
from clipper.store.tables import read_made_of, read_parquet

MOST_FAILURES = 0.05
_SHOWN_GROUPS, _SHOWN_FILES = 50, 8


@dataclass(frozen=True)
class Finding:
    """Whether something holds, in words and figures."""

    passed: bool
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()


def counts(work: Workspace) -> Finding:
    """Whether metadata, projection and Chroma hold the ids of the usable images, no more and no less."""
    from clipper.chroma.collection import Collection, address_of

    wanted = {entry.id for entry in work.members()}
    staged = work.home.staged_entries()
    held = {
        name: set(read_parquet(work.home.part(name, staged[name]))["id"].to_pylist())
        for name in ("metadata", "projection")
    }
    collection = Collection(address_of(work.home, staged["collection"]))
    try:
        held["collection"] = set(collection.ids())
    finally:
        collection.close()
    wrong = {name: len(ids ^ wanted) for name, ids in held.items() if ids != wanted}
    told = ", ".join(f"{name} differs in {count} ids" for name, count in wrong.items())
    figures = {"images": len(wanted), **{name: len(ids) for name, ids in held.items()}}
    return Finding(not wrong, told or f"{len(wanted)} images in every part", figures)


def norms(work: Workspace) -> Finding:
    """Whether the vectors of the images in the manifest are finite and of length 1."""
    _, _, store = work.embeddings()
    _, manifest = work.manifest()
    there = store.keys()
    vectors = embeddings.read(store, [key for key in manifest.hashes() if key in there])
    if not len(vectors):
        return Finding(passed=True, description="no vectors")
    worst = embeddings.deviation(vectors)
    told = f"the largest deviation from 1 is {worst:.1e}"
    return Finding(worst <= embeddings.NORM_TOLERANCE, told, {"vectors": len(vectors)})


def finite(work: Workspace) -> Finding:
    """Whether every image has a finite place."""
    import numpy as np

    version = work.home.require("projection", "umap_projection")
    table = read_parquet(work.home.part("projection", version))
    places = np.stack([table[axis].to_numpy() for axis in ("x", "y")], axis=1)
    lost = int((~np.isfinite(places)).any(axis=1).sum())
    return Finding(lost == 0, f"{lost} of {len(places)} points have no finite place", {"points": len(places)})


def search(work: Workspace) -> Finding:
    """Whether a sample of images, evenly spread over their ids, finds itself first in Chroma."""
    from clipper.chroma.collection import Collection, address_of

    projection = work.home.require("projection", "umap_projection")
    table = read_parquet(work.home.part("projection", projection))
    ids, keys = table["id"].to_pylist(), table["content_hash"].to_pylist()
    _, _, store = work.embeddings()
    collection = Collection(address_of(work.home, work.home.require("collection", "chroma_collection")))
    try:
        found = search_themselves(
            collection, ids, lambda rows: embeddings.read(store, [keys[row] for row in rows])
        )
    finally:
        collection.close()
    return Finding(
        found.passed,
        f"{found.sampled - len(found.missed):,} of {found.sampled:,} images find themselves first"
        + (f"; not {_some([ids[row] for row in found.missed])}" if found.missed else ""),
        {"images": found.images, "sampled": found.sampled, "share": round(found.share, 4)},
    )


def failures(work: Workspace) -> Finding:
    """Whether only a few files could not be used, with a row for each kind of reason."""
    _, manifest = work.manifest()
    bad = facts.failures(work.facts, manifest.hashes(), limits=work.settings.limits)
    passed_over = set(work.home.staged_entries().get("passed_over", []))
    reasons = [*manifest.unreadable.values()]
    for entry in manifest.entries:
        if entry.content_hash in bad:
            reasons.append(bad[entry.content_hash])
        elif entry.id in passed_over:
            reasons.append("vanished while it was being read")
    files = len(manifest.entries) + len(manifest.unreadable)
    share = len(reasons) / files if files else 0.0
    # Sizes and counts differ from file to file; the kind of reason is what is left without them.
    kinds = Counter(re.sub(r"\d[\d,.]*", "N", reason) for reason in reasons)
    return Finding(
        share <= MOST_FAILURES,
        f"{len(reasons):,} of {files:,} files could not be used ({share:.1%}, {MOST_FAILURES:.0%} pass)",
        {"files": files, "failed": len(reasons), "share": round(share, 4)},
        [{"reason": reason, "files": count} for reason, count in kinds.most_common()],
    )


def duplicates(work: Workspace) -> Finding:
    """How many files are copies of another, byte for byte, with a row for each of the largest groups."""
    _, manifest = work.manifest()
    groups: dict[bytes, list[str]] = defaultdict(list)
    for entry in manifest.entries:
        groups[entry.content_hash].append(entry.id)
    several = sorted((ids for ids in groups.values() if len(ids) > 1), key=len, reverse=True)
    copies = sum(len(ids) - 1 for ids in several)
    return Finding(
        passed=True,
        description=f"{copies:,} of {len(manifest.entries):,} files are copies of another",
        figures={"files": len(manifest.entries), "copies": copies, "groups": len(several)},
        rows=[{"files": len(ids), "names": _some(ids)} for ids in several[:_SHOWN_GROUPS]],
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
    return ", ".join(names[:_SHOWN_FILES]) + more


def map_quality(work: Workspace) -> Finding:
    """Whether the map, as it was last fitted, still serves what is on it by now."""
    version = work.home.require("projection", "umap_projection")
    state = Frame.of(read_made_of(work.home.part("projection", version))["state"])
    if not state.due:
        return Finding(passed=True, description="the map serves as it is", figures=state.figures)
    return Finding(
        passed=False, description=f"{'; '.join(describe(state))}. {WAY_OUT}", figures=state.figures
    )
