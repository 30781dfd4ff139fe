"""Download the files of a model into the hub's local cache; a download that was cut goes on where it ended.

The hub's client goes on after some cuts, but not after all, and not in another process: what it has of a file
is deleted when the process ends. Some of its requests wait for ever, too. Here each file grows beside its
place in the cache, as `blobs/<hash>.incomplete`, until it is whole and its hash is right. The cache is laid
out as the hub documents it, so that every client finds the model there.

What does not belong here: what the cache holds already, and messages (`models/hub.py`).
"""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatch
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from clipper.network.retry import patiently

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

# Called with the bytes of a model that are here, and with those of the whole.
Report = Callable[[int, int], None]

# Tries in a row that bring no byte, before the hub counts as unreachable.
TRIES = 5
# Seconds before the second try; they double with each further one.
PAUSE = 1.0
# A hub that asks for a longer pause than this is left alone: the message says how long.
LONGEST_PAUSE = 60.0
# Too early, too many requests, and a server in trouble.
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REPORT_SECONDS = 0.1
_SHA256_DIGITS = 64
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")


class DamagedDownloadError(Exception):
    """A file arrived with another hash than the hub names."""


@dataclass(frozen=True)
class _File:
    name: str
    url: str
    size: int
    # SHA-256 of a large file, or Git's SHA-1 of a small one: the name of the file in the cache.
    etag: str
    # Where its bytes go, and where a reader looks for it: the same where the system has no links.
    target: Path
    snapshot: Path
    lock: Path

    @property
    def part(self) -> Path:
        """What has arrived so far: the name that the hub's client used when it could still resume."""
        return self.target.with_name(f"{self.etag}.incomplete")

    @property
    def here(self) -> int:
        """The bytes that are on the disk."""
        for path in (self.target, self.part):
            try:
                return min(path.stat().st_size, self.size)
            except OSError:
                continue
        return 0


def download_files(
    name: str, *, revision: str | None, patterns: Sequence[str], report: Report
) -> Path | None:
    """Download those files of a model that match, and that the hub's local cache lacks.

    Args:
        name: of the model, as `openai/clip-vit-base-patch32`.
        revision: a branch, a tag or a commit; None: the newest.
        patterns: of files, as `*.json`.
        report: called a few times a second while bytes arrive.

    Returns:
        the folder in the cache; None if the server does not say how large the files are, or what their
        hashes are, so that only its own client can fetch them.

    Raises:
        DamagedDownloadError: a file is not what the hub says it is.
        Exception: of the hub's client, its HTTP library or the disk, when trying again did not help.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.file_download import repo_folder_name

    api = HfApi()
    info = patiently(
        lambda: api.model_info(
            name, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        ),
        tries=lambda error: _tries(error, passes=is_passing(error)),
        pause=PAUSE,
        wait=seconds_to_wait,
    )
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    files = _files_of(info, name, patterns, folder)
    if not files:
        return None
    total = sum(file.size for file in files)
    missing = [file for file in files if not file.target.exists()]
    _require_space(missing, folder.parent)
    before = total - sum(file.size for file in missing)
    if missing:
        report(before, total)
    for file in missing:
        _download(file, partial(_report_whole, report, before, total))
        before += file.size
    for file in files:
        _link(file)
    _note_revision(folder, revision or constants.DEFAULT_REVISION, str(info.sha))
    return folder / "snapshots" / str(info.sha)


def _report_whole(report: Report, before: int, total: int, here: int) -> None:
    report(before + here, total)


def _files_of(info: "ModelInfo", name: str, patterns: Sequence[str], folder: Path) -> list[_File]:
    """Return the files of a model that match; none if the server does not describe one of them.

    `config.json` is the last: a folder that has it has all. A file whose name leads elsewhere is left out.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import are_symlinks_supported

    commit = info.sha or ""
    siblings = [
        sibling
        for sibling in info.siblings or []
        if any(fnmatch(sibling.rfilename, pattern) for pattern in patterns)
        and _NAME.fullmatch(sibling.rfilename)
        and ".." not in sibling.rfilename.split("/")
    ]
    described = all(_HASH.fullmatch(_etag(sibling)) and sibling.size is not None for sibling in siblings)
    if not siblings or not described or not _HASH.fullmatch(commit):
        return []
    folder.parent.mkdir(parents=True, exist_ok=True)
    linked = are_symlinks_supported(folder.parent)
    files = []
    for sibling in siblings:
        etag, snapshot = _etag(sibling), folder / "snapshots" / commit / sibling.rfilename
        files.append(
            _File(
                name=sibling.rfilename,
                url=hf_hub_url(name, sibling.rfilename, revision=commit),
                size=int(sibling.size or 0),
                etag=etag,
                target=folder / "blobs" / etag if linked and not snapshot.exists() else snapshot,
                snapshot=snapshot,
                lock=folder.parent / ".locks" / folder.name / f"{etag}.lock",
            )
        )
    return sorted(files, key=lambda file: (file.name == "config.json", file.size))


def _etag(sibling: "RepoSibling") -> str:
    return str((sibling.lfs.sha256 if sibling.lfs else sibling.blob_id) or "")


