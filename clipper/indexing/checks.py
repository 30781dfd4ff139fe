"""Audits of the staged parts: each is one finding that a person can read.

`GATE` has the audits that a version must pass before it is published, whoever runs the steps. What does not
belong here: making a part, and publishing (`indexing/publish.py`).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import TYPE_CHECKING, Any

from clipper.chroma.self_search import search_themselves
from clipper.columns import integers, numbers, rows_of
from clipper.errors import AuditError, StoreError
from clipper.indexing.collect import index_damage
from clipper.indexing.project import WAY_OUT
from clipper.indexing.staging.workspace import VANISHED, Workspace
from clipper.projection.graph import NEIGHBORS_KEPT
from clipper.projection.quality import MapDrift, describe_drift
from clipper.store import embeddings, facts
from clipper.store.columns.keys import Keys
from clipper.store.parts import clusters, neighbors, objects
from clipper.store.staged import ASSETS, OPTIONAL
from clipper.store.tables import read_made_of, read_parquet, verify

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FAILURES = 0.05
_SHOWN_GROUPS, _SHOWN_FILES = 50, 8


@dataclass(frozen=True)
class Finding:
    """The result of an audit, in words and figures; `wrong` names the staged parts that are damaged."""

    passed: bool
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    wrong: Sequence[str] = ()


def files(work: Workspace) -> Finding:
    """Check that the files of the staged parts are as they were written."""
    wrong: dict[str, str] = {}
    for part in work.parts:
        if part in OPTIONAL and not getattr(work.staged, part):
            continue  # switched off, or there are no labels
        path = work.home.part(part, work.require(part))
        try:
            verify(path)
            if part == "neighbours":
                neighbors.verify(path)
            if part == "clusters":
                clusters.verify_clusters(path)
            if part == "objects":
                objects.verify_images(path)
        except StoreError as error:
            wrong[part] = str(error).partition(";")[0]
    if "collection" not in wrong:
        version = work.require("collection")
        if damage := index_damage(work.home, version):
            wrong["collection"] = f"{work.home.part('collection', version, '')}: {damage}"
    found = "; ".join(wrong.values()) or "every file is as it was written"
    return Finding(not wrong, found, wrong=tuple(wrong))


def counts(work: Workspace) -> Finding:
    """Check that metadata, projection and Chroma hold the ids of the usable images, no more and no less."""
    from clipper.chroma.shards import open_version

    wanted = work.members().ids
    held = {
        name: read_parquet(work.home.part(name, work.require(name)))["id"]
        for name in ("metadata", "projection")
    }
    collection = open_version(work.home, work.require("collection"), in_turn=True)
    try:
        held["collection"] = collection.ids()
    finally:
        collection.close()
    distinct = {name: wanted if _are_equal(ids, wanted) else ids.unique() for name, ids in held.items()}
    differing = {name: _differing(ids, wanted) for name, ids in distinct.items()}
    wrong = {name: count for name, count in differing.items() if count}
    found = ", ".join(f"{name} differs in {count} ids" for name, count in wrong.items())
    figures = {"images": len(wanted), **{name: len(ids) for name, ids in distinct.items()}}
    return Finding(not wrong, found or f"{len(wanted)} images in every part", figures, wrong=tuple(wrong))


def norms(work: Workspace) -> Finding:
    """Check that the vectors of the images in the manifest are finite and of length 1."""
    _, _, store = work.embeddings()
    _, manifest = work.manifest()
    vectors = embeddings.MappedVectors(store, manifest.contents & store.keys())
    if not len(vectors):
        return Finding(passed=True, description="no vectors")
    blocks = range(0, len(vectors), embeddings.BLOCK)
    worst = max(embeddings.norm_deviation(vectors[at : at + embeddings.BLOCK]) for at in blocks)
    passed = worst <= embeddings.NORM_TOLERANCE
    found = f"the largest deviation from length 1 is {worst:.1e}"
    return Finding(passed, found, {"vectors": len(vectors)}, wrong=() if passed else ("embeddings",))


def neighbours(work: Workspace) -> Finding:
    """Check that the neighbor graph has a list of enough others for each image, nearest first."""
    import numpy as np

    keys, rows, distances = neighbors.read(work.home.part("neighbours", work.require("neighbours")))
    lacking = len(Keys.of(keys) ^ work.contents())
    own = np.arange(len(keys))[:, None]
    few = (rows >= 0).sum(1) < min(NEIGHBORS_KEPT, len(keys) - 1)
    unordered = (distances[:, 1:] < distances[:, :-1]).any(1) | np.isnan(distances).any(1)
    wrong = few | unordered | (rows == own).any(1) | (rows >= len(keys)).any(1)
    found = [f"it differs in {lacking} images"] if lacking else []
    found += [f"{int(wrong.sum())} of {len(keys)} lists are wrong"] if wrong.any() else []
    return Finding(
        not found,
        "; ".join(found) or f"{len(keys)} lists, nearest first",
        {"images": len(keys)},
        wrong=("neighbours",) if found else (),
    )


def insights(work: Workspace) -> Finding:
    """Check that each insight is about the usable images: about all contents, or about ids among them."""
    members = work.members()
    contents = members.contents
    wrong: dict[str, int] = {}
    rows: dict[str, int] = {}
    for part in (*work.insights, "agreement"):
        version = getattr(work.staged, part)
        table = read_parquet(work.home.part(part, version)) if version else None
        if table is None:
            continue
        rows[part] = len(table)
        if "content_hash" in table.column_names:
            lacking = len(Keys.of(table["content_hash"]) ^ contents)
        else:
            lacking = _missing(table["id"], members.ids) if "id" in table.column_names else 0
        if lacking:
            wrong[part] = lacking
    found = ", ".join(f"{ASSETS[part]} differs in {count} images" for part, count in wrong.items())
    return Finding(
        not wrong, found or "every insight is about the images on the map", rows, wrong=tuple(wrong)
    )


def _are_equal(ids: "pa.ChunkedArray", others: "pa.Array") -> bool:
    """Tell whether two columns hold the same ids in the same order, without making a set."""
    import pyarrow as pa

    return bool(ids.cast(pa.large_string()).equals(pa.chunked_array([others.cast(pa.large_string())])))


def _differing(ids: "pa.Array", others: "pa.Array") -> int:
    """Count the ids that stand in one of two columns only. Each column holds an id once."""
    if ids is others:
        return 0
    extra = _missing(ids, others)
    return extra + len(others) - (len(ids) - extra)


def _missing(ids: "pa.ChunkedArray | pa.Array", among: "pa.ChunkedArray | pa.Array") -> int:
    """Count the distinct ids that do not stand in another column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, among = ids.cast(pa.large_string()), among.cast(pa.large_string())
    return len(ids.filter(pc.invert(pc.is_in(ids, value_set=among))).unique())


