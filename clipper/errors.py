"""The errors that a person can fix. Each message is one line that names the file or setting and the way out.

    ClipperError
    ├── SettingsError          a setting is unknown or malformed, or names something that is not there
    │   └── MissingExtraError  packages of an extra are not installed
    ├── NoIndexError           the home has no published atlas yet
    ├── BusyError              another run holds the home's lock
    ├── ImagesError            the images folder is missing, unreadable or empty
    │   ├── RefusedError       the storage behind a URL refuses this user, or knows no credentials
    │   └── StorageError       it cannot be reached, or does not answer
    ├── BadImageError          one image file cannot be used; it ends no run
    ├── UnknownImageError      no image has this id; also a KeyError
    ├── PredicateError         a filter that a person typed is not understood; it has the place
    ├── TagError               a tag is not acceptable; also a ValueError
    ├── LabelError             a label, or its column, is not acceptable; also a ValueError
    ├── ViewError              a saved view, or its name, is not acceptable; also a ValueError
    ├── ModelError             the model cannot be found, fetched or used
    │   ├── NoTextError        the model embeds images only, and was asked in words
    │   └── HubError           the model hub cannot be reached
    ├── StoreError             a file of the store is damaged, or parts do not belong together
    │   ├── AccessError        this user may not read a file of the store, or its disk does not answer
    │   ├── AuditError         a staged part is not as it must be, and was not published
    │   ├── HomeRefusedError   the object store of the home refuses this user, or knows no credentials
    │   ├── HomeStorageError   it cannot be reached, or does not answer
    │   └── ServerError        the Chroma server cannot be reached
    ├── ClusterError           the Dask cluster cannot be reached, or its workers fail
    │   └── ClusterSetupError  the Dask cluster, or this machine, is not set up for the work
    └── SandboxError           a child process cannot be started, or ended early

What does not belong here: errors of one library that never leave the module that calls it.
"""

from typing import ClassVar

# The packages that each extra of pyproject.toml needs.
EXTRAS = {
    "viewer": (
        "panel",
        "panel_material_ui",
        "holoviews",
        "datashader",
        "bokeh",
        "param",
        "simplejpeg",
        "tornado",
    ),
    "pipeline": ("dagster",),
    "s3": ("s3fs",),
    "gcs": ("gcsfs",),
}


class ClipperError(Exception):
    """Base of every error that the command line prints as one line."""

    # Whether the same attempt may succeed soon without anybody fixing anything.
    transient: ClassVar[bool] = False


class SettingsError(ClipperError):
    """A setting is unknown, malformed or names something that is not there."""


class MissingExtraError(SettingsError):
    """Packages of an extra are not installed."""


class NoIndexError(ClipperError):
    """The home has no published atlas yet."""


class BusyError(ClipperError):
    """Another run holds the home's lock."""


class ImagesError(ClipperError):
    """The images folder is missing, unreadable or empty."""


class RefusedError(ImagesError):
    """The storage behind a URL refuses this user, or there are no credentials for it."""


class StorageError(ImagesError):
    """The storage behind a URL cannot be reached, or does not answer."""

    transient = True


class PredicateError(ClipperError):
    """A typed filter is not understood: `message` says why, and it is about `start` to `end` of the text."""

    def __init__(self, message: str, *, start: int, end: int) -> None:
        place = f" (characters {start + 1} to {end} of the filter)" if end > start else ""
        super().__init__(f"{message.rstrip('.')}{place}" if place else message)
        self.message, self.start, self.end = message, start, end


class ModelError(ClipperError):
    """The model cannot be found, fetched or used."""


# The way out where a file of a model is malformed.
ANOTHER_MODEL = "fetch the model's files again, or set `model` to another model"
# Models that read words, for those who have one that does not.
MODELS_WITH_TEXT = "openai/clip-vit-base-patch32 or google/siglip2-base-patch16-224"


class NoTextError(ModelError):
    """A text met a model that embeds images only. `model` is its name."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(
            f"the model {model} embeds images only, and cannot find them by words: search with an image, or "
            f"index with a model that reads words, such as {MODELS_WITH_TEXT} (`clipper index --model NAME`)"
        )


class HubError(ModelError):
    """The model hub cannot be reached."""

    transient = True


class StoreError(ClipperError):
    """A file of the store is damaged, or parts of it do not belong together."""


class AccessError(StoreError):
    """This user may not read a file of the store, or its disk does not answer; it may be sound."""


class AuditError(StoreError):
    """A staged part is not as it must be; it was not published."""


class HomeRefusedError(StoreError):
    """The object store that holds the home refuses this user, or there are no credentials for it."""


class HomeStorageError(StoreError):
    """The object store that holds the home cannot be reached, or does not answer."""

    transient = True


class ServerError(StoreError):
    """The Chroma server that holds the collections cannot be reached."""

    transient = True


class ClusterError(ClipperError):
    """The Dask cluster cannot be reached, or its workers cannot do the work."""

    transient = True


class ClusterSetupError(ClusterError):
    """The Dask cluster, or this machine, is not set up for the work."""

    transient = False


class SandboxError(ClipperError):
    """A child process cannot be started, or ended before its work was done."""


class BadImageError(ClipperError):
    """One image file cannot be used; the message is the reason, for its owner. It does not end a run."""


class UnknownImageError(ClipperError, KeyError):
    """No image has this id, and no file this path."""

    def __str__(self) -> str:
        return f"there is no image {self.args[0]!r} here; an id is a path below the images folder (a/b.jpg)"


class LabelError(ClipperError, ValueError):
    """A label, or its column, is not acceptable."""


class ViewError(ClipperError, ValueError):
    """A saved view, or its name, is not acceptable."""


class TagError(ClipperError, ValueError):
    """A tag is empty or too long, or there are too many tags."""


def require_extra(extra: str, *, who: str = "") -> None:
    """Check that the packages of an extra are installed, without importing them.

    Args:
        extra: a key of `EXTRAS`.
        who: what needs them, for the message; the extra itself if empty.

    Raises:
        MissingExtraError: one is missing; the message says what to install.
    """
    from importlib.util import find_spec

    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{who or f'the {extra}'} needs packages that are not installed ({', '.join(missing)}); "
            f"run: pip install 'clipper[{extra}]'"
        )


def is_transient(error: BaseException) -> bool:
    """Whether an error may pass by itself (a network, a server, a disk), so that a retry makes sense."""
    if isinstance(error, ClipperError):
        return error.transient
    return isinstance(error, OSError)
