"""Clipper: see and search an image dataset.

Examples:
    >>> import clipper
    >>> atlas = clipper.open("data")
    >>> atlas.search("red heart", k=10)  # a DataFrame, best first
"""

from pathlib import Path
from typing import TYPE_CHECKING

from clipper.errors import ClipperError
from clipper.query import Query

if TYPE_CHECKING:
    from clipper.atlas import Atlas
    from clipper.settings import Settings

__all__ = ["Atlas", "ClipperError", "Query", "Settings", "open", "published_version"]
__version__ = "0.2.0.dev0"


def open(home: str | Path | None = None) -> "Atlas":  # noqa: A001 - `clipper.open`, as `gzip.open`
    """Open what is published in a home; without one, in the home found from here.

    Raises:
        SettingsError: no home is found, or its clipper.toml is malformed.
        NoIndexError: nothing is published in it yet, or it is not there.
    """
    from clipper.atlas import Atlas
    from clipper.settings import Settings

    return Atlas(Settings.load(home))


def published_version(home: str | Path | None = None) -> str | None:
    """The name of the published version, None before the first: cheap enough to poll."""
    from clipper.settings import Settings
    from clipper.store.home import Home
    from clipper.store.snapshots import current

    snapshot = current(Home(Settings.load(home).home))
    return snapshot.version if snapshot else None


def __getattr__(name: str) -> object:
    """What takes a while to import, when it is first asked for: a child that decodes never does."""
    if name == "Atlas":
        from clipper.atlas import Atlas

        return Atlas
    if name == "Settings":
        from clipper.settings import Settings

        return Settings
    raise AttributeError(f"module 'clipper' has no attribute {name!r}")
