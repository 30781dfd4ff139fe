"""Recognise a file by its ending or its first bytes: is it read, and if not, what to tell its owner.

What does not belong here: decoding (`images/decode.py`).
"""

import os
import re
import struct
from collections.abc import Callable

from clipper.images.decoders import camera_raw
from clipper.images.decoders.opening import JPEG_XL_BEGINNINGS, is_heif

RAW = "camera raw"
# The formats that Clipper decodes, and their usual endings. Decoding shows what a file really holds.
READABLE = (
    ("JPEG", "jpg jpeg jpe jfif jif jfi mpo jps"),
    ("PNG", "png apng"),
    ("WebP", "webp"),
    ("GIF", "gif"),
    ("TIFF", "tif tiff btf tf8 ptif"),
    ("HEIF", "heic heif hif heics heifs"),
    ("AVIF", "avif avifs"),
    ("JPEG XL", "jxl"),
    (RAW, "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2"),
    (RAW, "srf srw x3f"),
    ("BMP", "bmp dib"),
    ("PPM", "ppm pgm pbm pnm pfm"),
    ("PAM", "pam"),
    ("farbfeld", "ff"),
    ("Radiance HDR", "hdr"),
    ("JPEG 2000", "jp2 j2k j2c jpc jpf jpx"),
    ("ICO", "ico"),
    ("TGA", "tga vda icb vst targa"),
    ("Photoshop", "psd psb"),
    ("DDS", "dds"),
    ("QOI", "qoi"),
    ("PCX", "pcx pcc"),
    ("DCX", "dcx"),
    ("SGI", "sgi rgb rgba bw"),
    ("Sun raster", "ras sun"),
    ("XBM", "xbm"),
    ("XPM", "xpm"),
    ("ICNS", "icns"),
    ("CUR", "cur"),
    ("FITS", "fits fts"),
    ("FLI", "fli flc"),
    ("BLP", "blp"),
    ("FTEX", "ftc ftu ftex"),
    ("MSP", "msp"),
    ("PIXAR", "pxr"),
    ("XV thumbnail", "p7"),
    ("GIMP brush", ""),
    ("McIdas", "area"),
    ("Photo CD", ""),
    ("IFUNC", ""),
    ("SPIDER", "spider"),
)
READABLE_ENDINGS = frozenset(f".{ending}" for _, endings in READABLE for ending in endings.split())
_TO_JPEG = "convert it to JPEG or PNG"
_TO_PNG = "export it as PNG"
# Images in formats that Clipper does not decode: name, way out, endings. Some would start an interpreter, or
# fetch what they name (EPS, SVG, metafiles); the others need further libraries.
UNREAD = (
    ("a GIMP file", _TO_PNG, "xcf"),
    ("a Krita file", _TO_PNG, "kra"),
    ("SVG, a drawing", _TO_PNG, "svg svgz"),
    ("EPS", _TO_PNG, "eps epsf"),
    ("a Windows metafile", _TO_PNG, "wmf emf"),
    ("JPEG XR", _TO_JPEG, "jxr wdp hdp"),
    ("OpenEXR", _TO_JPEG, "exr"),
    ("DPX", _TO_JPEG, "dpx cin"),
    ("PICT", _TO_JPEG, "pct pict"),
    ("DICOM", _TO_JPEG, "dcm dicom"),
    ("MNG", _TO_JPEG, "mng jng"),
    ("FLIF", _TO_JPEG, "flif"),
    ("BPG", _TO_JPEG, "bpg"),
    ("an Amiga image", _TO_JPEG, "iff lbm ilbm"),
    ("an X window dump", _TO_JPEG, "xwd"),
)
_REMEDIES = {name: remedy for name, remedy, _ in UNREAD}
UNREADABLE_ENDINGS = {f".{ending}": name for name, _, endings in UNREAD for ending in endings.split()}

# Endings of files that accompany images, or have nothing to do with them: such a file is never opened to see
# whether it is an image. A file with an ending that stands in no list is (`ImageFolder.list_files`).
_OTHER_ENDINGS = """
    txt json jsonl ndjson geojson xml csv tsv yaml yml toml ini cfg conf log md rst html htm css js ts
    py pyc ipynb c cc cpp h hpp java rs go sh bat r m lua php rb
    npy npz mat pt pth pkl pickle onnx safetensors ckpt h5 hdf5 hdf nc parquet arrow feather avro orc
    tfrecord tfrecords lmdb mdb db sqlite sqlite3 zip tar gz tgz bz2 xz zst 7z rar jar whl
    mp4 m4v mov avi mkv webm wmv mpg mpeg mts m2ts 3gp flv mp3 wav flac ogg m4a aac opus mid midi
    pdf ps ai doc docx xls xlsx ppt pptx odt ods odp epub rtf tex bib
    xmp aae lrcat pp3 dop mtl obj ply stl glb gltf fbx usdz las laz srt vtt sub ass
    exe dll so dylib o a class lock tmp part crdownload swp bak md5 sha1 sha256 sig asc icc icm ttf otf
    woff woff2 lnk url webloc
"""
OTHER_ENDINGS = frozenset(f".{ending}" for ending in _OTHER_ENDINGS.split())

