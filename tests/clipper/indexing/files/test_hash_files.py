"""Files are hashed several at a time: the result is that of one after another, and nothing waits in vain."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from clipper.errors import BadImageError, StorageError
from clipper.hashing import content_hash
from clipper.images.files.found import FoundImage, FoundImages
from clipper.images.folder import ImageFolder
from clipper.indexing.files import hash_files as hashing
from clipper.indexing.files.hash_files import Hashed, hash_files, hash_here
from clipper.indexing.scan import scan

LATER = 1_800_000_000_000_000_000


class Store(ImageFolder):
    """An object store whose files hold their names, and which reads them as a test wants."""

    def __init__(self, read: Callable[[str], None], threads: int = 4) -> None:
        super().__init__("memory://pictures")
        self._before, self._threads = read, threads
        self.asked: list[str] = []

    def reads_at_once(self) -> int:
        return self._threads

    def read(self, image_id: str, *_: object, **__: object) -> bytes:
        self.asked.append(image_id)
        self._before(image_id)
        return image_id.encode()


def files(count: int, size: int = 5) -> FoundImages:
    return FoundImages.of(FoundImage(f"{number:03}.jpg", size, 1) for number in range(count))


def hashed(folder: ImageFolder, found: FoundImages, progress: Callable[..., None] | None = None) -> Hashed:
    by = partial(hash_here, folder, started=LATER)
    return hash_files(found, np.arange(len(found)), hash_by=by, progress=progress)


def test_files_of_a_store_are_read_at_once_and_come_in_their_order():
    all_wait = threading.Barrier(4)
    others = [threading.Semaphore(0) for _ in range(8)]

    def read(image_id: str) -> None:
        all_wait.wait(timeout=60)  # one read after another would end here
        number = int(image_id[:3])
        if number % 4 < 3:
            assert others[number + 1].acquire(timeout=60)  # each ends after the one that follows it
        others[number].release()

    found = files(8)
    made = hashed(Store(read), found)
    assert [entry.id for entry in made.entries] == [image.id for image in found]
    assert [entry.content_hash for entry in made.entries] == [content_hash(i.id.encode()) for i in found]
    assert made.rows.tolist() == list(range(8))


def test_a_file_that_cannot_be_read_is_named_and_the_others_keep_their_rows():
    def read(image_id: str) -> None:
        if image_id in {"001.jpg", "004.jpg"}:
            raise BadImageError("is odd")

    made = hashed(Store(read), files(6))
    assert made.unreadable == {"001.jpg": "is odd", "004.jpg": "is odd"}
    assert made.rows.tolist() == [0, 2, 3, 5]


def test_a_run_that_is_stopped_waits_for_no_server():
    release, in_vain = threading.Event(), []

    def read(image_id: str) -> None:
        if image_id != "000.jpg" and not release.wait(timeout=60):
            in_vain.append(image_id)

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    store = Store(read)
    with pytest.raises(KeyboardInterrupt):
        hashed(store, files(100), stop)
    assert not in_vain
    release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("hash"):
            thread.join(timeout=60)
    assert len(store.asked) < 20


SILENT = """
import sys, threading
from functools import partial
import numpy as np
from clipper.images.files.found import FoundImage, FoundImages
from clipper.images.folder import ImageFolder
from clipper.indexing.files.hash_files import hash_files, hash_here
class Silent(ImageFolder):
    def read(self, image_id, *_, **__):
        if image_id != "0.jpg":
            threading.Event().wait()
        return b"0"
def stop(*_):
    raise KeyboardInterrupt
found = FoundImages.of(FoundImage(f"{number}.jpg", 5, 1) for number in range(9))
kept = []
try:
    by = partial(hash_here, Silent("memory://pictures"), started=9**20)
    hash_files(found, np.arange(9), hash_by=by, progress=stop, keep=kept.append)
except KeyboardInterrupt:
    print("kept", *(len(each) for each in kept), "pandas" in sys.modules)
"""


def test_the_process_of_a_stopped_run_ends_though_a_server_is_silent():
    ended = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, check=False, timeout=300
    )
    # An import in the middle of it could be stopped, too: the command sends Ctrl-C again while one goes on.
    assert (ended.stdout, ended.returncode) == ("kept 1 False\n", 0), ended.stderr


def test_a_server_in_trouble_ends_the_hashing_with_its_error():
    def read(image_id: str) -> None:
        if image_id == "050.jpg":
            raise StorageError("there is no network")

    store = Store(read)
    with pytest.raises(StorageError, match="no network"):
        hashed(store, files(1_000))
    assert len(store.asked) < 100


@pytest.mark.parametrize(("size", "at_once"), [(hashing.WAITING_BYTES // 2, 2), (1 << 40, 1)])
def test_large_files_are_read_by_few_threads(size: int, at_once: int):
    lock, reading, most = threading.Lock(), [], []

    def read(image_id: str) -> None:
        with lock:
            reading.append(image_id)
            most.append(len(reading))
        threading.Event().wait(0.002)
        with lock:
            reading.remove(image_id)

    hashed(Store(read), files(12, size))
    assert max(most) <= at_once


def test_files_of_a_disk_are_hashed_in_tasks_with_the_same_result(folder: Path):
    contents = {f"{number % 7}/{number:03}.jpg": b"%d" % (number % 50) for number in range(200)}
    contents["3/empty.jpg"] = b""
    for name, data in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    manifest = scan(ImageFolder(str(folder)))
    del contents["3/empty.jpg"]
    assert {entry.id: entry.content_hash for entry in manifest.entries} == {
        name: content_hash(data) for name, data in contents.items()
    }
    assert [entry.id for entry in manifest.entries] == sorted(contents)
    assert list(manifest.unreadable) == ["3/empty.jpg"]
