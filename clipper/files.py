"""Reading one file of this machine, whatever it may be.

What does not belong here: folders (`images/folder.py`), and what the bytes mean (`images/decode.py`).
"""

import os
import stat

from clipper.errors import BadImageError


def read_file(path: str, *, most: int, only: int | None = None) -> bytes:
    """The bytes of a regular file.

    Args:
        path: where it lies.
        most: bytes; a larger file is not read as a whole.
        only: so many bytes from the start; None: all.

    Raises:
        BadImageError: it is not a regular file, or too large.
        OSError: it is gone, or unreadable.
    """
    # O_NONBLOCK: a FIFO that got an image's name must not stop the run.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadImageError("is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file")
        if only is None:
            check_size(status.st_size, most=most)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most if only is None else only)
    finally:
        os.close(descriptor)


def check_size(size: int, *, most: int) -> None:
    """Refuse a file of too many bytes.

    Raises:
        BadImageError: it has more than `most`.
    """
    if size > most:
        raise BadImageError(f"has {size:,} bytes, more than the limit of {most:,} (max_bytes)")