# First bytes of formats; the first match counts.
_READ_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    *((beginning, "JPEG XL") for beginning in JPEG_XL_BEGINNINGS),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"farbfeld", "farbfeld"),
    (b"P7\n", "PAM"),
    (b"8BPS\x00\x01", "Photoshop"),
    (b"8BPS\x00\x02", "Photoshop"),
    (b"DDS |\x00\x00\x00", "DDS"),
    (b"qoif", "QOI"),
    (b"icns", "ICNS"),
    (b"BLP1", "BLP"),
    (b"BLP2", "BLP"),
    (b"FTEX", "FTEX"),
    (b"SIMPLE  =", "FITS"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"/* XPM */", "XPM"),
    (b"DanM", "MSP"),
    (b"LinS", "MSP"),
    (b"\xb1\x68\xde\x3a", "DCX"),
    (b"\x80\xe8\x00\x00", "PIXAR"),
    (b"P7 332\n", "XV thumbnail"),
    (b"Image type: ", "IFUNC"),
)
# These are too short, or too common, to tell an image from other bytes.
_SHORT_BEGINNINGS = (
    (b"BM", "BMP"),
    (b"\x01\xda", "SGI"),
    (b"\x00\x00\x02\x00", "CUR"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x0a\x05\x01", "PCX"),
    (b"\x00\x00\x00\x00\x00\x00\x00\x04", "McIdas"),
)
_UNREAD_BEGINNINGS = (
    (b"gimp xcf", "a GIMP file"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "MNG"),
    (b"FLIF", "FLIF"),
    (b"BPG\xfb", "BPG"),
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
_AVIF_BRANDS = (b"avif", b"avis")
_AMIGA_KINDS = (b"ILBM", b"PBM ", b"RGB8", b"RGBN", b"DEEP", b"TVPP")
# Formats whose mark stands further on.
_READ_PATTERNS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", "WebP"),
    (lambda head: head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS, "AVIF"),
    (is_heif, "HEIF"),
    (lambda head: camera_raw.beginning_of(head) is not None, RAW),
    (lambda head: head[4:8] == b"\x00\x00\x00\x02" and head[20:24] == b"GIMP", "GIMP brush"),
    (lambda head: head[4:6] in {b"\x11\xaf", b"\x12\xaf"} and head[88:128] == bytes(40), "FLI"),
    (lambda head: head[2048:2052] == b"PCD_", "Photo CD"),
)
# So many first bytes are enough to recognise a format; a Photo CD says what it is after 2,048.
HEAD_BYTES = 4096

MAX_MESSAGE_LENGTH = 160
ENDS_EARLY = "is damaged: its data ends early"
_BROKEN = "is damaged: its data cannot be decoded"
_NONSENSE = "is damaged: its header makes no sense"
_UNREAD_KIND = "is of a rare kind of its format, which Clipper does not read"
_MORE_KINDS = "is of a rare kind of its format, which Clipper reads after `pip install imagecodecs`"
# Words in the errors of Pillow and its libraries, and what to say instead; the first match counts.
_FAILURE_WORDS = (
    (r"imagecodecs", _MORE_KINDS),
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
    return _not_read(name) if name else None


def readable_format(head: bytes) -> str | None:
    """Return the readable format that begins with these bytes; None if unknown, and for TGA and PPM."""
    return _surely_readable_format(head) or _begins(head, _SHORT_BEGINNINGS)


def is_surely_readable(head: bytes) -> bool:
    """Whether only a readable format begins with these bytes."""
    return _surely_readable_format(head) is not None


def is_surely_image(head: bytes) -> bool:
    """Whether only an image begins with these bytes, whether Clipper reads its format or not."""
    return is_surely_readable(head) or _begins(head, _UNREAD_BEGINNINGS) is not None or _is_amiga(head)


def _surely_readable_format(head: bytes) -> str | None:
    return next((name for is_it, name in _READ_PATTERNS if is_it(head)), None) or _begins(
        head, _READ_BEGINNINGS
    )


def _is_amiga(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in _AMIGA_KINDS


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
    if b"<svg" in head.lower():
        return "SVG, a drawing"
    if _is_amiga(head):
        return "an Amiga image"
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


def _not_read(name: str) -> str:
    return f"is {name}, which Clipper does not read; {_REMEDIES[name]}"


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
