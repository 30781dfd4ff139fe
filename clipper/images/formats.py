"""Recognise a file by its ending or its first bytes: is it read, and if not, what to tell its owner.

What does not belong here: decoding (`images/decode.py`).
"""

import os
import re
import struct

# The formats that Clipper decodes, and their usual endings. Decoding shows what a file really holds.
_READ = (
    ("JPEG", "jpg jpeg jpe jfif jif jfi mpo"),
    ("PNG", "png apng"),
    ("WebP", "webp"),
    ("GIF", "gif"),
    ("TIFF", "tif tiff"),
    ("AVIF", "avif avifs"),
    ("BMP", "bmp dib"),
    ("PPM", "ppm pgm pbm pnm pfm"),
    ("JPEG 2000", "jp2 j2k j2c jpc jpf jpx"),
    ("ICO", "ico"),
    ("TGA", "tga vda icb vst"),
)
READABLE_ENDINGS = frozenset(f".{ending}" for _, endings in _READ for ending in endings.split())
_TO_JPEG = "convert it to JPEG or PNG"
_RAW = "camera raw"
# Images in formats that Clipper does not decode: name, way out, endings. EPS would start an interpreter; the
# others need further libraries, or (camera raw) must be developed first.
_UNREAD = (
    ("HEIF", "convert it to JPEG or AVIF", "heic heif hif"),
    (
        _RAW,
        "convert it to JPEG, as the camera's own software does",
        "arw cr2 cr3 crw dcr dng erf iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f",
    ),
    ("a Photoshop file", "export it as PNG", "psd psb"),
    ("a GIMP file", "export it as PNG", "xcf"),
    ("a Krita file", "export it as PNG", "kra"),
    ("SVG, a drawing", "export it as PNG", "svg svgz"),
    ("EPS", "export it as PNG", "eps epsf"),
    ("a Windows metafile", "export it as PNG", "wmf emf"),
    ("JPEG XL", _TO_JPEG, "jxl"),
    ("JPEG XR", _TO_JPEG, "jxr wdp hdp"),
    ("OpenEXR", _TO_JPEG, "exr"),
    ("Radiance HDR", _TO_JPEG, "hdr"),
    ("DPX", _TO_JPEG, "dpx cin"),
    ("DDS", _TO_JPEG, "dds"),
    ("PCX", _TO_JPEG, "pcx"),
    ("SGI", _TO_JPEG, "sgi"),
    ("a Sun raster", _TO_JPEG, "ras"),
    ("an X bitmap", _TO_JPEG, "xbm xpm"),
    ("PICT", _TO_JPEG, "pct pict"),
    ("QOI", _TO_JPEG, "qoi"),
    ("FITS", _TO_JPEG, "fits fts"),
    ("DICOM", _TO_JPEG, "dcm dicom"),
    ("an icon of macOS", _TO_JPEG, "icns"),
    ("a cursor", _TO_JPEG, "cur"),
    ("MNG", _TO_JPEG, "mng jng"),
    ("FLIF", _TO_JPEG, "flif"),
    ("BPG", _TO_JPEG, "bpg"),
)
_REMEDIES = {name: remedy for name, remedy, _ in _UNREAD}
UNREADABLE_ENDINGS = {f".{ending}": name for name, _, endings in _UNREAD for ending in endings.split()}

# First bytes of formats; the first match counts.
_READ_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_UNREAD_BEGINNINGS = (
    (b"8BPS", "a Photoshop file"),
    (b"gimp xcf", "a GIMP file"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"SIMPLE  =", "FITS"),
    (b"icns", "an icon of macOS"),
    (b"\x8aMNG", "MNG"),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIU\x00", _RAW),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"MMOR", _RAW),
    (b"FOVb", _RAW),
)
_OTHER_BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the image itself with `git lfs pull`"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
# So many first bytes are enough to recognise a format.
HEAD_BYTES = 1024

