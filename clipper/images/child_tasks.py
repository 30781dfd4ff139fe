"""One look at one file, as a sandbox's function: read it, decode it, and give all that is wanted of it.

`look` runs in a child, so that only Pillow, numpy and light modules are imported. What does not belong here:
processes (`sandbox/process.py`), and which files are looked at (`indexing/decode.py`).
"""

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import THUMBNAIL_PIXELS, decode, encode_facts, read_file, thumbnail
from clipper.images.preprocess import Transform

if TYPE_CHECKING:
    import numpy as np

    from clipper.sandbox.messages import Message


@dataclass(frozen=True)
class Request:
    """What to look at, and what for."""

    max_bytes: int
    max_pixels: int
    # The shorter side, in pixels, that what is made needs; see `images.decode`.
    smallest: int = THUMBNAIL_PIXELS
    # Asks for the model's input; None: only for facts and thumbnail.
    transform: Transform | None = None
    # A file to read; without one the bytes come with the request.
    path: str | None = None
    # What the bytes must have, hexadecimal; None: any will do.
    hash: str | None = None

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Request":
        """What `told` gave."""
        transform = Transform(**told["transform"]) if told["transform"] else None
        return cls(**told | {"transform": transform})


@dataclass(frozen=True)
class Looked:
    """What one look gave: facts as JSON text, thumbnail and crop, or the reason why not."""

    facts: str | None = None
    thumbnail: bytes | None = None
    # (s, s, 3) uint8
    crop: "np.ndarray | None" = None
    reason: str | None = None
    # The file is not there, or not the one that was meant.
    vanished: bool = False

    @classmethod
    def of(cls, answer: "Message", request: Request) -> "Looked":
        """What a child answered to `request`."""
        told, made = answer
        if error := told.get("error"):  # a picture that decodes but cannot be resized or saved
            return cls(reason=f"cannot be used: {error}")
        if reason := told.get("reason"):
            return cls(reason=reason, vanished=bool(told.get("vanished")))
        return cls(told["facts"], made[0], _crop(made[1], request.transform) if request.transform else None)


def look(told: dict[str, Any], blobs: list[bytes]) -> "Message":
    """Look at one file.

    Args:
        told: a `Request`.
        blobs: the file's bytes, unless the request names its path.

    Returns:
        What `Looked.of` reads: facts, with the thumbnail's bytes and the crop's; or a reason.

    Raises:
        MemoryError: it takes more than this process may have.
    """
    request = Request.of(told)
    try:
        data = blobs.pop() if request.path is None else read_file(request.path, most=request.max_bytes)
    except BadImageError as error:
        return {"reason": str(error), "vanished": True}, []
    except OSError as error:
        return {"reason": f"cannot be read: {error.strerror or error}", "vanished": True}, []
    if request.hash and content_hash(data).hex() != request.hash:
        return {"reason": "changed while it was being indexed; the next run takes it", "vanished": True}, []
    try:
        decoded = decode(data, max_pixels=request.max_pixels, smallest=request.smallest)
    except BadImageError as error:
        return {"reason": str(error)}, []
    del data
    made = [thumbnail(decoded.pixels)]
    if request.transform:
        made.append(request.transform.crop(decoded.pixels).tobytes())
    return {"facts": encode_facts(decoded.facts)}, made


def _crop(pixels: bytes, transform: Transform) -> "np.ndarray":
    import numpy as np

    side = transform.crop_side
    return np.frombuffer(pixels, np.uint8).reshape(side, side, 3)


def browser_png(told: dict[str, Any], blobs: list[bytes]) -> "Message":
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
