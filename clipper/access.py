"""Errors for files that the system does not hand out: whose they are, and the way out.

What does not belong here: damage (`store/home.py`), of which nobody knows anything then.
"""

import errno
import os
from pathlib import Path

from clipper.errors import AccessError

# With these the system says that it cannot hand out a file, and nothing of what is in it. By name: not every
# system has each.
_NO_ACCESS = {
    getattr(errno, name, None)
    for name in [
        "EACCES",
        "EPERM",
        "ESTALE",
        "ENOTCONN",
        "ETIMEDOUT",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "EMFILE",
        "ENFILE",
    ]
} - {None}


def is_no_access(why: object) -> bool:
    """Whether the system did not hand out a file; nothing is known about its contents then."""
    return isinstance(why, OSError) and why.errno in _NO_ACCESS


def no_access(path: Path, why: object) -> AccessError:
    """Return the error for a file that the system does not hand out: to whom it belongs, and the way out."""
    number = why.errno if isinstance(why, OSError) else None
    reason = os.strerror(number) if number else " ".join(str(why).split())
    reason += owner_of(path)
    hint = "have its owner let you read it" if number in {errno.EACCES, errno.EPERM} else "try again later"
    return AccessError(f"{path} cannot be read ({reason}); {hint}")


def owner_of(path: Path) -> str:
    """Return "; it belongs to NAME", or nothing if that is this user, or if the system does not say."""
    try:
        if path.stat().st_uid != os.geteuid():
            return f"; it belongs to {path.owner()}"
    except (OSError, KeyError, AttributeError, NotImplementedError):  # gone, a user without a name, Windows
        pass
    return ""
