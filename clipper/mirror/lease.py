"""The lease on a home on an object store: one run at a time writes to it, on whichever machine.

It is an object that names its holder, written only if it is as it was read. The holder renews it in the
background. A lease that nobody renews any more, as its holder was killed, is taken over: how long ago it was
written the store's clock tells, so that those of the machines may differ. Who lost it learns that before it
writes anything else. What does not belong here: the lock on the local copy (`store/home.py`).
"""

import json
import logging
import math
import platform
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from clipper.errors import BusyError, StoreError
from clipper.mirror.layout import LEASE
from clipper.mirror.objects import ConflictError, Content, Objects

log = logging.getLogger(__name__)

LEASE_SECONDS, RENEW_SECONDS = 120.0, 30.0
_POLL_SECONDS = 2.0
_PATIENCE = 5.0  # seconds: a run that somebody stops ends soon
_NO_TAG = '"00000000000000000000000000000000"'


class Lease:
    """The lease of a run."""

    def __init__(self, objects: Objects, *, place: str) -> None:
        """Take nothing yet.

        Args:
            objects: of the home.
            place: names the local copy whose lock the caller holds: a lease from there is of a run that was
                killed.
        """
        self._objects = objects
        # A machine that was cloned has the same copy, and another name.
        self._place = f"{platform.node()}/{place}" if place else ""
        self._holder = uuid4().hex
        self._tag = ""
        self._renewed = (0.0, 0.0)
        self._lost = ""
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def take(self, *, wait: float = 0.0) -> None:
        """Take the lease, and renew it from now on; wait at most `wait` seconds for another run.

        Raises:
            BusyError: another run holds it.
            StoreError: the store refuses, does not answer, or cannot keep two runs apart.
        """
        ends = time.monotonic() + wait
        seen, since = "", time.monotonic()
        while True:
            found = self._objects.read(LEASE)
            if found is not None and found.tag != seen:
                seen, since = found.tag, time.monotonic()
            left = 0.0 if found is None else self._seconds_left(found, watched=time.monotonic() - since)
            if left <= 0.0:
                try:
                    self._put(found.tag if found else None)
                    break
                except ConflictError:
                    continue  # another run was faster
            if time.monotonic() >= ends:
                raise BusyError(
                    f"another run is indexing {self._objects.url} (on {_machine_of(found)}); wait for it to "
                    f"end, or {math.ceil(left)} seconds if it was killed, then run again"
                )
            time.sleep(min(_POLL_SECONDS, max(ends - time.monotonic(), 0.0) + 0.01))
        self._refuse_without_conditions()
        threading.Thread(target=self._renew_until_the_end, name="lease", daemon=True).start()

    def renew(self) -> None:
        """Hold the lease for another while.

        Raises:
            BusyError: another run took it over.
            StoreError: the store refuses or does not answer.
        """
        with self._lock:
            if self._lost:
                raise BusyError(self._lost)
            try:
                self._put(self._tag)
            except ConflictError:
                self._find_own()

    def require(self) -> None:
        """Make sure that nobody took the lease over, which costs a request only if it was not renewed lately.

        A process that was stopped, or a machine that slept, may have missed that.

        Raises:
            BusyError: another run took it over.
            StoreError: the store refuses or does not answer.
        """
        monotonic, wall = self._renewed
        late = max(time.monotonic() - monotonic, time.time() - wall) > RENEW_SECONDS * 1.5
        if late or self._lost:
            self.renew()

    def release(self) -> None:
        """Let the next run take it at once; if the store does not answer, that waits for the lease's end."""
        self._ended.set()
        if not self._lock.acquire(timeout=_PATIENCE):
            return  # it is being renewed, and the store does not answer
        try:
            if self._tag and not self._lost:
                self._put(self._tag, seconds=0.0)
        except ConflictError:
            pass
        except StoreError as error:
            log.warning("the lease on %s stays for a while: %s", self._objects.url, error)
        finally:
            self._lock.release()

    def _put(self, tag: str | None, *, seconds: float = LEASE_SECONDS) -> None:
        before = time.monotonic(), time.time()
        self._tag = self._objects.put(LEASE, self._terms(seconds), tag=tag)
        self._renewed = before

    def _find_own(self) -> None:
        """Find out whose the lease is now: an earlier try to renew it may have arrived after all."""
        found = self._objects.read(LEASE)
        if found is not None and _read(found).get("holder") == self._holder:
            self._tag = found.tag
            return
        self._lost = (
            f"another run, on {_machine_of(found)}, took over {self._objects.url}, as this one had not "
            "answered for long; nothing more of this run is published: run again"
        )
        raise BusyError(self._lost)

    def _renew_until_the_end(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                self.renew()
            except BusyError:
                return  # said when the run publishes
            except StoreError as error:
                log.warning("the lease on %s is not renewed yet: %s", self._objects.url, error)

    def _seconds_left(self, found: Content, *, watched: float) -> float:
        """Return how long a lease that was read still holds; `watched`: for how long it is seen unchanged."""
        told = _read(found)
        if self._place and told.get("place") == self._place:
            return 0.0
        try:
            seconds = min(LEASE_SECONDS, float(told["seconds"]))  # in this order: NaN is none
        except (KeyError, TypeError, ValueError):
            return 0.0  # it is no lease
        return seconds - max(found.age, watched)

    def _terms(self, seconds: float = LEASE_SECONDS) -> bytes:
        told = {
            "holder": self._holder,
            "nonce": uuid4().hex,  # no two writings are equal: what is there tells whether one arrived
            "place": self._place,
            "machine": platform.node(),
            "seconds": seconds,  # for which it holds, unless it is renewed
            "written": datetime.now(UTC).isoformat(timespec="seconds"),  # for a person who reads it
        }
        return json.dumps(told, indent=1).encode() + b"\n"

    def _refuse_without_conditions(self) -> None:
        """Refuse a store that writes without regard to conditions: two runs would destroy each other's work.

        Raises:
            StoreError: it does.
        """
        for tag in (None, _NO_TAG):
            try:
                self._objects.put(LEASE, self._terms(), tag=tag)
            except ConflictError:
                continue
            raise StoreError(
                f"the server of {self._objects.url} writes an object even if another run changed it (it does "
                "not know If-Match and If-None-Match); keep the home in a folder, or on a server that does"
            )


def _read(found: Content | None) -> Mapping[str, Any]:
    try:
        told = json.loads(found.data if found else b"")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _machine_of(found: Content | None) -> str:
    return " ".join(str(_read(found).get("machine", "an unknown machine")).split())[:80]
