"""The assets that say what is in the dataset. Each is thin: it calls one step of `clipper`.

What does not belong here: the assets that the atlas cannot do without (`atlas.py`).
"""

from typing import Any

import dagster as dg

from clipper.indexing.insights import clusters, duplicates, names
from pipelines import previews
from pipelines.config import ClustersConfig, DuplicatesConfig, NamesConfig, overrides
from pipelines.failures import asset
from pipelines.presentation import materialized
from pipelines.resources import HomeResource

_INSIGHT: dict[str, Any] = {
    "group_name": "atlas",
    "owners": ["team:clipper"],
    "kinds": {"numpy", "parquet"},
    "tags": {"clipper/stored": "by-version"},
}


@asset(
    deps=["image_neighbours", "umap_projection"],
    code_version=clusters.CLUSTERS_VERSION,
    **_INSIGHT,
)
def image_clusters(home: HomeResource, config: ClustersConfig) -> dg.MaterializeResult:
    """Clusters in three levels, and the images that stand for each.

    New images join the clusters of their neighbours. A cluster that is found again keeps its identity.
    """
    work = home.workspace(**overrides(config))
    step = clusters.cluster_images(work)
    return materialized(step, preview=previews.faces_sheet(work) if step.version else None)


@asset(deps=["image_clusters", "image_metadata"], code_version=names.NAMES_VERSION, **_INSIGHT)
def cluster_names(home: HomeResource, config: NamesConfig) -> dg.MaterializeResult:
    """A word for each cluster, where one is true.

    The words are the dataset's own, a shipped vocabulary, and the home's `vocabulary.txt`.
    """
    return materialized(names.name_clusters(home.workspace(**overrides(config))))


@asset(
    name="duplicates",
    deps=["image_manifest", "thumbnails", "image_facts", "image_neighbours"],
    code_version=duplicates.DUPLICATES_VERSION,
    **_INSIGHT,
)
def duplicates_asset(home: HomeResource, config: DuplicatesConfig) -> dg.MaterializeResult:
    """Images that are double, exactly or nearly, in groups, each with the image to keep."""
    return materialized(duplicates.find_duplicates(home.workspace(**overrides(config))))


INSIGHTS = [image_clusters, cluster_names, duplicates_asset]