def finite(work: Workspace) -> Finding:
    """Check that every image has a finite place."""
    import numpy as np

    table = read_parquet(work.home.part("projection", work.require("projection")))
    places = np.stack([table[axis].to_numpy() for axis in ("x", "y")], axis=1)
    lost = int((~np.isfinite(places)).any(axis=1).sum())
    found = f"{lost} of {len(places)} points have no finite place"
    return Finding(lost == 0, found, {"points": len(places)}, wrong=("projection",) if lost else ())


def search(work: Workspace) -> Finding:
    """Check that a sample of images, evenly spread over their ids, finds itself first in Chroma."""
    from clipper.chroma.shards import open_version

    table = read_parquet(work.home.part("projection", work.require("projection")))
    ids, keys = table["id"].combine_chunks(), table["content_hash"]
    _, _, store = work.embeddings()
    collection = open_version(work.home, work.require("collection"), in_turn=True)
    try:
        found = search_themselves(
            collection, ids, keys, lambda rows: embeddings.read(store, [keys[row].as_py() for row in rows])
        )
    finally:
        collection.close()
    return Finding(
        found.passed,
        f"{found.sampled - len(found.missed):,} of {found.sampled:,} images find themselves first"
        + (f"; not {_some(ids.take(integers(found.missed)).to_pylist())}" if found.missed else ""),
        {"images": found.images, "sampled": found.sampled, "share": round(found.share, 4)},
        wrong=() if found.passed else ("collection",),
    )


# By the name that Dagster shows. Files come first: the other audits read them.
GATE: Mapping[str, Callable[[Workspace], Finding]] = {
    "files_are_as_written": files,
    "counts_agree": counts,
    "vectors_have_norm_one": norms,
    "neighbours_are_others": neighbours,
    "every_point_is_finite": finite,
    "search_finds_itself": search,
    "insights_fit_the_images": insights,
}


def audit(work: Workspace, name: str) -> Finding:
    """Make one audit of `GATE` for each model; condemn a staged part that fails: the next run makes it again.

    Returns:
        the first finding that did not pass; else that of the first model.
    """
    findings = []
    for each in work.each_model():
        finding = _audit(each, name)
        if not finding.passed:
            return finding
        findings.append(finding)
    return findings[0]


