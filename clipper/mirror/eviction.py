"""Keep the local copies of all homes below a size that a person set: the one used longest ago goes first.

A copy that a process has open, that has something the store lacks, or that has Dagster's records stays. What
does not belong here: old versions within a copy (`store/snapshots.py`).
"""

import math
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from clipper.errors import SettingsError
from clipper.mirror import location
from clipper.mirror.disk import Disk
from clipper.mirror.index import Entry, Index
from clipper.mirror.layout import in_collection
from clipper.system import delete_unless_held, hold

VARIABLE = "CLIPPER_HOME_CACHE_GB"
_LEAVING = ".leaving-"  # begins the name of a copy that is being deleted


def keep(folder: Path, kept: int | None = None) -> int | None:
    """Keep a copy from being deleted to make room, at the latest until the process ends.

    Args:
        folder: of the copy.
        kept: the descriptor that an earlier call returned; since then somebody may have deleted the copy, and
            it was made again.

    Returns:
        the descriptor that keeps it; None if there is none, as somebody deleted it just now.
    """
    marker = folder / location.MARKER
    try:
        if kept is not None and os.path.samestat(os.fstat(kept), marker.stat()):
            return kept
        descriptor = os.open(marker, os.O_RDONLY)
        os.utime(marker)  # it is used now
    except OSError:
        return kept
    hold(descriptor)
    if kept is not None:
        os.close(kept)
    return descriptor


def limit() -> float:
    """Return the most bytes that all copies shall have; infinity if nobody set it.

    Raises:
        SettingsError: the variable is no size.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return math.inf
    try:
        size = float(text) * 1e9
    except ValueError:
        size = math.nan
    if not size > 0:
        raise SettingsError(f"{VARIABLE}={text} is no size; set it to gigabytes, such as 50")
    return size


def make_room(folder: Path, needed: int) -> None:
    """Delete other copies, as far as all of them would exceed the limit with so many bytes more in this one.

    Raises:
        SettingsError: the limit is no size.
    """
    most = limit()
    if most == math.inf or not needed:
        return
    others = [each for each in folder.parent.glob("[!.]*") if each != folder and _last_used(each)]
    sizes = {each: _bytes_of(each) for each in (*others, folder)}
    left = sum(sizes.values()) + needed - most
    for each in sorted(others, key=_last_used):
        if left <= 0:
            break
        if _is_whole(each) and _delete(each):
            left -= sizes[each]
    for each in folder.parent.glob(f"{_LEAVING}*"):  # of a process that was killed
        shutil.rmtree(each, ignore_errors=True)


def _last_used(copy: Path) -> int:
    try:
        return (copy / location.MARKER).stat().st_mtime_ns
    except OSError:
        return 0  # it is no copy


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # somebody deleted it meanwhile
            total += path.lstat().st_size
    return total


def _is_whole(copy: Path) -> bool:
    """Whether the store has everything that is in a copy."""
    if (copy / "store" / "dagster").exists():
        return False
    index = Index.read(copy)
    return all(
        in_collection(name) or ((known := index.get(name)) is not None and Entry(known.tag, *stamp) == known)
        for name, stamp in Disk(copy, "").files().items()
    )


def _delete(copy: Path) -> bool:
    """Delete a copy unless a process has it open; return whether it is gone."""
    try:
        if not delete_unless_held(copy / location.MARKER):
            return False
        # Whoever opens the home at this moment finds no copy, and makes another.
        leaving = copy.rename(copy.with_name(f"{_LEAVING}{uuid4().hex}"))
    except OSError:
        return False
    shutil.rmtree(leaving, ignore_errors=True)
    return True
