"""Exports that a session offers for download, each under a token, for a while.

What does not belong here: what an export holds (`dataset/exports.py`), and the route that sends it.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from viewer.dataset.exports import CONTENT_TYPES, Export

LIFETIME = 60.0  # seconds; a page fetches at once
MAX_OFFERS = 64  # tokens that wait; the oldest is forgotten
_lock = threading.Lock()
_offered: "OrderedDict[str, Offer]" = OrderedDict()

_sweeper: threading.Timer | None = None  # there is one while anything is offered


class Offer(NamedTuple):
    """An export that waits to be fetched, until a moment of the monotonic clock."""

    export: Export
    kind: str
    until: float


def offer(export: Export, kind: str) -> str:
    """The token under which an export can be fetched once.

    Raises:
        KeyError: there is no such kind.
    """
    if kind not in CONTENT_TYPES:
        raise KeyError(kind)
    token = secrets.token_urlsafe(24)
    with _lock:
        _drop_expired()
        _offered[token] = Offer(export, kind, time.monotonic() + LIFETIME)
        while len(_offered) > MAX_OFFERS:
            _offered.popitem(last=False)
        _schedule_sweep()
    return token


def withdraw(tokens: Iterable[str]) -> None:
    """Forget exports that nobody will fetch any more; those that were fetched are no concern."""
    with _lock:
        for token in tokens:
            _offered.pop(token, None)


def redeem(token: str) -> Offer:
    """What a token stands for; it stands for nothing afterwards.

    Raises:
        KeyError: nothing, or not any more.
    """
    with _lock:
        _drop_expired()
        return _offered.pop(token)


def _schedule_sweep() -> None:
    """Look again when the oldest has had its time; whoever calls has the lock."""
    global _sweeper  # noqa: PLW0603 - one for the process, like what it looks after
    if _sweeper is None and _offered:
        wait = max(0.0, next(iter(_offered.values())).until - time.monotonic())
        _sweeper = threading.Timer(wait + 0.05, _sweep)
        _sweeper.daemon = True
        _sweeper.start()


def _sweep() -> None:
    global _sweeper  # noqa: PLW0603
    with _lock:
        _sweeper = None
        _drop_expired()
        _schedule_sweep()


def _drop_expired() -> None:
    now = time.monotonic()
    for token in [token for token, offered in _offered.items() if offered.until < now]:
        del _offered[token]
