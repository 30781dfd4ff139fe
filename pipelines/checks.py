"""What must hold of the parts, checked after they are made. Each check calls one audit of `clipper`.

What does not belong here: how a thing is audited (`clipper.audit`).
"""

import dagster as dg

from clipper import audit
from pipelines.resources import HomeResource


@dg.asset_check(asset="chroma_collection", blocking=True)
def counts_agree(home: HomeResource) -> dg.AssetCheckResult:
    """Metadata, map and Chroma have a row for each usable image, and for no other."""
    return _result(audit.counts(home.workspace()))


@dg.asset_check(asset="clip_embeddings", blocking=True)
def vectors_have_norm_one(home: HomeResource) -> dg.AssetCheckResult:
    """A cosine similarity is a plain product only of unit vectors."""
    return _result(audit.norms(home.workspace()))


@dg.asset_check(asset="umap_projection", blocking=True)
def every_point_is_finite(home: HomeResource) -> dg.AssetCheckResult:
    """A point without a place cannot be drawn, nor stored in Chroma."""
    return _result(audit.finite(home.workspace()))


@dg.asset_check(asset="umap_projection")
def map_quality(home: HomeResource) -> dg.AssetCheckResult:
    """A map on which much was placed, and little of it well, is due to be laid out again."""
    return _result(audit.map_quality(home.workspace()), severity=dg.AssetCheckSeverity.WARN)


def _result(
    finding: audit.Finding, *, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.passed,
        severity=severity,
        description=finding.description,
        metadata=dict(finding.figures),
    )


CHECKS = [counts_agree, vectors_have_norm_one, every_point_is_finite, map_quality]
