"""Whether the staged parts are right: each audit is one finding that a person can read.

What does not belong here: mending anything.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipper import embeddings, facts
from clipper.frame import Frame, describe
from clipper.projecting import WAY_OUT
from clipper.tables import read_made_of, read_parquet
from clipper.workspace import Workspace

NORM_TOLERANCE = 1e-3
SAMPLE = 1_000
# Of a large sample; the graph may miss one in a thousand, of a small dataset none.
WANTED_HITS = 0.999
SAME_VECTOR = 1e-5
MOST_FAILURES = 0.05
_SHOWN_GROUPS, _SHOWN_FILES = 50, 8
_BATCH = 200


@dataclass(frozen=True)
class Finding:
    """Whether something holds, in words and figures."""

    passed: bool
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()


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
        held["collection"] = set(collection.ids())
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


def search(work: Workspace) -> Finding:
    """Whether a sample of images, evenly spread over their ids, finds itself first in Chroma.

    Another image of the same vector, to 1e-5 of cosine similarity, is as good: a copy, or a blank one.
    """
    projection = work.home.require("projection", "umap_projection")
    table = read_parquet(work.home.part("projection", projection)).select(["id", "content_hash"]).to_pydict()
    keys = dict(zip(table["id"], table["content_hash"], strict=True))
    step = max(1, -(-len(keys) // SAMPLE))
    sample = table["id"][::step]
    found = _nearest(work, [keys[image_id] for image_id in sample])
    lost = _not_same(work, [keys[i] for i in sample], [keys.get(i) for i in found])
    lost_ids = [sample[row] for row in lost]
    share = 1 - len(lost) / len(sample)
    return Finding(
        share >= WANTED_HITS if len(keys) >= SAMPLE else not lost,
        f"{len(sample) - len(lost):,} of {len(sample):,} images find themselves first"
        + (f"; not {', '.join(lost_ids[:_SHOWN_FILES])}" if lost else ""),
        {"images": len(keys), "sampled": len(sample), "share": round(share, 4)},
    )


def failures(work: Workspace) -> Finding:
    """Whether only a few files could not be used, with a row for each kind of reason."""
    _, manifest = work.manifest()
    bad = facts.failures(work.facts, manifest.hashes())
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


def _nearest(work: Workspace, keys: Sequence[bytes]) -> list[str]:
    """The id that Chroma finds first for each content's vector; empty where it finds none."""
    from clipper.collection import Collection, address_of

    _, _, store = work.embeddings()
    vectors = embeddings.read(store, keys)
    version = work.home.require("collection", "chroma_collection")
    collection = Collection(address_of(work.home, version))
    try:
        batches = [vectors[start : start + _BATCH] for start in range(0, len(vectors), _BATCH)]
        found = [ids for batch in batches for ids in collection.nearest_many(batch, k=1)]
    finally:
        collection.close()
    return [ids[0] if ids else "" for ids in found]


def _not_same(work: Workspace, wanted: Sequence[bytes], found: Sequence[bytes | None]) -> list[int]:
    """The rows where what was found has another vector than what was wanted."""
    rows = [row for row, (w, f) in enumerate(zip(wanted, found, strict=True)) if w != f]
    there = [row for row in rows if found[row] is not None]
    _, _, store = work.embeddings()
    left = embeddings.read(store, [wanted[row] for row in there])
    right = embeddings.read(store, [found[row] or b"" for row in there])
    similar = (left * right).sum(axis=1) >= 1 - SAME_VECTOR
    same = {row for row, alike in zip(there, similar, strict=True) if alike}
    return [row for row in rows if row not in same]


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
