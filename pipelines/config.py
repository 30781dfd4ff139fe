"""What the launchpad offers: the settings that a person may want to change for one run.

What is null or left out follows the home's clipper.toml, as the run finds it. `Settings` alone decides which
values are allowed, and says so in one line; a bound here would fail the run with a stack trace.

What does not belong here: settings that describe the home and not a run, such as its images folder.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from clipper.settings import Settings
from pipelines.naming import Names


def _setting(name: str) -> Any:
    return Field(
        default=None,
        description=f"{Settings.model_fields[name].description}. Null, or left out: as clipper.toml says.",
    )


class PublishConfig(dg.Config):
    """What may be published."""

    allow_shrink: bool | None = _setting("allow_shrink")


class ScanConfig(PublishConfig):
    """How the images folder is read."""

    verify: bool | None = _setting("verify")


class EmbedConfig(dg.Config):
    """How images are embedded, and what is kept of them."""

    model: str | None = _setting("model")
    precision: str | None = _setting("precision")
    batch_size: int | None = _setting("batch_size")
    gps: bool | None = _setting("gps")


class ProjectionConfig(dg.Config):
    """How UMAP lays out the map. Other parameters than before lay it out anew."""

    n_neighbors: int | None = _setting("umap_n_neighbors")
    min_dist: float | None = _setting("umap_min_dist")
    seed: int | None = _setting("umap_seed")
    refit: str | None = _setting("refit")


class ClustersConfig(dg.Config):
    """Whether clusters are found."""

    clusters: bool | None = _setting("clusters")


class NamesConfig(dg.Config):
    """Whether clusters get names."""

    cluster_names: bool | None = _setting("cluster_names")


class DuplicatesConfig(dg.Config):
    """Which images count as double."""

    duplicates: bool | None = _setting("duplicates")
    duplicate_similarity: float | None = _setting("duplicate_similarity")


class ScoresConfig(dg.Config):
    """Whether images are scored, and which stand apart."""

    scores: bool | None = _setting("scores")
    outlier_deviations: float | None = _setting("outlier_deviations")


class DriftConfig(dg.Config):
    """Whether versions are compared, and what is more than chance."""

    drift: bool | None = _setting("drift")
    drift_level: float | None = _setting("drift_level")


class LabelsConfig(dg.Config):
    """Which labels count as doubtful."""

    label_issues: bool | None = _setting("label_issues")
    label_confidence: float | None = _setting("label_confidence")


class WordsConfig(dg.Config):
    """Whether the columns of words are made."""

    word_columns: bool | None = _setting("word_columns")


_CONFIGS: dict[str, type[dg.Config]] = {
    "image_manifest": ScanConfig,
    "image_contents": EmbedConfig,
    "umap_projection": ProjectionConfig,
    "image_scores": ScoresConfig,
    "image_clusters": ClustersConfig,
    "cluster_names": NamesConfig,
    "duplicates": DuplicatesConfig,
    "label_issues": LabelsConfig,
    "word_columns": WordsConfig,
    "drift": DriftConfig,
    "atlas": PublishConfig,
}


def launchpad(names: Names) -> dict[str, Any]:
    """Each option, for the launchpad of a home's job; null stands for what clipper.toml says."""
    return {
        "ops": {
            names.called(op): {"config": dict.fromkeys(config.model_fields)}
            for op, config in _CONFIGS.items()
        }
    }


def overrides(config: dg.Config, *, prefix: str = "") -> dict[str, Any]:
    """The settings that a run's config changes, by their names in `Settings`.

    Args:
        config: one of the classes above.
        prefix: what a setting's name has in front of the field's, for example `umap_`.
    """
    given = {name: value for name, value in config.model_dump().items() if value is not None}
    return {name if name in Settings.model_fields else prefix + name: value for name, value in given.items()}
