"""An image that browsers do not show, as one that they do: a sandbox's function, as `images/child_tasks.py` is.

`convert` runs in a child, so that only Pillow and light modules are imported. What does not belong here:
processes (`sandbox/process.py`), and who asks.
"""

import io
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images.decode import decode

if TYPE_CHECKING:
    from clipper.sandbox.messages import Message


def convert(told: dict[str, Any], blobs: list[bytes]) -> "Message":
    """A file as PNG, upright, no longer than asked for.

    Args:
        told: `max_pixels`, above which it is refused before it is decoded, and `longest`, pixels.
        blobs: the file's bytes.

    Returns:
        the PNG's bytes; or `reason`, why there are none.

    Raises:
        MemoryError: it takes more than this process may have.
    """
    longest = int(told["longest"])
    try:
        pixels = decode(blobs.pop(), max_pixels=int(told["max_pixels"]), smallest=longest).pixels
    except BadImageError as error:
        return {"reason": str(error)}, []
    pixels.thumbnail((longest, longest))
    out = io.BytesIO()
    pixels.save(out, "PNG", compress_level=1)
    return {}, [out.getvalue()]
