"""Files, memory and Python's collector: where systems differ, behind functions that serve on all of them.

Windows neither replaces nor deletes a file that somebody has open or mapped into memory, a virus scanner for
a moment too. What does not belong here: processes (`sandbox/`).
"""

import ctypes
import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: `delete_unless_held` says what serves instead
    fcntl = None  # type: ignore[assignment]

IS_WINDOWS = os.name == "nt"
# Flags for `os.open`, of which no system has all: do not wait for a FIFO's other end, do not hand the file to
# child processes, do not translate line ends.
READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_PATIENCE = 5.0  # seconds until a file that others have open is given up
_PAUSE = 0.02
_MEMORY, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def replace_file(temporary: Path, path: Path) -> None:
    """Rename a file onto another, or a folder to a new name; on Windows, once nobody has a file of it open.

    Raises:
        OSError: it cannot be renamed, or on Windows stays open for too long.
    """
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            temporary.replace(path)
        except PermissionError:
            if not IS_WINDOWS or time.monotonic() > ends:
                raise
            time.sleep(_PAUSE)
        else:
            return


def delete_unless_open(path: Path) -> bool:
    """Delete a file that may be gone already; return False if Windows keeps it because it is open."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if not IS_WINDOWS:
            raise
        return False
    return True


def give_back_memory() -> None:
    """Give free memory back to the system; it would be kept beside what comes next.

    Arrow keeps it in its pool, and glibc what threads used: 135 MB after Chroma had written 20,000 rows.
    """
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection while heavy libraries are imported: it would take a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def free_memory() -> int | None:
    """Return the bytes of memory that a program may still take, on Linux; None where that is not known.

    A container's limit counts, as the second version of cgroups has it. Copies of files that the system keeps
    in memory count as free: it lets them go.
    """
    try:
        free = 1024 * int(_figures(_MEMORY)["MemAvailable:"])
    except (OSError, KeyError, ValueError):
        return None
    try:
        most, taken = (int((_CGROUP / name).read_text("ascii")) for name in ("memory.max", "memory.current"))
        kept = int(_figures(_CGROUP / "memory.stat")["inactive_file"])
    except (OSError, KeyError, ValueError):  # no container, or "max"
        return free
    return min(free, max(most - taken + kept, 0))


def _figures(path: Path) -> dict[str, str]:
    """Read a table of the system: name -> number, without its unit."""
    lines = (line.split() for line in path.read_text("ascii").splitlines())
    return {line[0]: line[1] for line in lines if len(line) > 1}


def hold(descriptor: int) -> None:
    """Hold an open file against `delete_unless_held` until it is closed, at the latest by the system."""
    _lock(descriptor, exclusively=False)


def delete_unless_held(path: Path) -> bool:
    """Delete a file unless somebody holds it; return whether it is gone.

    Windows keeps each file that is open, which serves as well as a lock.
    """
    if fcntl is None:
        return delete_unless_open(path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        free = _lock(descriptor, exclusively=True)
        if free:
            path.unlink()
        return free
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, exclusively: bool) -> bool:
    """Lock an open file; return False if that would wait, True on a file system without locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusively else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
