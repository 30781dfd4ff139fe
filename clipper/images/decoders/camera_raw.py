"""Camera raw: recognise it by its bytes, and open the preview that the camera put into it, upright.

A raw file holds what the sensor measured, and beside it JPEGs that the camera developed: mostly one of full
size. Clipper shows the largest. Where there is none, or only a tiny one, `rawpy` develops the raw, if the
extra `clipper[raw]` is installed. What does not belong here: decoding the preview (`images/decode.py`).
"""

import io
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from clipper.errors import BadImageError
from clipper.images.decoders.tiff.tags import BIG, LITTLE, Directory, directories

if TYPE_CHECKING:
    from PIL import Image

# First bytes that only raw files have, and the name of the format.
BEGINNINGS = (
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIU\x00", "RW2"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"FOVb", "X3F"),
    (b"\x00MRM", "MRW"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "CRW"),
)
# Most raw files are TIFFs; the maker tells which format it is.
_MAKERS = (
    ("NIKON", "NEF"), ("CANON", "CR2"), ("SONY", "ARW"), ("PENTAX", "PEF"), ("RICOH", "PEF"),
    ("ASAHI", "PEF"),
    ("SAMSUNG", "SRW"), ("HASSELBLAD", "3FR"), ("EPSON", "ERF"), ("KODAK", "DCR"), ("EASTMAN", "DCR"),
    ("PHASE ONE", "IIQ"), ("LEAF", "MOS"), ("MAMIYA", "MEF"), ("LEICA", "RWL"), ("OLYMPUS", "ORF"),
    ("OM DIGITAL", "ORF"), ("PANASONIC", "RW2"), ("FUJIFILM", "RAF"), ("MINOLTA", "MRW"), ("KONICA", "MRW"),
)  # fmt: skip
_KIND, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _MAKE = 254, 256, 257, 259, 262, 271
_STRIPS, _TILES, _JPEG_AT, _DNG_VERSION = 273, 324, 513, 50706
_SENSOR = {32803, 34892}  # values of a colour filter array, or of one that was interpolated
_SENSOR_COMPRESSIONS = {34713, 32767, 32770, 65000, 65535}  # Nikon, Sony, Samsung, Kodak, Pentax
_START = b"\xff\xd8\xff"
_MAX_STARTS = 20_000
_MAX_SEGMENTS = 400
_DECODABLE = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive; a sensor's values are lossless: 0xC3
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
# A preview with a shorter side than this is used only if nothing can develop the raw.
SMALL = 224
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_ORIENTATION = 0x0112
_BASE_TAGS = (0x010F, 0x0110, _ORIENTATION, 0x0132)
_CR3_HEAD = 1 << 20  # its tags stand near the beginning


def format_of(data: bytes) -> str | None:
    """Return which camera raw format these bytes are, such as "NEF"; None if they are none."""
    found = list(directories(data)) if data.startswith((LITTLE, BIG)) else []
    if (known := beginning_of(data)) or not found:
        return known
    first = found[0]
    name = _by_maker(first)
    if _DNG_VERSION in first:
        return "DNG"
    if any(_is_sensor(directory) for directory in found):
        return name or "RAW"
    # Without a known sensor's tags: a camera's file whose own image is only a thumbnail of a JPEG in it.
    if (name or _is_reduced(first)) and _largest(data, found, above=_pixels(first)):
        return name or "RAW"
    return None


def beginning_of(head: bytes) -> str | None:
    """Return the raw format that alone begins with these bytes; None for those that begin as TIFF does."""
    if head[4:12] == b"ftypcrx ":
        return "CR3"
    if head[:4] in {LITTLE, BIG} and head[8:10] == b"CR":
        return "CR2"
    return next((name for start, name in BEGINNINGS if head.startswith(start)), None)


def open_preview(data: bytes, kind: str) -> "Image.Image":
    """Open the largest preview of a camera raw; `kind` is what `format_of` returned.

    Raises:
        BadImageError: it has none, and nothing is installed that develops it.
    """
    from PIL import Image

    found = _largest(data, list(directories(data)))
    is_wanting = not found or min(found[:2]) < SMALL
    image = _developing(data, kind, is_all=not found) if is_wanting and _can_develop() else None
    if image is None and found:
        # Pillow knows the JPEG's end; what follows it is the raw's.
        image = Image.open(io.BytesIO(data[found[2] :]), formats=("JPEG",))
        _take_over(image.getexif(), _exif_of(data, kind))
    elif image is None:
        raise BadImageError(
            f"is camera raw ({kind}) without a preview in it; install `clipper[raw]`, which develops it, or "
            "convert it to JPEG"
        )
    image.format = kind
    return image


def _can_develop() -> bool:
    """Whether the extra `raw` is installed."""
    return find_spec("rawpy") is not None


def _by_maker(directory: Directory) -> str | None:
    make = directory.text(_MAKE).upper()
    return next((name for maker, name in _MAKERS if make.startswith(maker)), None)


def _is_sensor(directory: Directory) -> bool:
    return directory.number(_PHOTOMETRIC) in _SENSOR or directory.number(_COMPRESSION) in _SENSOR_COMPRESSIONS


def _is_reduced(directory: Directory) -> bool:
    return bool((directory.number(_KIND) or 0) & 1) or _WIDTH not in directory


def _pixels(directory: Directory) -> int:
    return (directory.number(_WIDTH) or 0) * (directory.number(_HEIGHT) or 0)


