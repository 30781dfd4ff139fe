"""Images that a visitor brings along to search with: taken in piece by piece, decoded in a child process.

Only their vector and a small picture are kept, for the session. What does not belong here: what is searched
for with them (`session/search.py`), and the browser's side (`components/page/query_bar.js`). No address is
ever fetched.
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
from viewer.session.answers import UPLOADED, Upload
from viewer.session.background import in_background
from viewer.session.search import error_message
from viewer.session.state import ViewState

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_BYTES = 20_000_000
MAX_SECONDS = 15.0  # of decoding
MAX_TRANSFERS = 6  # of all visitors: the memory they take is bounded
STALL_TIMEOUT = 30.0  # seconds; who sends nothing for longer makes room for others
MAX_NAME = 60
REFUSALS = {
    "link": "A link is not opened: nothing is ever fetched for you. Save the image and drop the file.",
    "many": "Those were {count:,} files. Drop one image at a time.",
    "large": "That file has {size:.1f} MB; up to {most:.0f} MB are read. Make it smaller first.",
    "broken": "The image did not arrive whole. Drop it once more.",
    "nothing": "There is no image in that. Drop or paste an image file.",
}


class _Transfer:
    """One file, as far as it has come."""

    def __init__(self, number: int, name: str, size: int) -> None:
        self.number, self.name, self.size = number, name, size
        self.data = bytearray()
        self.touched = time.monotonic()
        self.whole = False  # of none announced as empty is all here before its end is told

    def take(self, data: bytes) -> None:
        """The next bytes."""
        self.data += data
        self.touched = time.monotonic()
        self.whole = len(self.data) >= self.size


class _Slots:
    """The uploads of all visitors that are under way: so many, and no more."""

    def __init__(self) -> None:
        self._taken: set[_Transfer] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, one: _Transfer) -> bool:
        return one in self._taken

    def take(self, one: _Transfer) -> bool:
        """Whether there was one left; who has stopped sending loses theirs."""
        now = time.monotonic()
        with self._lock:
            self._taken = {old for old in self._taken if old.whole or now - old.touched < STALL_TIMEOUT}
            if len(self._taken) >= MAX_TRANSFERS:
                return False
            self._taken.add(one)
            return True

    def give(self, one: _Transfer) -> None:
        """It is done with."""
        with self._lock:
            self._taken.discard(one)


SLOTS = _Slots()


class Uploads:
    """The uploads of one session, one at a time: the latest is the one that is meant."""

    def __init__(self, state: ViewState, *, ready: Callable[[str], None]) -> None:
        """`ready` is called with an upload's name in `state.uploads`."""
        self._state = state
        self._ready = ready
        self._arriving: _Transfer | None = None
        self._latest = 0

    def refuse(self, message: Mapping[str, Any]) -> None:
        """Say why the browser has not sent what was dropped."""
        why, count = str(message.get("why")), message.get("count")
        if why in REFUSALS:
            self.stop()
            self._tell(why, count if isinstance(count, int) else 0)

    def begin(self, message: Mapping[str, Any]) -> None:
        """A file is announced: its number, name and size in bytes."""
        self.stop()
        number, size, name = (message.get(key) for key in ("number", "size", "name"))
        if not isinstance(number, int) or not isinstance(size, int) or not isinstance(name, str) or size < 0:
            return
        arriving = _Transfer(number, short_name(name), size)
        if size > MAX_BYTES:
            self._tell("large", size)
        elif not SLOTS.take(arriving):
            self._state.message = "Many images are being read just now. Try again in a moment."
        else:
            self._arriving = arriving
            self._state.param.update(message="", reading=arriving.name)

    def part(self, message: Mapping[str, Any]) -> None:
        """The next bytes of the announced file; of one that is called off they are nothing to us."""
        arriving, data = self._arriving, message.get("data")
        if arriving is None or message.get("number") != arriving.number or not isinstance(data, bytes):
            return
        if arriving not in SLOTS or len(arriving.data) + len(data) > arriving.size:
            self.stop()
            self._tell("broken", 0)
            return
        arriving.take(data)
        if arriving.whole:
            self._arriving = None
            self._read(arriving)

    def stop(self) -> None:
        """Nobody waits for what is on its way."""
        self.end()
        self._state.reading = ""

    def end(self) -> None:
        """The session is over, or what is on its way not wanted any more; nobody is told."""
        self._latest += 1
        if self._arriving:
            SLOTS.give(self._arriving)
            self._arriving = None

    def _read(self, arriving: _Transfer) -> None:
        then = partial(self._done, self._latest, arriving.name)
        in_background(partial(embed, self._state.dataset, arriving), then, pool=UPLOAD_POOL)

    def _done(self, number: int, name: str, done: "Future[tuple[str, Upload]]") -> None:
        if number != self._latest or self._state.dataset is None:
            return
        self._state.reading = ""
        error = done.exception()
        if isinstance(error, BadImageError):
            self._state.message = f"“{name}” cannot be searched with: it {error}."
        elif error is not None:
            self._state.message = error_message(error)
        else:
            key, upload = done.result()
            self._state.upload(key, upload)
            self._ready(key)

    def _tell(self, why: str, count: int) -> None:
        megabytes = {"size": count / 1e6, "most": MAX_BYTES / 1e6}
        self._state.message = REFUSALS[why].format(count=count, **megabytes)


def embed(dataset: Dataset, arriving: _Transfer) -> tuple[str, Upload]:
    """An uploaded file as what is kept of it, and its name.

    Raises:
        BadImageError: it cannot be used.
        ClipperError: the model cannot.
    """
    try:
        data = bytes(arriving.data)
        if not data:
            raise BadImageError("is empty")
        vector, small = dataset.atlas.embed_upload(data, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS)
        return UPLOADED + content_hash(data).hex(), Upload(arriving.name, vector, small, dataset.model)
    finally:
        SLOTS.give(arriving)


def short_name(name: str) -> str:
    """What a file is called, on one line and not too long."""
    line = " ".join(name.split()) or "image"
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"
