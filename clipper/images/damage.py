"""Files that end early or are broken further on: what can be decoded of them, as browsers show it.

What does not belong here: files without damage (`images/decode.py`), and what to do with damaged ones, a
setting.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images.formats import ENDS_EARLY
from clipper.images.picture.pixels import MAX_PIXELS_AT_ONCE, WHITE

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# The values of the column `damage`.
EARLY_END, BROKEN = "ends early", "broken data"
# Of a picture of which less is there, the embedding would describe the blank rest.
LEAST_PART = 0.1
# Formats whose decoders hand over what they have.
_PARTLY = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "TGA", "PPM")
_JPEG_END = b"\xff\xd9"
# A JPEG that ends in so many zeros was not written to its end, unless its end is before them.
_ZEROS = bytes(16)
# The grey of a JPEG's missing blocks.
_MISSING = (127, 128)
# Rows between two that an interlaced file has already.
_INTERLACE = 8
_STRIP = 64
# Bytes of a PNG's last chunk from its name on.
_PNG_END = 8


@dataclass(frozen=True)
class Part:
    """Which pixels of a damaged image were decoded.

    The rest is below `rows`, a share of the height, or where `decoded`, (h, w) bool, is false. An
    `interlaced` file has pixels of all rows first, which stand for their neighbours.
    """

    rows: float = 1.0
    decoded: "np.ndarray | None" = field(default=None, repr=False)
    interlaced: bool = False

    def blank(self, pixels: "Image.Image") -> "Image.Image":
        """Return RGB pixels of the image, of any size, with white where nothing was decoded."""
        from PIL import Image

        if self.decoded is None:
            at = round(self.rows * pixels.height)
            pixels.paste(WHITE, (0, at, pixels.width, pixels.height))
            return pixels
        import numpy as np

        values, decoded = np.array(pixels), self.decoded
        if self.interlaced:
            values, decoded = _spread(values, decoded)
        values[~decoded] = 255
        return Image.fromarray(values)


def words_of(reason: str) -> str | None:
    """Return the value of the column `damage` for the reason of a failure; None if it is another failure."""
    if not reason.startswith("is damaged"):
        return None
    return EARLY_END if reason.startswith(ENDS_EARLY) else BROKEN


def facts_of(kind: str, data: bytes, *, reason: str) -> dict[str, str]:
    """Return the facts of a damaged file; none of a whole one.

    Args:
        kind: the file's format, by Pillow's name.
        data: its bytes.
        reason: why it cannot be decoded as a whole. If it can, it may still lack its end, as a PNG may.
    """
    if not reason and kind == "PNG" and not 0 <= data.rfind(b"IEND") <= len(data) - _PNG_END:
        reason = f"{ENDS_EARLY} (it has no end)"
    words = words_of(reason)
    return {"damage": words, "_reason": reason} if words else {}


def ends_in_zeros(data: bytes) -> bool:
    """Whether a JPEG was not written to its end: a download whose place on the disk was taken beforehand."""
    return data.endswith(_ZEROS) and data[:2] == b"\xff\xd8" and not data.rstrip(b"\0").endswith(_JPEG_END)


def with_an_end(data: bytes) -> bytes:
    """Return a JPEG with an end: without one, nothing is decoded of a progressive one."""
    return data.rstrip(b"\0") + _JPEG_END if data[:2] == b"\xff\xd8" else data


@contextmanager
def tolerance() -> Iterator[None]:
    """Let Pillow decode as much as it can; it has one switch for the whole process, a child of its own."""
    from PIL import ImageFile

    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def load_part(image: "Image.Image", again: "Callable[[], Image.Image]", *, reason: str) -> Part:
    """Load what there is of a damaged image, within `tolerance`.

    Args:
        image: opened, or loaded.
        again: opens it once more. It is decoded over two grounds: where both show, nothing was decoded.
        reason: why it cannot be decoded as a whole.

    Raises:
        BadImageError: `reason`; less than `LEAST_PART` of it is there.
        Exception: whatever Pillow raises; nothing can be decoded.
    """
    part, share = _load(image, again) if image.format in _PARTLY else (Part(), 0.0)
    if share < LEAST_PART:
        raise BadImageError(reason)
    return part


def _load(image: "Image.Image", again: "Callable[[], Image.Image]") -> tuple[Part, float]:
    """Load an image; return its part, and the share of its rows of which something was decoded."""
    import numpy as np

    if image.format in ("JPEG", "MPO"):
        image.load()
        rows = _rows_before_missing(image)
        return Part(rows), rows
    if image.width * image.height > MAX_PIXELS_AT_ONCE:  # two of these may be too much for the memory
        image.load()
        box = image.getbbox(alpha_only=False)
        rows = box[3] / image.height if box else 0.0
        return Part(rows), rows
    with again() as other:
        interlaced = _is_interlaced(other)
        _lay(other, 255)
        other.load()
        image.load()  # over zeros
        same = np.asarray(image) == np.asarray(other)
    decoded = same if same.ndim == 2 else same.all(axis=2)  # noqa: PLR2004 - one channel
    drawn = decoded
    if image.format == "GIF" and (key := image.info.get("transparency")) is not None:
        drawn = np.asarray(image) != key  # Pillow lays it on what is transparent
    return Part(decoded=decoded, interlaced=interlaced), float(drawn.any(axis=1).mean())


def _lay(image: Any, value: int) -> None:
    """Fill the memory into which an image is decoded."""
    from PIL import Image

    bands = len(image.getbands())
    image.im = Image.new(image.mode, image.size, value if bands == 1 else (value,) * bands).im


def _is_interlaced(image: Any) -> bool:
    if image.format == "GIF":
        return bool(image.tile) and isinstance(image.tile[0][3], tuple) and bool(image.tile[0][3][1])
    return bool(image.info.get("interlace"))


def _is_missing(strip: "np.ndarray") -> "np.ndarray":
    """Return which rows have the grey of missing blocks only: (h, w, ...) -> (h,) bool."""
    import numpy as np

    flat = strip.reshape(len(strip), -1)
    missing: np.ndarray = (flat == flat[:, :1]).all(axis=1) & np.isin(flat[:, 0], _MISSING)
    return missing


def _rows_before_missing(image: "Image.Image") -> float:
    """Return the share of rows before those at the end that are all missing."""
    import numpy as np

    bottom = image.height
    while bottom:
        top = max(bottom - _STRIP, 0)
        there = np.flatnonzero(~_is_missing(np.asarray(image.crop((0, top, image.width, bottom)))))
        if there.size:
            return float(top + there[-1] + 1) / image.height
        bottom = top
    return 0.0


def _spread(values: "np.ndarray", decoded: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Let the pixels of an interlaced file's first passes stand for those that follow them."""
    import numpy as np

    height, width = decoded.shape[:2]
    across = np.maximum.accumulate(np.where(decoded, np.arange(width), 0), axis=1)
    values = values[np.arange(height)[:, None], across]
    some = np.asarray(decoded.any(axis=1))
    down = np.maximum.accumulate(np.where(some, np.arange(height), 0))
    near = some[down] & (np.arange(height) - down < _INTERLACE)
    return values[down], np.repeat(near[:, None], width, axis=1)
