"""Fetch a model of the hub into the hub's local cache, or find it there; say why it cannot be had.

What does not belong here: the download itself (`models/download.py`), and reading what was fetched
(`models/source.py`).
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TypeGuard

from clipper.errors import HubError, ModelError
from clipper.models.download import (
    DamagedDownloadError,
    Report,
    download_files,
    is_passing,
    seconds_to_wait,
)
from clipper.models.families.files import FILES, has_open_clip_layout, is_whole
from clipper.models.families.open_clip import WEIGHTS as OPEN_CLIP_WEIGHTS
from clipper.settings import Settings

# huggingface_hub reads this when it is imported, further down.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# The stage of a run in which a model is downloaded begins with this; what it counts is bytes.
DOWNLOAD = "download of "
# Timeout and "too many requests"; the other statuses from 400 to 499 are errors of the client.
_COME_AGAIN = (408, 425, 429)
_NO_TOKEN = (401, 403)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)


# A variable of the context: `find` is called at the bottom of much that knows nothing of progress.
_reporter: ContextVar[Callable[[str, int, int], None] | None] = ContextVar("reporter", default=None)


@contextmanager
def reporting(reporter: Callable[[str, int, int], None] | None) -> Iterator[None]:
    """Have downloads in this block report: a stage that names the model, the bytes here, all bytes."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def hub_folder(settings: Settings) -> Path:
    """Return the folder of a model of the hub; nothing is downloaded if the local cache has it.

    Raises:
        ModelError: the hub refuses, or the cache cannot be written; the message says what to do.
        HubError: the hub does not answer, or the download broke off.
    """
    if cached := cached_folder(settings):
        return cached
    reporter = _reporter.get()
    report = partial(reporter, f"{DOWNLOAD}{settings.model_name}") if reporter else lambda *_: None
    try:
        folder = _download(settings, FILES, report)
        if has_open_clip_layout(folder) and not is_whole(folder):  # it has no weights in another layout
            folder = _download(settings, (*FILES, OPEN_CLIP_WEIGHTS), report)
    except Exception as error:  # from the hub, its HTTP library, or the disk
        kind = ModelError if _is_refusal(error) else HubError
        raise kind(_why_not(settings, error)) from error
    return folder


def _download(settings: Settings, patterns: Sequence[str], report: Report) -> Path:
    """Download the files of a model that match, and that the local cache lacks; return its folder."""
    found = download_files(settings.model_name, revision=settings.revision, patterns=patterns, report=report)
    return found or Path(_fetcher(settings)(allow_patterns=list(patterns)))


def cached_folder(settings: Settings) -> Path | None:
    """Return the folder of a model in the hub's local cache; None if it is not there, or not whole."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(_fetcher(settings)(local_files_only=True, allow_patterns=list(FILES)))
    except (LocalEntryNotFoundError, FileNotFoundError):
        return None
    except HFValidationError as error:
        raise ModelError(
            f"'{settings.model_name}' is neither a folder nor a name of the hub: {error}"
        ) from error
    return cached if is_whole(cached) else None


def _fetcher(settings: Settings) -> Callable[..., str]:
    """Return the function that fetches a model of the hub into the local cache, and returns its folder."""
    from huggingface_hub import snapshot_download

    return partial(snapshot_download, settings.model_name, revision=settings.revision)


def _is_refusal(error: Exception) -> bool:
    """Whether the hub, a setting or the disk refused: then trying again soon does not help."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return bool(error.response.is_client_error) and error.response.status_code not in _COME_AGAIN
    return isinstance(error, OfflineModeIsEnabled) or _is_of_disk(error)


def _is_of_disk(error: Exception) -> TypeGuard[OSError]:
    """Whether the local cache could not be written; errors of the hub's client are an OSError, too."""
    return isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError)


def _why_not(settings: Settings, error: Exception) -> str:
    """Say in one line why a model of the hub cannot be had, and what to do."""
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE

    model = f"the model {settings.model_name}" + (
        f" at revision {settings.revision}" if settings.revision else ""
    )
    if _is_of_disk(error):
        return _why_not_kept(model, error, HF_HUB_CACHE)
    if refused := _why_refused(settings, error):
        return refused
    if isinstance(error, DamagedDownloadError):
        return (
            f"{model} was not downloaded whole: {error}, and was deleted; run again, and if it happens "
            "again, look for a proxy that changes files"
        )
    if is_passing(error):
        wait = seconds_to_wait(error)
        asks = f", and asks to be left alone for {wait:,.0f} s" if wait else ""
        return (
            f"the hub {ENDPOINT} is busy or broke off ({_reason(error)}){asks}; run again later: what was "
            f"downloaded of {model} stays in {HF_HUB_CACHE}, and the rest is added to it"
        )
    return (
        f"{model} is not a folder below {settings.home}, is not in the hub's "
        f"local cache {HF_HUB_CACHE} and could not be fetched ({_reason(error)}). Four "
        "ways out: connect to the internet once and run again; or set HF_HOME to where the cache lies now; "
        f"or set {_setting(settings)} to a local "
        "folder with a CLIP; or use the sample model, models/clip-emoji in Clipper's data folder"
    )


def _why_refused(settings: Settings, error: Exception) -> str:
    """Say what the hub refuses; nothing if it is something else."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, endpoint = settings.model_name, constants.ENDPOINT
    if isinstance(error, GatedRepoError):
        return (
            f"the model {name} is gated: sign in at {endpoint}/{name} and accept its terms, make a token at "
            f"{endpoint}/settings/tokens, set HF_TOKEN to it (or run `hf auth login`), and run again"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub {endpoint} has no model {name}, or keeps it private, and it is no folder below "
            f"{settings.home} either: correct {_setting(settings)}; for a private model set HF_TOKEN to a "
            "token that may read it"
        )
    if isinstance(error, RevisionNotFoundError):
        return (
            f"the model {name} has no revision {settings.revision or 'main'}: name it as {name}@REVISION in "
            f"{_setting(settings)}, with a branch, tag or commit of {endpoint}/{name}/commits/main"
        )
    response = error.response if isinstance(error, HfHubHTTPError) else None
    status = response.status_code if response is not None else 0
    if status in _NO_TOKEN:
        return (
            f"the hub {endpoint} does not accept this token, or it may not read the model {name} "
            f"({_reason(error)}): set HF_TOKEN to a valid one (or run `hf auth login`), or unset it for a "
            "public model"
        )
    return ""


def _setting(settings: Settings) -> str:
    return f"`model` in {settings.home / 'clipper.toml'} (or --model, or CLIPPER_MODEL)"


def _why_not_kept(model: str, error: OSError, cache: str) -> str:
    """Say why the local cache could not be written."""
    folder = error.filename or cache
    if error.errno in _FULL:
        return (
            f"{model} does not fit on the disk of {cache} "
            f"({error.strerror}): free some space and run again, and the download goes on where it ended; or "
            "set HF_HOME to a folder on another disk"
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return (
            f"{model} cannot be kept: {folder} may not be written; set HF_HOME to a folder that may, or "
            "`model` to a local folder with a CLIP"
        )
    return (
        f"{model} cannot be kept: {folder}: {error.strerror}; set HF_HOME to another folder, or `model` to a "
        "local folder with a CLIP"
    )


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
