"""Looking at the images folder within the time a sensor has, however long the look takes.

What does not belong here: what is done about a difference (`automation.py`).
"""

import threading
from concurrent.futures import Future, wait

from clipper.images.folder import ImageFolder

# Of the 60 seconds that Dagster gives a sensor.
PATIENCE_SECONDS = 30.0


class FolderWatch:
    """Lists a folder in a thread of its own; a look that is not over is waited for by the next tick."""

    def __init__(self) -> None:
        self._location = ""
        self._look: Future[str] | None = None
        self._lock = threading.Lock()

    def fingerprint(self, location: str, *, patience: float = PATIENCE_SECONDS) -> str | None:
        """What the folder looks like; None while the look is not over.

        Args:
            location: path or URL of the folder.
            patience: seconds to wait for the look that is under way.

        Raises:
            ImagesError: the folder is missing or cannot be read.
        """
        look = self._looking(location)
        done, _ = wait([look], timeout=patience)
        if not done:
            return None
        with self._lock:
            if self._look is look:
                self._look = None
        return look.result()

    def _looking(self, location: str) -> "Future[str]":
        with self._lock:
            if self._look is None or self._location != location:
                self._location, self._look = location, Future()
                # A daemon: a folder that hangs must not keep the code server from ending.
                threading.Thread(target=_look_at, args=(location, self._look), daemon=True).start()
            return self._look


def _look_at(location: str, look: "Future[str]") -> None:
    try:
        look.set_result(ImageFolder(location).fingerprint())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
        look.set_exception(error)