def _require_space(missing: Sequence[_File], cache: Path) -> None:
    """Check before the first byte that all will fit.

    Raises:
        OSError: ENOSPC, with the folder.
    """
    needed = sum(file.size - file.here for file in missing)
    if missing and needed > (free := shutil.disk_usage(cache).free):
        why = f"{needed / 1e6:,.1f} MB are to be downloaded, and {free / 1e6:,.1f} MB are free"
        raise OSError(errno.ENOSPC, why, str(cache))


def _link(file: _File) -> None:
    """Let the snapshot of the commit have the file, by a link to its bytes."""
    if file.snapshot.exists():
        return
    file.snapshot.parent.mkdir(parents=True, exist_ok=True)
    new = file.snapshot.with_name(f"{file.snapshot.name}.{uuid4().hex[:8]}")
    new.symlink_to(os.path.relpath(file.target, file.snapshot.parent))
    new.replace(file.snapshot)  # also a link that leads nowhere


def _note_revision(folder: Path, revision: str, commit: str) -> None:
    """Note which commit a branch or a tag names, for the next run without a network."""
    ref = folder / "refs" / revision
    if revision == commit or (ref.exists() and ref.read_text("utf-8") == commit):
        return
    ref.parent.mkdir(parents=True, exist_ok=True)
    new = ref.with_name(f"{ref.name}.{uuid4().hex[:8]}")
    new.write_text(commit, "utf-8")
    new.replace(ref)


def _download(file: _File, report: Callable[[int], None]) -> None:
    """Download one file, or what is missing of it; wait while another process does."""
    from filelock import FileLock, Timeout

    for folder in (file.target.parent, file.lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.lock)
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:  # show how far the other one is
            report(file.here)
    try:
        if file.target.exists():
            return
        resumed = file.here > 0
        try:
            _fetch_rest(file, report)
        except DamagedDownloadError:
            if not resumed:
                raise
            _fetch_rest(file, report)  # what an earlier process left was damaged, and is gone
        file.part.replace(file.target)
    finally:
        lock.release()


def _fetch_rest(file: _File, report: Callable[[int], None]) -> None:
    with file.part.open("ab") as part:
        if part.tell() < file.size or file.size == 0:
            patiently(
                lambda: _append(file, part, report),
                tries=lambda error: _tries(error, passes=_is_cut(error)),
                pause=PAUSE,
                wait=seconds_to_wait,
                progress=part.tell,
            )
        part.truncate(file.size)
    if _hash(file.part, file.etag) != file.etag:
        file.part.unlink()
        raise DamagedDownloadError(f"{file.name} arrived damaged")


def _append(file: _File, part: BinaryIO, report: Callable[[int], None]) -> None:
    """Ask for the bytes of a file that are missing, and write them as they come.

    Raises:
        EOFError: the server ended before the file did.
    """
    from huggingface_hub import get_session
    from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if have := part.tell():
        headers["Range"] = f"bytes={have}-"
    reported = 0.0
    with get_session().stream("GET", file.url, headers=headers, timeout=HF_HUB_DOWNLOAD_TIMEOUT) as response:
        if response.is_error:  # the client reads why
            response.read()
        hf_raise_for_status(response)
        if have and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.truncate(0)  # the server sends the file from its beginning
            part.seek(0)
        for piece in response.iter_raw():
            part.write(piece)
            if time.monotonic() > reported + _REPORT_SECONDS:
                report(part.tell())
                reported = time.monotonic()
            if part.tell() >= file.size:
                break
    part.flush()
    if part.tell() < file.size:
        raise EOFError(f"{file.name} ended after {part.tell():,} of {file.size:,} bytes")
    report(file.size)


def _hash(path: Path, etag: str) -> str:
    """Return the hash of a file of the kind that `etag` is."""
    with path.open("rb") as file:
        if len(etag) == _SHA256_DIGITS:
            return hashlib.file_digest(file, "sha256").hexdigest()
        git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        git.update(file.read())
        return git.hexdigest()


def _tries(error: Exception, *, passes: bool) -> int:
    """How often to meet an error before it counts; once if the hub asks to be left alone for long."""
    return TRIES if passes and seconds_to_wait(error) <= LONGEST_PAUSE else 1


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed soon: a cut, a server in trouble, or one that is asked too often.

    A server that cannot be reached at all is not asked again: mostly there is no network.
    """
    http = _http_library()
    return _is_cut(error) and not isinstance(error, http.ConnectError | http.ConnectTimeout)


def _is_cut(error: BaseException) -> bool:
    """Whether a download may go on soon: as `is_passing`, and the network was there a moment ago."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in _TRY_AGAIN
    return isinstance(error, EOFError | _http_library().TransportError)


def seconds_to_wait(error: BaseException) -> float:
    """Return for how many seconds a server asks to be left alone; 0 if it does not say."""
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _http_library() -> Any:
    """Return the HTTP library of the hub's client: `httpx` or, since version 2, `httpx2`."""
    from huggingface_hub import get_session

    return import_module(type(get_session()).__module__.partition(".")[0])
