"""The functions that a sandbox's child runs: decode one file for the index, or convert one for a browser.

Only Pillow, numpy and light modules are imported here, as a child loads this module. What does not belong
here: processes (`sandbox/process.py`), and which files are decoded (`indexing/contents/decode.py`).
"""

import io
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.hashing import content_hash
from clipper.images.decode import (
    THUMBNAIL_PIXELS,
    DecodedImage,
    decode,
    encode_facts,
    read_file,
    shrink,
)
from clipper.images.picture.measures import measure
from clipper.images.picture.signature import signature
from clipper.images.picture.webp import write_webp
from clipper.images.preprocess import Transform

if TYPE_CHECKING:
    import numpy as np

    from clipper.sandbox.messages import Message


@dataclass(frozen=True)
class DecodeRequest:
    """Which file to decode, within which limits, and what to make of it.

    `transforms` has one entry for each model of a run: it asks for that model's input, and None for nothing.
    `with_picture` asks for what does not depend on a model: the thumbnail, the measures and the signature.
    They are made of an image that is decoded to at least `min_side` pixels on its shorter side. `path` names
    the file; without it, the file's bytes come with the request. `hash` is the hexadecimal content hash that
    the bytes must have; without it, any will do.
    """

    max_bytes: int
    max_pixels: int
    min_side: int = THUMBNAIL_PIXELS
    transforms: tuple[Transform | None, ...] = ()
    with_picture: bool = True
    path: str | None = None
    hash: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the request as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "DecodeRequest":
        """Read what `to_json` wrote."""
        transforms = tuple(Transform(**each) if each else None for each in value["transforms"])
        return cls(**value | {"transforms": transforms})


def decoded_side(transform: Transform) -> int:
    """Return the least shorter side, in pixels, of the decoded image that a model's input is made of."""
    return max(transform.side, THUMBNAIL_PIXELS)


@dataclass(frozen=True)
class DecodeResult:
    """What came of one file: facts, a thumbnail and what the models need, or the reason of a failure.

    The child that decodes fills in `facts` and `measures` (JSON text), `thumbnail` (WebP), `signature` (see
    `picture/signature.py`) and `crops`: (s, s, 3) uint8 for each transform of the request, each with its own
    s, and None where that has none. The process that embeds replaces `crops` by `vectors`, (d,) float32 in
    the same order. `vanished` means that the file is gone or has other bytes by now, so that nothing is
    remembered of it.
    """

    content_hash: bytes = b""
    facts: str | None = None
    measures: str | None = None
    thumbnail: bytes | None = None
    signature: bytes | None = None
    crops: "tuple[np.ndarray | None, ...]" = ()
    vectors: "tuple[np.ndarray | None, ...]" = ()
    reason: str | None = None
    vanished: bool = False

    @property
    def has_crops(self) -> bool:
        """Whether a model is still to embed it."""
        return any(crop is not None for crop in self.crops)

    def to_message(self) -> "Message":
        """Write what a child answers: all but the vectors, which it never has."""
        head = {
            "facts": self.facts,
            "measures": self.measures,
            "reason": self.reason,
            "vanished": self.vanished,
        }
        crops = (crop.tobytes() for crop in self.crops if crop is not None)
        return head, [blob for blob in (self.thumbnail, self.signature, *crops) if blob is not None]

    @classmethod
    def from_message(cls, message: "Message", request: DecodeRequest) -> "DecodeResult":
        """Read what a child answered to `request`."""
        head, blobs = message
        key = bytes.fromhex(request.hash or "")
        if error := head.get("error"):  # an image that can be decoded, but not resized or saved
            return cls(key, reason=f"cannot be used: {error}")
        if reason := head.get("reason"):
            return cls(key, reason=reason, vanished=bool(head.get("vanished")))
        left = iter(blobs)
        return cls(
            key,
            facts=head["facts"],
            measures=head["measures"],
            thumbnail=next(left) if request.with_picture else None,
            signature=next(left) if request.with_picture else None,
            crops=tuple(_crop(next(left), each) if each else None for each in request.transforms),
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
    wanted = [each for each in request.transforms if each]
    min_side = request.min_side if request.with_picture or not wanted else decoded_side(wanted[0])
    try:
        image = decode(data, max_pixels=request.max_pixels, min_side=min_side)
        result = DecodeResult(facts=encode_facts(image.facts))
        if request.with_picture:
            small = shrink(image.pixels)
            measures = encode_facts(measure(image.pixels))
            result = replace(
                result, measures=measures, thumbnail=write_webp(small), signature=signature(small)
            )
        return replace(result, crops=_crops(image, data, request))
    except BadImageError as error:
        return DecodeResult(reason=str(error))


def _crops(image: DecodedImage, data: bytes, request: DecodeRequest) -> "tuple[np.ndarray | None, ...]":
    """Make each model's input, of the pixels that the model would get if it were the only one.

    Models of the same size share one decoded image, and most files are decoded to the same pixels for any
    size. A large JPEG is not: it is decoded again for each size that needs another scale, one at a time.
    """
    crops: list[np.ndarray | None] = [None] * len(request.transforms)
    sides = [decoded_side(each) if each else 0 for each in request.transforms]
    for side in sorted({*sides} - {0}, key=lambda side: not image.serves(side)):
        if not image.serves(side):
            image = decode(data, max_pixels=request.max_pixels, min_side=side)
        for at, transform in enumerate(request.transforms):
            if transform and crops[at] is None and image.serves(sides[at]):
                crops[at] = transform.crop(image.pixels)
    return tuple(crops)


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
