"""The asset checks: each reports what one audit of `clipper` found about a part that was just made.

A check is blocking if the atlas would be wrong, which is then not published; else it is a warning.

What does not belong here: how a part is audited (`clipper.indexing.checks`).
"""

from typing import Any

import dagster as dg

from clipper.indexing import checks
from clipper.store.staged import ASSETS, INSIGHTS
from pipelines.freshness import freshness
from pipelines.naming import Blueprint, asset_check
from pipelines.presentation import table_of
from pipelines.resources import HomeResource

# The assets that an audit of all parts waits for, beside those that the collection is made of.
_INSIGHTS = [asset for part, asset in ASSETS.items() if part in INSIGHTS]
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@asset_check(asset="chroma_collection", blocking=True, additional_deps=_INSIGHTS)
def files_are_as_written(home: HomeResource) -> dg.AssetCheckResult:
    """The files of the staged parts are those that the steps before wrote."""
    return _result(checks.audit(home.workspace(), "files_are_as_written"))


@asset_check(asset="chroma_collection", blocking=True)
def counts_agree(home: HomeResource) -> dg.AssetCheckResult:
    """Metadata, map and Chroma have one row for each usable image, and no other rows."""
    return _result(checks.audit(home.workspace(), "counts_agree"))


@asset_check(asset="clip_embeddings", blocking=True)
def vectors_have_norm_one(home: HomeResource) -> dg.AssetCheckResult:
    """A cosine similarity is a plain product only of unit vectors."""
    return _result(checks.audit(home.workspace(), "vectors_have_norm_one"))


@asset_check(asset="image_neighbours", blocking=True)
def neighbours_are_others(home: HomeResource) -> dg.AssetCheckResult:
    """Map, clusters and duplicates come from these lists: each image has one, of others, nearest first."""
    return _result(checks.audit(home.workspace(), "neighbours_are_others"))


@asset_check(asset="umap_projection", blocking=True)
def every_point_is_finite(home: HomeResource) -> dg.AssetCheckResult:
    """A point without a position can neither be drawn nor stored in Chroma."""
    return _result(checks.audit(home.workspace(), "every_point_is_finite"))


@asset_check(asset="chroma_collection", blocking=True)
def search_finds_itself(home: HomeResource) -> dg.AssetCheckResult:
    """The vector of an image finds that image: Chroma answers with what was written."""
    return _result(checks.audit(home.workspace(), "search_finds_itself"))


@asset_check(asset="chroma_collection", blocking=True, additional_deps=_INSIGHTS)
def insights_fit_the_images(home: HomeResource) -> dg.AssetCheckResult:
    """Clusters, scores, words, duplicates and doubtful labels are about the images published with them."""
    return _result(checks.audit(home.workspace(), "insights_fit_the_images"))


@asset_check(asset="drift")
def images_are_as_before(home: HomeResource) -> dg.AssetCheckResult:
    """New images that differ from earlier ones by more than chance may be meant, or be a fault."""
    return _result(checks.drift(home.workspace()), severity=WARN)


@asset_check(asset="image_facts")
def failures_are_few(home: HomeResource) -> dg.AssetCheckResult:
    """A few files that cannot be used are normal; many mean that something else is wrong."""
    return _result(checks.failures(home.workspace()), severity=WARN, rows="reasons")


@asset_check(asset="image_manifest")
def duplicates(home: HomeResource) -> dg.AssetCheckResult:
    """Copies cost no embedding, but lie on each other on the map: they are counted, and never a warning."""
    return _result(checks.duplicates(home.workspace()), severity=WARN, rows="groups")


@asset_check(asset="umap_projection")
def map_quality(home: HomeResource) -> dg.AssetCheckResult:
    """A map on which many images were placed, and few of them well, is due to be laid out again."""
    return _result(checks.map_quality(home.workspace()), severity=WARN)


def _result(
    finding: checks.Finding,
    *,
    severity: dg.AssetCheckSeverity = ERROR,
    rows: str = "rows",
) -> dg.AssetCheckResult:
    """A finding as the result of a check; its table gets the name `rows`."""
    metadata: dict[str, Any] = dict(finding.figures)
    if finding.rows:
        metadata[rows] = table_of(finding.rows)
    return dg.AssetCheckResult(
        passed=finding.passed, severity=severity, description=finding.description, metadata=metadata
    )


CHECKS: list[Blueprint] = [
    files_are_as_written,
    counts_agree,
    vectors_have_norm_one,
    neighbours_are_others,
    every_point_is_finite,
    search_finds_itself,
    insights_fit_the_images,
    images_are_as_before,
    failures_are_few,
    duplicates,
    map_quality,
    freshness,
]
