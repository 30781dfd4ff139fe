"""Receives images that a visitor searches with: in pieces from the browser, then decoded in a child process.

A session keeps only an image's vector and a thumbnail. No URL is ever fetched. What does not belong here: the
search (`session/search.py`), and the browser's side (`components/page/query_bar.js`).
"""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from viewer.dataset.dataset import Dataset
from viewer.pools import UPLOAD_POOL
from viewer.session.answers import UPLOAD_PREFIX, Upload
from viewer.session.background import in_background
from viewer.session.search import error_message
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_BYTES = 20_000_000
MAX_SECONDS = 15.0  # for decoding one
MAX_TRANSFERS = 6  # of all visitors together, which bounds their memory
STALL_TIMEOUT = 30.0  # seconds without data, after which a transfer gives its slot to others
MAX_NAME = 60
REFUSALS = {
    "link": "A link is not opened: nothing is ever fetched for you. Save the image and drop the file.",
    "many": "Those were {count:,} files. Drop one image at a time.",
    "large": "That file has {size:.1f} MB; up to {most:.0f} MB are read. Make it smaller first.",
    "broken": "The image did not arrive whole. Drop it once more.",
    "nothing": "There is no image in that. Drop or paste an image file.",
}


class _Transfer:
    """A file on its way, with the data received so far."""

    def __init__(self, number: int, name: str, size: int) -> None:
        self.number, self.name, self.size = number, name, size
        self.data = bytearray()
        self.last_received = time.monotonic()
        self.complete = False  # an empty file too is complete only once its end has come

    def receive(self, data: bytes) -> None:
        """Append the next bytes."""
        self.data += data
        self.last_received = time.monotonic()
        self.complete = len(self.data) >= self.size


class _Slots:
    """A limited number of slots for the transfers of all visitors."""

    def __init__(self) -> None:
        self._occupied: set[_Transfer] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._occupied)

    def __contains__(self, transfer: _Transfer) -> bool:
        return transfer in self._occupied

    def acquire(self, transfer: _Transfer) -> bool:
        """Return whether a slot was free; transfers that have stalled lose theirs."""
        now = time.monotonic()
        with self._lock:
            self._occupied = {
                old for old in self._occupied if old.complete or now - old.last_received < STALL_TIMEOUT
            }
            if len(self._occupied) >= MAX_TRANSFERS:
                return False
            self._occupied.add(transfer)
            return True

    def release(self, transfer: _Transfer) -> None:
        """Free the slot of a transfer."""
        with self._lock:
            self._occupied.discard(transfer)


SLOTS = _Slots()


class Uploads:
    """The uploads of one session, one at a time: a new one replaces one on its way."""

    def __init__(self, state: ViewState, *, ready: Callable[[str], None]) -> None:
        """Call `ready` with an upload's name in `state.uploads`."""
        self._state = state
        self._ready = ready
        self._transfer: _Transfer | None = None
        self._latest = 0

    def refuse(self, message: Mapping[str, Any]) -> None:
        """Show why the browser did not send what was dropped."""
        why, count = str(message.get("why")), message.get("count")
        if why in REFUSALS:
            self.stop()
            self._refuse(why, count if isinstance(count, int) else 0)

    def begin(self, message: Mapping[str, Any]) -> None:
        """Begin a transfer; the browser announces the file's number, name and size in bytes."""
        self.stop()
        number, size, name = (message.get(key) for key in ("number", "size", "name"))
        if not isinstance(number, int) or not isinstance(size, int) or not isinstance(name, str) or size < 0:
            return
        transfer = _Transfer(number, short_name(name), size)
        if size > MAX_BYTES:
            self._refuse("large", size)
        elif not SLOTS.acquire(transfer):
            self._state.message = "Many images are being read just now. Try again in a moment."
        else:
            self._transfer = transfer
            self._state.param.update(message="", uploading=transfer.name)

    def part(self, message: Mapping[str, Any]) -> None:
        """Receive the next bytes of the announced file; ignore those of a cancelled one."""
        transfer, data = self._transfer, message.get("data")
        if transfer is None or message.get("number") != transfer.number or not isinstance(data, bytes):
            return
        if transfer not in SLOTS or len(transfer.data) + len(data) > transfer.size:
            self.stop()
            self._refuse("broken", 0)
            return
        transfer.receive(data)
        if transfer.complete:
            self._transfer = None
            self._read(transfer)

    def stop(self) -> None:
        """Cancel the transfer and the reading on their way."""
        self.end()
        self._state.uploading = ""

    def end(self) -> None:
        """Cancel them at the end of a session, without changing the state."""
        self._latest += 1
        if self._transfer:
            SLOTS.release(self._transfer)
            self._transfer = None

    def _read(self, transfer: _Transfer) -> None:
        then = partial(self._embedded, self._latest, transfer.name)
        in_background(partial(embed, self._state.dataset, transfer), then, pool=UPLOAD_POOL)

    def _embedded(self, number: int, name: str, done: "Future[tuple[str, Upload]]") -> None:
        if number != self._latest or self._state.dataset is None:
            return
        self._state.uploading = ""
        error = done.exception()
        if isinstance(error, BadImageError):
            self._state.message = f"“{name}” cannot be searched with: it {error}."
        elif error is not None:
            self._state.message = error_message(error)
        else:
            key, upload = done.result()
            self._state.add_upload(key, upload)
            self._ready(key)

    def _refuse(self, why: str, count: int) -> None:
        megabytes = {"size": count / 1e6, "most": MAX_BYTES / 1e6}
        self._state.message = REFUSALS[why].format(count=count, **megabytes)


def embed(dataset: Dataset, transfer: _Transfer) -> tuple[str, Upload]:
    """Embed an uploaded file; return its name in the session and what is kept of it.

    Raises:
        BadImageError: the file cannot be used.
        ClipperError: the model cannot be used.
    """
    try:
        data = bytes(transfer.data)
        if not data:
            raise BadImageError("is empty")
        vector, small = dataset.atlas.embed_upload(data, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
        return UPLOAD_PREFIX + content_hash(data).hex(), Upload(transfer.name, vector, small, dataset.model)
    finally:
        SLOTS.release(transfer)


def short_name(name: str) -> str:
    """Return a file's name on one line, shortened if it is long."""
    line = " ".join(name.split()) or "image"
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"
