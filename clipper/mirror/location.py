"""Where a home on an object store lies: its URL, and the folder of this machine that is its local copy.

What does not belong here: what is in either (`mirror/copy.py`), and requests (`mirror/objects.py`).
"""

import json
import os
import re
from pathlib import Path
from uuid import uuid4

from clipper.caches import cache_folder
from clipper.errors import SettingsError, require_extra
from clipper.hashing import digest

VARIABLE = "CLIPPER_HOME_CACHE"  # the folder of all local copies
MARKER = ".mirror.json"  # in a copy: the URL of its home
# The file systems that write an object only if it is as it was read; and the extra that brings each.
EXTRAS = {"s3": "s3", "s3a": "s3"}
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.+)", re.DOTALL | re.IGNORECASE)
_BUCKET = re.compile(r"[\w.-]+", re.ASCII)
_LOCAL = frozenset({"file", "local"})
_SAME_STORE = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
# The homes that this process met. Kept in memory, as a copy may be deleted while it is open.
_urls: dict[Path, str] = {}


def is_url(location: object) -> bool:
    """Whether a home's name is a URL, not a folder of this machine."""
    return isinstance(location, str) and _URL.fullmatch(location) is not None


def normal_url(url: str) -> str:
    """Return a home's URL as it is compared and shown.

    Raises:
        SettingsError: a home cannot be there.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise SettingsError(
            f"{url} is not a URL; a home on an object store is like s3://bucket/photos/.clipper"
        )
    scheme, path = found[1].lower(), found[2].rstrip("/")
    if scheme not in EXTRAS:
        raise SettingsError(
            f"a home cannot be at {scheme}://; it can be a folder, or be in S3, or on a server that speaks "
            "its protocol, as s3://BUCKET/FOLDER/.clipper (the images can be at any URL)"
        )
    bucket, _, key = path.partition("/")
    if not _BUCKET.fullmatch(bucket) or not key or {*"?#"} & {*path} or not path.isprintable():
        raise SettingsError(  # what was written may hold a password, or be signed: it is not shown
            f"what follows {scheme}:// names no home; write it like {scheme}://BUCKET/FOLDER/.clipper, "
            "without a query, and set credentials in the environment"
        )
    if {"", ".", ".."} & {*path.split("/")} or "\\" in path or "::" in path:
        raise SettingsError(
            f'{url} has an empty part, or one of dots, or "::"; write the plain path of the home'
        )
    return f"{scheme}://{path}"


def local_path(url: str) -> Path | None:
    """Return the folder that a `file://` URL is; None for any other."""
    found = _URL.fullmatch(url)
    return Path(found[2]) if found and found[1].lower() in _LOCAL else None


def copies_folder() -> Path:
    """Return the folder of all local copies.

    Raises:
        SettingsError: this user has no folder for caches.
    """
    if named := os.environ.get(VARIABLE):
        try:
            return Path(named).expanduser().resolve()
        except (OSError, RuntimeError) as error:  # such as `~` of nobody
            raise SettingsError(f"{VARIABLE}={named} is no folder ({error}); set it to one") from error
    folder = cache_folder("clipper/homes")
    if folder is None:
        raise SettingsError(f"there is no folder for a home's local copy; set {VARIABLE} to one")
    return folder.resolve()


def copy_of(url: str) -> Path:
    """Return the folder of a home's local copy, which is made if needed.

    Raises:
        SettingsError: a home cannot be at that URL, or the folder cannot be written.
        MissingExtraError: the packages for it are not installed.
    """
    url = normal_url(url)
    scheme, _, path = url.partition("://")
    require_extra(EXTRAS[scheme], who=f"a home at {scheme}://")
    # The same URL at another server is another home.
    store = [value for name in _SAME_STORE if (value := os.environ.get(name))]
    folder = copies_folder() / f"{_readable(path)}-{digest(url, *store)}"
    _urls[folder] = url
    mark(folder, url)
    return folder


def mark(folder: Path, url: str) -> None:
    """Note in a copy whose it is, unless that is there.

    Raises:
        SettingsError: the folder cannot be written.
    """
    marker = folder / MARKER
    try:
        if not marker.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = folder / f".{MARKER}.{os.getpid()}.tmp"
            temporary.write_text(json.dumps({"url": url, "copy": uuid4().hex}) + "\n", "utf-8")
            temporary.replace(marker)
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be written ({error.strerror}); set {VARIABLE} to a folder for copies of homes"
        ) from error


def url_of(folder: Path) -> str | None:
    """Return the URL of the home that a folder is the local copy of; None for any other folder.

    Only in the folder of copies is a marker believed: no folder from elsewhere shall name a server to ask.
    """
    if folder in _urls:
        return _urls[folder]
    try:
        if not (folder / MARKER).is_file():
            return None
        if folder.resolve().parent != copies_folder():
            return None
        url = normal_url(str(read_marker(folder)["url"]))
    except (OSError, SettingsError, KeyError):  # such as of another user's folder
        return None
    _urls[folder] = url
    return url


def read_marker(folder: Path) -> dict[str, str]:
    """Read a copy's marker; nothing if there is none, or none that can be read."""
    try:
        told = json.loads((folder / MARKER).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}


def _readable(path: str) -> str:
    named = [part for part in path.split("/") if part != ".clipper"]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(named[-2:]))[-60:].strip("-") or "home"
