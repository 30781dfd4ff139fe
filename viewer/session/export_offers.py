"""Offers exports for download, each under a token that is valid for a minute.

What does not belong here: the contents of an export (`dataset/exports.py`), and the route that sends it.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from viewer.dataset.dataset import Dataset

LIFETIME = 60.0  # seconds; a page downloads at once
MAX_OFFERS = 64  # offers that wait; a new one replaces the oldest
_lock = threading.Lock()
_offered: "OrderedDict[str, Offer]" = OrderedDict()

_sweeper: threading.Timer | None = None  # runs while there are offers


class Offered(Protocol):
    """Something to download: `pieces` yields it in one of its kinds."""

    @property
    def name(self) -> str:
        """What it is, for the name of the file."""

    @property
    def kinds(self) -> Sequence[str]:
        """The formats that it has."""

    @property
    def dataset(self) -> Dataset:
        """The dataset that it is of."""

    def pieces(self, kind: str, /) -> Iterator[bytes]:
        """Yield its bytes."""


class Offer(NamedTuple):
    """An export that waits for its download, until a time of the monotonic clock."""

    export: Offered
    kind: str
    until: float


def offer(export: Offered, kind: str) -> str:
    """Offer an export and return the token to download it with, once.

    Raises:
        KeyError: `kind` is none of its formats.
    """
    if kind not in export.kinds:
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
    """Withdraw offers; tokens that were used or have expired are ignored."""
    with _lock:
        for token in tokens:
            _offered.pop(token, None)


def redeem(token: str, *, home: Path | None = None) -> Offer:
    """Return the offer of a token, which is invalid afterwards.

    Raises:
        KeyError: the token is unknown, was used, has expired, or is of another home than the one given.
    """
    with _lock:
        _drop_expired()
        if home is not None and _offered[token].export.dataset.atlas.settings.home != home:
            raise KeyError(token)
        return _offered.pop(token)


def _schedule_sweep() -> None:
    """Schedule a sweep for when the oldest offer expires. The caller holds the lock."""
    global _sweeper  # noqa: PLW0603 - one for the process, as the offers are
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
