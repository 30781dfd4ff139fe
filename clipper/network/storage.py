"""Ask the file system behind a URL: try again what passes, and tell a refusal from a file that is gone.

Each file system of fsspec has errors of its own, and brings others of the libraries below it. They are told
apart by what they have in common, so that none of those libraries is imported. What does not belong here:
which files are read (`images/folder.py`, `images/remote.py`), and permissions on this machine (`access.py`).
"""

import errno
import re
import socket
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, TypeVar

from clipper.errors import ImagesError, RefusedError, StorageError
from clipper.network.retry import patiently

T = TypeVar("T")

# Tries in a row, and of a server that cannot be reached at all.
TRIES, TRIES_TO_REACH = 5, 2
PAUSE = 0.5
_GONE = frozenset({404, 410})
_REFUSED = frozenset({401, 403, 407})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
# By their names, and those of their bases: errors of botocore, aiohttp, requests, google-auth and gcsfs.
_NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "TokenRetrievalError",
        "SSOError",
        "ProfileNotFound",
        "DefaultCredentialsError",
        "RefreshError",
    }
)
_UNREACHABLE = frozenset(
    {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ConnectTimeout",
        "ClientConnectorError",
        "NewConnectionError",
    }
)
_CUT = frozenset(
    {
        "HTTPClientError",
        "ConnectionError",
        "ClientConnectionError",
        "ClientPayloadError",
        "Timeout",
        "TransportError",
        "IncompleteRead",
        "IncompleteReadError",
        "IncompleteBody",
        "ResponseParserError",
        "ResponseStreamingError",
        "ChunkedEncodingError",
        "ProxyError",
    }
)
# The object is there, and its owner has put it where it cannot be read for hours: a matter of that one file.
_ARCHIVED = "InvalidObjectState"
_NO_BUCKET = "NoSuchBucket"
_ERRNOS = frozenset({errno.EIO, errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT})
_STATUS_FIRST = re.compile(r"\s*([1-5]\d\d)\b")
_CREDENTIALS = {
    "s3": (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may list the bucket "
        "(s3:ListBucket) and read its objects (s3:GetObject)"
    ),
    "gs": (
        "set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`, for a user who "
        "may list and read the bucket (Storage Object Viewer)"
    ),
}
_CREDENTIALS |= {"s3a": _CREDENTIALS["s3"], "gcs": _CREDENTIALS["gs"]}


class Trouble(Enum):
    """What an error of a file system means."""

    GONE = "there is no such file"
    REFUSED = "this user may not"
    UNREACHABLE = "there is no server"
    PASSING = "a cut, or a server in trouble"
    OTHER = "something about this file alone"


def ask(location: str, request: Callable[[], T], *, doing: str = "read") -> T:
    """Return what a request to a file system returns; try again if its error may pass.

    Args:
        location: the URL that is asked for.
        request: any call.
        doing: for the message: "listed", "read".

    Raises:
        FileNotFoundError: there is no such file.
        RefusedError: this user may not, or has no credentials.
        StorageError: the server cannot be reached, or does not answer in spite of several tries.
        Exception: any other; each file system has errors of its own.
    """
    try:
        return patiently(request, tries=_tries_after, pause=PAUSE)
    except ImagesError:
        raise
    except Exception as error:
        if (shown := _for_a_person(location, error, doing)) is error:
            raise
        raise shown from error


def _tries_after(error: Exception) -> int:
    trouble = trouble_of(error)
    if trouble is Trouble.PASSING:
        return TRIES
    return TRIES_TO_REACH if trouble is Trouble.UNREACHABLE else 1


def _for_a_person(location: str, error: Exception, doing: str) -> Exception:
    """Return the error to raise: the same one, if it is about this file alone."""
    trouble = trouble_of(error)
    if doing == "read" and is_no_bucket(error):
        return RefusedError(f"{location} cannot be read: there is no such bucket; check `images`")
    if trouble is Trouble.GONE:
        return error if isinstance(error, FileNotFoundError) else FileNotFoundError(str(error))
    scheme = location.partition("://")[0]
    why = " ".join(str(error).split()) or type(error).__name__
    if trouble is Trouble.REFUSED and scheme not in ("file", "local"):
        remedy = _CREDENTIALS.get(scheme, "check the credentials and the rights of this user there")
        return RefusedError(f"{location} cannot be {doing}: {why}; {remedy}. Nothing was changed")
    if trouble in (Trouble.UNREACHABLE, Trouble.PASSING):
        endpoint = " and AWS_ENDPOINT_URL" if scheme in ("s3", "s3a") else ""
        return StorageError(
            f"{location} cannot be {doing}: {why}; check the network{endpoint}, and run again: nothing was "
            "changed, and what was embedded is kept"
        )
    return error


def trouble_of(error: BaseException) -> Trouble:
    """Tell what an error means; that of the library below counts where a file system tells less."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return Trouble.GONE
    for one in _causes(error):
        if (found := _one_trouble(one)) is not Trouble.OTHER:
            return found
        if _code(one) == _ARCHIVED:
            return Trouble.OTHER
    return Trouble.OTHER


def status_of(error: BaseException) -> int:
    """Return the status of HTTP that an error, or a cause of it, has; 0 if none."""
    return next((found for one in _causes(error) if (found := _status(one))), 0)


def is_no_bucket(error: BaseException) -> bool:
    """Whether an error says that there is no such bucket."""
    return any(_code(one) == _NO_BUCKET for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the causes of an error, the first cause first, then the error itself."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and len(chain) < 5:  # noqa: PLR2004 - deep enough
        chain.append(cause)
    return reversed(chain)


def _one_trouble(error: BaseException) -> Trouble:
    names = {base.__name__ for base in type(error).__mro__}
    status = _status(error)
    if _code(error) == _ARCHIVED:
        return Trouble.OTHER
    if status in _GONE:
        return Trouble.GONE
    if isinstance(error, PermissionError) or status in _REFUSED or names & _NO_CREDENTIALS:
        return Trouble.REFUSED
    if isinstance(error, ConnectionRefusedError | socket.gaierror) or names & _UNREACHABLE:
        return Trouble.UNREACHABLE
    passing = isinstance(error, TimeoutError | ConnectionError | EOFError) or names & _CUT
    from_server = isinstance(error, OSError) and error.errno in _ERRNOS and error.__cause__ is not None
    return Trouble.PASSING if passing or status in _PASSING or from_server else Trouble.OTHER


def _code(error: BaseException) -> str:
    """The word for an error that S3 sends."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _status(error: BaseException) -> int:
    """The status of HTTP that an error has, wherever its library keeps it; 0 if none."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        found: Any = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = next(
            (
                value
                for owner, name in ((error, "status"), (error, "code"), (response, "status_code"))
                if isinstance(value := getattr(owner, name, None), int)
            ),
            None,
        )
    if isinstance(found, int):
        return found
    text = str(error)
    if text.startswith("Forbidden"):  # gcsfs
        return 403
    told = _STATUS_FIRST.match(text)
    return int(told[1]) if told and not isinstance(error, OSError) else 0
