"""The assets that say what is in the dataset. Each is thin: it calls one step of `clipper`.

What does not belong here: the assets that the atlas cannot do without (`atlas.py`).
"""

from typing import Any

import dagster as dg

from clipper.images.picture.signature import SIGNATURE_VERSION
from clipper.indexing.insights import clusters, drift, duplicates, labels, names, scores, words
from pipelines import previews
from pipelines.config import (
    ClustersConfig,
    DriftConfig,
    DuplicatesConfig,
    LabelsConfig,
    NamesConfig,
    ScoresConfig,
    WordsConfig,
    overrides,
)
from pipelines.naming import Blueprint, asset
from pipelines.presentation import materialized
from pipelines.resources import HomeResource

_INSIGHT: dict[str, Any] = {
    "owners": ["team:clipper"],
    "kinds": {"numpy", "parquet"},
    "tags": {"clipper/stored": "by-version"},
}


@asset(
    deps=["clip_embeddings", "image_facts", "image_neighbours"],
    code_version=scores.SCORES_VERSION,
    **_INSIGHT,
)
def image_scores(home: HomeResource, config: ScoresConfig) -> dg.MaterializeResult:
    """How odd and how unique each image is, and how sharp, bright and plain its picture.

    The scores are columns: the map is coloured, and images are sorted and filtered by them.
    """
    work = home.workspace(**overrides(config))
    return materialized(scores.score_images(work), home=work.home)


@asset(
    deps=["image_neighbours", "umap_projection", "image_scores"],
    code_version=clusters.CLUSTERS_VERSION,
    **_INSIGHT,
)
def image_clusters(home: HomeResource, config: ClustersConfig) -> dg.MaterializeResult:
    """Clusters in three levels, and the images that stand for each.

    New images join the clusters of their neighbours. A cluster that is found again keeps its identity.
    """
    work = home.workspace(**overrides(config))
    step = clusters.cluster_images(work)
    preview = previews.faces_sheet(work) if step.version else None
    return materialized(step, home=work.home, preview=preview)


@asset(deps=["image_clusters", "image_metadata"], code_version=names.NAMES_VERSION, **_INSIGHT)
def cluster_names(home: HomeResource, config: NamesConfig) -> dg.MaterializeResult:
    """A word for each cluster, where one is true.

    The words are the dataset's own, a shipped vocabulary, and the home's `vocabulary.txt`.
    """
    work = home.workspace(**overrides(config))
    return materialized(names.name_clusters(work), home=work.home)


@asset(
    name="duplicates",
    deps=["image_manifest", "image_facts", "image_neighbours"],
    code_version=f"{duplicates.DUPLICATES_VERSION}.{SIGNATURE_VERSION}",
    **_INSIGHT,
)
def duplicates_asset(home: HomeResource, config: DuplicatesConfig) -> dg.MaterializeResult:
    """Images that are double, exactly or nearly, in groups, each with the image to keep."""
    work = home.workspace(**overrides(config))
    return materialized(duplicates.find_duplicates(work), home=work.home)


@asset(deps=["image_neighbours", "image_metadata"], code_version=labels.LABELS_VERSION, **_INSIGHT)
def label_issues(home: HomeResource, config: LabelsConfig) -> dg.MaterializeResult:
    """Images whose neighbours say another label than their own, in each column of categories."""
    work = home.workspace(**overrides(config))
    return materialized(labels.find_label_issues(work), home=work.home)


@asset(
    deps=["clip_embeddings", "image_neighbours", "cluster_names"],
    code_version=words.WORDS_VERSION,
    **_INSIGHT,
)
def word_columns(home: HomeResource, config: WordsConfig) -> dg.MaterializeResult:
    """A column for each list of words that people keep: the nearest word of each image, or none."""
    work = home.workspace(**overrides(config))
    return materialized(words.make_word_columns(work), home=work.home)


@asset(
    name="drift",
    deps=["clip_embeddings", "image_metadata", "image_neighbours", "image_clusters", "cluster_names"],
    code_version=drift.DRIFT_VERSION,
    **_INSIGHT,
)
def drift_asset(home: HomeResource, config: DriftConfig) -> dg.MaterializeResult:
    """How the new images differ from those that are published: by more than chance, or not.

    Clusters that appeared, grew, shrank or vanished, images unlike all before, and a two-sample test.
    """
    work = home.workspace(**overrides(config))
    return materialized(drift.measure_drift(work), home=work.home)


INSIGHTS: list[Blueprint] = [
    image_scores, image_clusters, cluster_names, duplicates_asset, label_issues, word_columns, drift_asset,
]  # fmt: skip
