"""What the launchpad offers: the settings a person may want to change for one run.

The defaults shown are those of the home when Dagster loads this code. A value left at its default is
no override: the run then follows the home's clipper.toml as it is by then. What a value may be is said by
`Settings`, in one line: bounds here would fail a run with a traceback, and three times more.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from clipper.errors import SettingsError
from clipper.settings import Refit, Settings


def _defaults() -> dict[str, Any]:
    try:
        return Settings.load().model_dump()
    except SettingsError:  # no home yet: a run says so; the page still opens
        return {name: field.default for name, field in Settings.model_fields.items()}


_DEFAULT = _defaults()


class PublishConfig(dg.Config):
    """What may be published."""

    allow_shrink: bool = Field(
        default=_DEFAULT["allow_shrink"], description="More than half of the images may be gone"
    )


class ScanConfig(PublishConfig):
    """How the images folder is looked at."""

    verify: bool = Field(default=_DEFAULT["verify"], description="Hash every file again")


class EmbedConfig(dg.Config):
    """How images are embedded, and what is kept of them."""

    model: str = Field(default=_DEFAULT["model"], description="A CLIP of the hub, or a local folder")
    batch_size: int = Field(default=_DEFAULT["batch_size"], description="Images per forward pass")
    gps: bool = Field(default=_DEFAULT["gps"], description="Keep where photos were taken (image_facts)")


class ProjectionConfig(dg.Config):
    """How UMAP lays the map out; other values than before lay it out anew."""

    n_neighbors: int = Field(default=_DEFAULT["umap_n_neighbors"], description="UMAP's, 2 to 200")
    min_dist: float = Field(default=_DEFAULT["umap_min_dist"], description="UMAP's, 0 to 0.99")
    seed: int = Field(default=_DEFAULT["umap_seed"], description="Same seed, same map")
    refit: Refit = Field(default=_DEFAULT["refit"], description="Lay it out again from where it is")


def overrides(config: dg.Config, *, prefix: str = "") -> dict[str, Any]:
    """The settings that a run's config changes: those of the config's names, or of these after `prefix`."""
    settings = Settings.model_fields
    given = {
        name if name in settings else prefix + name: value for name, value in config.model_dump().items()
    }
    return {name: value for name, value in given.items() if value != _DEFAULT[name]}
