"""The functions that a sandbox's child runs: decode one file for the index, or convert one for a browser.

Only Pillow, numpy and light modules are imported here, as a child loads this module. What does not belong
here: processes (`sandbox/process.py`), and which files are decoded (`indexing/contents/decode.py`).
"""

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import THUMBNAIL_PIXELS, decode, encode_facts, read_file, shrink
from clipper.images.picture.measures import measure
from clipper.images.picture.signature import signature
from clipper.images.picture.webp import write_webp
from clipper.images.preprocess import Transform

if TYPE_CHECKING:
    import numpy as np

    from clipper.sandbox.messages import Message
    from clipper.settings import Settings


@dataclass(frozen=True)
class DecodeRequest:
    """Which file to decode, within which limits, and what to make of it.

    `min_side` is the shorter side, in pixels, that the decoded image needs. `transform` asks for the model's
    input. `path` names the file; without it, the file's bytes come with the request. `hash` is the
    hexadecimal content hash that the bytes must have; without it, any will do.
    """

    max_bytes: int
    max_pixels: int
    min_side: int = THUMBNAIL_PIXELS
    transform: Transform | None = None
    path: str | None = None
    hash: str | None = None

    @classmethod
    def within(cls, settings: "Settings", transform: Transform | None, *, with_crop: bool) -> "DecodeRequest":
        """Make a request with the limits of `settings`.

        Args:
            settings: with the limits.
            transform: the model's; the image is decoded at the same size whether its crop is wanted or was
                kept from an earlier run.
            with_crop: whether the model's input is wanted.
        """
        return cls(
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
            min_side=max(transform.side if transform else 0, THUMBNAIL_PIXELS),
            transform=transform if with_crop else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Write the request as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "DecodeRequest":
        """Read what `to_json` wrote."""
        transform = Transform(**value["transform"]) if value["transform"] else None
        return cls(**value | {"transform": transform})


@dataclass(frozen=True)
class DecodeResult:
    """What came of one file: facts, a thumbnail and what the model needs, or the reason of a failure.

    The child that decodes fills in `facts` and `measures` (JSON text), `thumbnail` (WebP), `signature` (see
    `picture/signature.py`) and, if the request has a transform, `crop` ((s, s, 3) uint8). The process that
    embeds replaces `crop` by `vector` ((d,) float32). `vanished` means that the file is gone or has other
    bytes by now, so that nothing is remembered of it.
    """

    content_hash: bytes = b""
    facts: str | None = None
    measures: str | None = None
    thumbnail: bytes | None = None
    signature: bytes | None = None
    crop: "np.ndarray | None" = None
    vector: "np.ndarray | None" = None
    reason: str | None = None
    vanished: bool = False

    def to_message(self) -> "Message":
        """Write what a child answers: all but the vector, which it never has."""
        head = {
            "facts": self.facts,
            "measures": self.measures,
            "reason": self.reason,
            "vanished": self.vanished,
        }
        crop = None if self.crop is None else self.crop.tobytes()
        return head, [blob for blob in (self.thumbnail, self.signature, crop) if blob is not None]

    @classmethod
    def from_message(cls, message: "Message", request: DecodeRequest) -> "DecodeResult":
        """Read what a child answered to `request`."""
        head, blobs = message
        key = bytes.fromhex(request.hash or "")
        if error := head.get("error"):  # an image that can be decoded, but not resized or saved
            return cls(key, reason=f"cannot be used: {error}")
        if reason := head.get("reason"):
            return cls(key, reason=reason, vanished=bool(head.get("vanished")))
        return cls(
            key,
            facts=head["facts"],
            measures=head["measures"],
            thumbnail=blobs[0],
            signature=blobs[1],
            crop=_crop(blobs[2], request.transform) if request.transform else None,
        )


def decode_file(request: dict[str, Any], blobs: list[bytes]) -> "Message":
    """Decode one file.

    Args:
        request: a `DecodeRequest` as JSON.
        blobs: the file's bytes, unless the request names its path.

    Returns:
        what `DecodeResult.from_message` reads.

    Raises:
        MemoryError: the file needs more memory than this process may have.
    """
    return _decode(DecodeRequest.from_json(request), blobs).to_message()


def _decode(request: DecodeRequest, blobs: list[bytes]) -> DecodeResult:
    try:
        data = blobs.pop() if request.path is None else read_file(request.path, max_bytes=request.max_bytes)
    except BadImageError as error:
        return DecodeResult(reason=str(error), vanished=True)
    except OSError as error:
        return DecodeResult(reason=f"cannot be read: {error.strerror or error}", vanished=True)
    if request.hash and content_hash(data).hex() != request.hash:
        return DecodeResult(reason="changed while it was being indexed; the next run takes it", vanished=True)
    try:
        image = decode(data, max_pixels=request.max_pixels, min_side=request.min_side)
    except BadImageError as error:
        return DecodeResult(reason=str(error))
    del data
    small = shrink(image.pixels)
    return DecodeResult(
        facts=encode_facts(image.facts),
        measures=encode_facts(measure(image.pixels)),
        thumbnail=write_webp(small),
        signature=signature(small),
        crop=request.transform.crop(image.pixels) if request.transform else None,
    )


def _crop(pixels: bytes, transform: Transform) -> "np.ndarray":
    import numpy as np

    side = transform.crop_side
    return np.frombuffer(pixels, np.uint8).reshape(side, side, 3)


def browser_image(request: dict[str, Any], blobs: list[bytes]) -> "Message":
    """Convert a file to an upright image for a browser.

    Args:
        request: `max_pixels`, above which the image is refused before it is decoded, and `longest`, the
            longer side of the image in pixels; `small` asks for a WebP that loses a little, else it is a PNG.
        blobs: the file's bytes.

    Returns:
        the image's bytes; or the `reason` why there are none.

    Raises:
        MemoryError: the file needs more memory than this process may have.
    """
    longest = int(request["longest"])
    try:
        pixels = decode(blobs.pop(), max_pixels=int(request["max_pixels"]), min_side=longest).pixels
    except BadImageError as error:
        return {"reason": str(error)}, []
    pixels.thumbnail((longest, longest))
    if request.get("small"):
        return {}, [write_webp(pixels)]
    out = io.BytesIO()
    pixels.save(out, "PNG", compress_level=1)
    return {}, [out.getvalue()]
