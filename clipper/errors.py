"""The errors a person can mend. Each message is one line that names the file or setting and the way out.

What does not belong here: errors of one library that never leave the module that calls it.
"""


class ClipperError(Exception):
    """Base of every error that the command line prints as one line."""


class SettingsError(ClipperError):
    """A setting is unknown, malformed or names something that is not there."""


class NoIndexError(ClipperError):
    """The home has no published atlas yet."""


class BusyError(ClipperError):
    """Another run holds the home's lock."""


class ImagesError(ClipperError):
    """The images folder is missing, unreadable or empty."""


class ModelError(ClipperError):
    """The model cannot be found, fetched or used."""


class StoreError(ClipperError):
    """A file of the store is damaged, or parts of it do not belong together."""


class ClusterError(ClipperError):
    """The Dask cluster cannot be reached, or its workers cannot do the work."""


class SandboxError(ClipperError):
    """No child process can be started to decode in."""
