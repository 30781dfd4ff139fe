"""Clipper: see and search an image dataset.

Examples:
    >>> import clipper
    >>> atlas = clipper.open("data")
    >>> atlas.search("red heart", k=10)["id"][0]  # a DataFrame, best first
    'red-heart.jpg'

What does not belong here: code. This is the public surface. It imports what takes a while when that is first
asked for: a child process that decodes images never pays for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.caches import prepare_numba
from clipper.errors import (
    BadImageError,
    BusyError,
    ClipperError,
    ImagesError,
    LabelError,
    ModelError,
    NoIndexError,
    NoTextError,
    SettingsError,
    StoreError,
    TagError,
    UnknownImageError,
    ViewError,
)

if TYPE_CHECKING:
    from clipper.atlas import Atlas
    from clipper.indexing.staging.workspace import Progress
    from clipper.settings import Settings

__all__ = [
    "Atlas",
    "BadImageError",
    "BusyError",
    "ClipperError",
    "ImagesError",
    "LabelError",
    "ModelError",
    "NoIndexError",
    "NoTextError",
    "Settings",
    "SettingsError",
    "StoreError",
    "TagError",
    "UnknownImageError",
    "ViewError",
    "index",
    "open",
    "published_version",
]
__version__ = "0.2.0.dev0"

prepare_numba()  # here, because every process imports this before it imports numba


def index(
    folder: str | Path | None = None,
    *,
    home: str | Path | None = None,
    model: str | Sequence[str] | None = None,
    progress: "bool | Progress" = True,
    wait: float = 0.0,
    **settings: Any,
) -> "Atlas":
    """Bring the atlas of a folder of images up to date and open it: what `clipper index` does.

    Examples:
        >>> atlas = clipper.index("data/images", home="data", progress=False)
        >>> len(atlas)
        1870

    Args:
        folder: a folder of images or its URL; None: the one that the home's clipper.toml names.
        home: the folder that holds the atlas; None: an atlas of this folder that is found from here, or
            `.clipper` within the folder, which is made.
        model: a model of the hub, or a folder with one, or several of them; a new home notes it. The atlas
            that is returned uses the first.
        progress: whether to show progress bars; or a function that is called with a stage, how much of it is
            done, and its total: bytes in the stage `download of ...`, files or steps in the others.
        wait: seconds to wait for another run to end.
        settings: other settings by name, for this run alone: `batch_size=16`, `allow_shrink=True`, ...

    Raises:
        BusyError: another run is writing the same home.
        ImagesError: the folder holds no usable image, or more than half of them are gone.
        SettingsError: the folder is not there, a setting is unknown, or the home is another folder's.
        ModelError: the model cannot be found or used.
        ClipperError: anything else that a person can fix; the published atlas stays as it is.
    """
    from clipper.atlas import Atlas
    from clipper.indexing.run import index_images

    used, _ = index_images(folder, home=home, model=model, progress=progress, wait=wait, **settings)
    return Atlas(used)


def open(home: str | Path | None = None, *, model: str | None = None) -> "Atlas":  # noqa: A001 - `clipper.open`, as `gzip.open`
    """Open what is published in a home.

    Examples:
        >>> with clipper.open("data") as atlas:
        ...     atlas.title
        'Emoji'

    Args:
        home: the folder that holds the atlas; None: the home found from here, as the command finds it.
        model: which model's vectors and map to use, in an atlas of several; None: the first one's.

    Raises:
        SettingsError: no home is found, or its clipper.toml is malformed.
        ModelError: the atlas has no such model.
        NoIndexError: nothing is published in it yet, or it is not there.
        StoreError: a file of the store is damaged.
    """
    from clipper.atlas import Atlas
    from clipper.settings import Settings

    return Atlas(Settings.load(home), model=model)


def published_version(home: str | Path | None = None) -> str | None:
    """Return the name of the published version, None before the first; cheap enough to ask every second.

    Examples:
        >>> clipper.published_version("data") == clipper.open("data").version
        True

    Args:
        home: as for `open`.

    Raises:
        SettingsError: no home is found, or its clipper.toml is malformed.
    """
    from clipper.settings import Settings
    from clipper.store.home import Home
    from clipper.store.snapshots import current, refresh

    folder = Home(Settings.load(home).home)
    refresh(folder)
    snapshot = current(folder)
    return snapshot.version if snapshot else None


def __getattr__(name: str) -> object:
    """Import what takes a while when it is first asked for."""
    if name == "Atlas":
        from clipper.atlas import Atlas

        return Atlas
    if name == "Settings":
        from clipper.settings import Settings

        return Settings
    raise AttributeError(f"module 'clipper' has no attribute {name!r}")