def _largest(data: bytes, found: list[Directory], *, above: int = 0) -> tuple[int, int, int] | None:
    """Return width, height and offset of the largest JPEG in the file with more than `above` pixels."""
    sensor = {at for d in found if _is_sensor(d) for tag in (_STRIPS, _TILES) for at in d.numbers(tag)}
    tiles = {at for d in found for at in d.numbers(_TILES)}
    best = None
    for at in _starts(data):
        if at in sensor or at in tiles:  # a piece of a picture
            continue
        size = _jpeg_size(data, at)
        if size and size[0] * size[1] > above:
            best, above = (*size, at), size[0] * size[1]
    return best


def _starts(data: bytes) -> Iterator[int]:
    at = data.find(_START)
    for _ in range(_MAX_STARTS):
        if at < 0:
            return
        yield at
        at = data.find(_START, at + 2)


def _jpeg_size(data: bytes, at: int) -> tuple[int, int] | None:
    """Return width and height of a JPEG that Pillow can decode; None if other bytes only look like one.

    Its segments are followed to the start of its first scan: tables, size and scan must all be there.
    """
    size = None
    at += 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:  # noqa: PLR2004 - each segment begins with it
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:  # noqa: PLR2004 - fill bytes
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        if marker == 0xDA:  # noqa: PLR2004 - start of scan
            return size
        if marker in _DECODABLE and at + 10 <= len(data):
            if data[at + 4] != 8 or data[at + 9] not in {1, 3, 4}:  # noqa: PLR2004 - bits, components
                return None
            height, width = (int.from_bytes(data[start : start + 2]) for start in (at + 5, at + 7))
            size = (width, height) if width and height else None
        elif 0xC3 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # noqa: PLR2004 - other codings
            return None
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4]), 2)
    return None


def _exif_of(data: bytes, kind: str) -> Any:
    """Read the raw file's own EXIF; an empty one if it has none, as RAF, whose preview has it."""
    from PIL import Image

    exif = Image.Exif()
    try:
        if kind == "CR3":
            _load_cr3(exif, data[:_CR3_HEAD])
        elif data[:2] in {b"II", b"MM"} and kind != "CRW":
            start = LITTLE if data[:2] == b"II" else BIG  # ORF and RW2 have a number of their own there
            exif.load_from_fp(io.BytesIO(start + data[4:]))
    except Exception:  # noqa: BLE001 - hostile EXIF may raise anything; only it is lost
        return Image.Exif()
    return exif


def _load_cr3(exif: Any, head: bytes) -> None:
    """Read the TIFFs in the boxes of a CR3: CMT1 is the main directory, CMT2 the EXIF's, CMT4 the GPS's."""
    from PIL import Image

    for box, tag in ((b"CMT1", None), (b"CMT2", _EXIF_IFD), (b"CMT4", _GPS_IFD)):
        at = head.find(box)
        if at < 0:
            continue
        part = exif if tag is None else Image.Exif()
        part.load_from_fp(io.BytesIO(head[at + 4 :]))
        if tag is not None:
            exif.get_ifd(tag).update(dict(part))


def _take_over(own: Any, raw: Any) -> None:
    """Put the raw file's tags into those of its preview: the raw's count."""
    for tag in _BASE_TAGS:
        if (value := _quiet(raw, tag)) is not None:
            own[tag] = value
    for tag in (_EXIF_IFD, _GPS_IFD):
        try:
            part: Mapping[int, Any] = dict(raw.get_ifd(tag))
        except Exception:  # noqa: BLE001, S112 - hostile EXIF may raise anything; only this directory is lost
            continue
        if part:
            own.get_ifd(tag).update(part)


def _quiet(exif: Any, tag: int) -> Any:
    try:
        return exif.get(tag)
    except Exception:  # noqa: BLE001 - Pillow decodes a value when it is read
        return None


def _developing(data: bytes, kind: str, *, is_all: bool) -> "Image.Image | None":
    """Open a raw whose pixels LibRaw develops, as its camera would, when they are asked for.

    Args:
        data: the file's bytes.
        kind: what `format_of` returned.
        is_all: whether there is no other picture of it.

    Returns:
        the image; None if LibRaw cannot read it and there is another.

    Raises:
        BadImageError: LibRaw cannot read it, and there is no other.
    """
    import rawpy

    from clipper.images.decoders.deferred import DeferredImage

    try:
        opened = rawpy.imread(io.BytesIO(data))
    except rawpy.LibRawError as error:
        if is_all:
            raise BadImageError(
                f"is camera raw ({kind}) without a preview in it, and LibRaw cannot develop it; "
                "convert it to JPEG"
            ) from error
        return None
    with opened as raw:
        size = (raw.sizes.width // 2, raw.sizes.height // 2)
        size = size[::-1] if raw.sizes.flip & 4 else size  # LibRaw's bit for a quarter of a turn
    image = DeferredImage("RAW", size, partial(_developed, data))
    _take_over(image.getexif(), _exif_of(data, kind))
    image.getexif().pop(_ORIENTATION, None)  # LibRaw turns it
    return image


def _developed(data: bytes) -> "Image.Image":
    """Develop at half the size: each 2 x 2 of the sensor's filters is one pixel."""
    import rawpy
    from PIL import Image

    with rawpy.imread(io.BytesIO(data)) as raw:
        return Image.fromarray(raw.postprocess(use_camera_wb=True, half_size=True, output_bps=8))