def _audit(work: Workspace, name: str) -> Finding:
    finding = GATE[name](work)
    if finding.passed:
        return finding
    lasting = [part for part in finding.wrong if not work.condemn(part)]
    repair = f"`clipper doctor --repair --home {quote(work.home.name)}` makes it again"
    of = f"{work.staged.model['name']}: " if work.is_further else ""
    then = repair if lasting else "the next run makes it again"
    return replace(finding, description=f"{of}{finding.description}; {then}")


def pass_gate(work: Workspace) -> None:
    """Make every audit of `GATE`.

    Raises:
        AuditError: one fails; the message names the part and the way out. Nothing is published.
    """
    for name in GATE:
        finding = audit(work, name)
        if not finding.passed:
            parts = " and ".join(ASSETS[part] for part in finding.wrong)
            raise AuditError(
                f"{parts} failed the check {name}: {finding.description}. The published atlas stays as it is"
            )


def drift(work: Workspace) -> Finding:
    """Check that new images differ from those of the version before by no more than chance."""
    if not work.staged.drift:
        return Finding(passed=True, description="versions are not compared: the setting drift is off")
    told = read_made_of(work.home.part("drift", work.staged.drift))["drift"]
    if not told["compared"]:
        return Finding(passed=True, description="there is no version to compare with")
    figures = {name: told[name] for name in ("new", "gone", "sparse", "p_value")}
    return Finding(not told["drifted"], told["summary"], figures)


def failures(work: Workspace) -> Finding:
    """Check that only a few files could not be used; one row for each kind of reason."""
    import pyarrow as pa

    _, manifest = work.manifest()
    bad = facts.failures(
        work.facts,
        manifest.contents,
        limits=work.settings.limits,
        skip_damaged=work.settings.skips_damaged,
    )
    lost = Keys.of(bad).mask(manifest.entries.keys)
    passed_over = pa.array(work.staged.passed_over, pa.large_string())
    vanished = (rows_of(manifest.entries.ids, passed_over) >= 0) & ~lost
    reasons = [*manifest.unreadable.values()]
    reasons += [bad[entry.content_hash] for entry in manifest.entries.where(lost)]
    reasons += [VANISHED] * int(vanished.sum())
    files = len(manifest.entries) + len(manifest.unreadable)
    share = len(reasons) / files if files else 0.0
    # Reasons that differ only in numbers are of one kind.
    kinds = Counter(re.sub(r"\d[\d,.]*", "N", reason) for reason in reasons)
    return Finding(
        share <= MAX_FAILURES,
        f"{len(reasons):,} of {files:,} files could not be used ({share:.1%}, {MAX_FAILURES:.0%} pass)",
        {"files": files, "failed": len(reasons), "share": round(share, 4)},
        [{"reason": reason, "files": count} for reason, count in kinds.most_common()],
    )


def duplicates(work: Workspace) -> Finding:
    """Count the files that are copies of another, byte for byte; one row for each of the largest groups."""
    import numpy as np
    import pyarrow.compute as pc

    entries = work.manifest()[1].entries
    group = numbers(pc.dictionary_encode(entries.keys).indices)  # numbered in the order of their first files
    sizes = np.bincount(group)
    several = np.flatnonzero(sizes > 1)
    largest = several[np.argsort(-sizes[several], kind="stable")][:_SHOWN_GROUPS]
    rows, ends = np.argsort(group, kind="stable"), np.cumsum(sizes)
    named = [list(entries.take(rows[ends[one] - sizes[one] : ends[one]]).names()) for one in largest.tolist()]
    copies = int((sizes[several] - 1).sum())
    return Finding(
        passed=True,
        description=f"{copies:,} of {len(entries):,} files are copies of another",
        figures={"files": len(entries), "copies": copies, "groups": len(several)},
        rows=[{"files": len(ids), "names": _some(ids)} for ids in named],
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
    return ", ".join(names[:_SHOWN_FILES]) + more


def map_quality(work: Workspace) -> Finding:
    """Check that the map, as it was last fitted, still serves the images that are on it by now."""
    state = MapDrift.from_json(
        read_made_of(work.home.part("projection", work.require("projection")))["state"]
    )
    if not state.due:
        return Finding(passed=True, description="the map serves as it is", figures=state.figures)
    return Finding(
        passed=False, description=f"{'; '.join(describe_drift(state))}. {WAY_OUT}", figures=state.figures
    )