MAX_MESSAGE_LENGTH = 160
ENDS_EARLY = "is damaged: its data ends early"
_BROKEN = "is damaged: its data cannot be decoded"
_NONSENSE = "is damaged: its header makes no sense"
_UNREAD_KIND = "is of a rare kind of its format, which Clipper does not read"
# Words in the errors of Pillow and its libraries, and what to say instead; the first match counts.
_FAILURE_WORDS = (
    (r"MAX_TEXT|too large for|decompressed data", "holds a text too large to be one, as bombs do"),
    (r"truncated|only got|end of file|unexpected end|buffer of \d+ bytes|not enough", ENDS_EARLY),
    (
        r"unsupported|not supported|not implemented|unknown (raw mode|compression)|bits/pixel",
        _UNREAD_KIND,
    ),
    (r"data stream|decoder (error|object)|buffer overrun|next frame|cannot load|failed to decode", _BROKEN),
    (r"checksum|broken|^-?\d+$", _BROKEN),
)
_FAILURES = tuple((re.compile(pattern, re.IGNORECASE), words) for pattern, words in _FAILURE_WORDS)


def ending_of(name: str) -> str:
    """Return the ending of a file name, in lower case, with its dot."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - ten times faster, and called for every file


def reason_not_read(ending: str) -> str | None:
    """Return why images with this ending are not read; None if they are."""
    name = UNREADABLE_ENDINGS.get(ending)
    return _not_read(name, ending=ending if name == _RAW else "") if name else None


def readable_format(head: bytes) -> str | None:
    """Return the readable format that begins with these bytes; None if unknown, and for TGA and PPM."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    return _begins(head, _READ_BEGINNINGS)


def is_surely_readable(head: bytes) -> bool:
    """Whether only a readable format begins with these bytes; camera raw, for one, begins as TIFF does."""
    return readable_format(head) not in (None, "TIFF", "BMP")


def describe_unidentified(data: bytes) -> str:
    """Describe bytes in which Pillow found no readable format."""
    head = data[:HEAD_BYTES]
    if name := _unread_format(head):
        return _not_read(name)
    if name := readable_format(head):
        return f"is damaged: it begins as {name}, but what follows is not"
    if other := _begins(head, _OTHER_BEGINNINGS) or _other_kind(head):
        return f"is not an image but {other}"
    return "is not an image of a format Clipper reads"


def _unread_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIF"
    if head[4:8] == b"ftyp" and head[8:12] == b"crx ":
        return _RAW
    if b"<svg" in head.lower():
        return "SVG, a drawing"
    return _begins(head, _UNREAD_BEGINNINGS)


def _other_kind(head: bytes) -> str | None:
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page; download the image itself"
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a video"
    if head and not head.strip(b"\x00"):
        return "a file that begins with zeros only; copy it again"
    if head and _is_text(head):
        return "text"
    return None


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8") if len(head) < HEAD_BYTES else head[:-4].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c.isspace() for c in text)


def _begins(head: bytes, beginnings: tuple[tuple[bytes, str], ...]) -> str | None:
    return next((name for start, name in beginnings if head.startswith(start)), None)


def _not_read(name: str, *, ending: str = "") -> str:
    shown = f"{name} ({ending})" if ending else name
    return f"is {shown}, which Clipper does not read; {_REMEDIES[name]}"


def describe_failure(error: Exception, data: bytes, *, is_large: bool) -> str:
    """Describe, for the owner of a file, why Pillow cannot decode it.

    Args:
        error: raised by the decoder.
        data: the file's bytes.
        is_large: whether the decoder may have run out of memory: some libraries then call the file broken.
    """
    said = re.sub(r"[^ -~]+", " ", str(error)).strip()[:MAX_MESSAGE_LENGTH]
    if "cannot identify image file" in said:
        return describe_unidentified(data)
    if isinstance(error, struct.error):
        words = ENDS_EARLY
    else:
        words = next((words for pattern, words in _FAILURES if pattern.search(said)), _NONSENSE)
    if is_large and words == _BROKEN:
        words = "is damaged, or needs more memory to decode than one file may have"
    return f"{words} ({said or type(error).__name__})"
