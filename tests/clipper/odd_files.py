"""Files of every odd kind, made on the spot, and what is to become of each.

`INDEXED` and `REFUSED` hold bytes by file name; a refused one comes with words that its reason must have.
What only a file system can hold (pipes, links, names) is made by `strange_entries`.
"""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

Make = Callable[[], bytes]


def picture(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    width, height = size
    across, down = np.linspace(0, 255, width), np.linspace(0, 255, height)
    red, green = np.meshgrid(across, down)
    pixels = np.stack([red, green, np.full_like(red, 90)], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or picture()).save(buffer, kind, **options)
    return buffer.getvalue()


def half(kind: str, **options: object) -> bytes:
    data = saved(kind, **options)
    return data[: len(data) // 2]


def animated(kind: str, frames: int = 3) -> bytes:
    others = [Image.new("RGB", (48, 32), (i % 256, 0, 0)) for i in range(frames - 1)]
    return saved(kind, save_all=True, append_images=others)


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved("JPEG", exif=exif)


def with_segments(marker: int, payload: bytes, count: int) -> bytes:
    """A JPEG with so many segments more."""
    whole = saved("JPEG")
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload
    return whole[:2] + segment * count + whole[2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(kind: bytes, data: bytes) -> bytes:
    """A PNG with one chunk more, behind its header."""
    whole = saved("PNG")
    return whole[:33] + chunk(kind, data) + whole[33:]


def png_of_size(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def png_without_checksum() -> bytes:
    whole = bytearray(saved("PNG"))
    whole[29] ^= 0xFF
    return bytes(whole)


def text_bomb() -> bytes:
    return png_with(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(50_000_000)))


def large_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "a" * 500_000, zip=True)
    return saved("PNG", pnginfo=text)


def gif_of_size(width: int, height: int) -> bytes:
    whole = bytearray(saved("GIF"))
    struct.pack_into("<HH", whole, 6, width, height)
    return bytes(whole)


def bmp_of_size(width: int, height: int) -> bytes:
    whole = bytearray(saved("BMP"))
    struct.pack_into("<ii", whole, 18, width, height)
    return bytes(whole)


def tiff(tags: dict[int, tuple[int, int, int]], *, following: int = 0, data: bytes = bytes(4_000)) -> bytes:
    """A TIFF of one directory: tag -> (type, count, value); its data begin at 1000."""
    fields = {
        256: (3, 1, 16), 257: (3, 1, 16), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 1000),
        277: (3, 1, 1), 278: (3, 1, 16), 279: (4, 1, 256),
    } | tags  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(fields.items()))
    directory = struct.pack("<H", len(fields)) + entries + struct.pack("<I", following)
    return (b"II*\x00\x08\x00\x00\x00" + directory).ljust(1000, b"\x00") + data


def jpeg_2000_with_absurd_tiles() -> bytes:
    whole = bytearray(saved("JPEG2000", picture(size=(300, 300))))
    at = whole.find(b"\xff\x51") + 4
    struct.pack_into(">I", whole, at + 18, 1)  # XTsiz: tiles one pixel wide, and ...
    struct.pack_into(">I", whole, at + 22, 1)  # ... one pixel high
    return bytes(whole)


def jpeg_2000_of_size(width: int, height: int) -> bytes:
    whole = bytearray(saved("JPEG2000"))
    struct.pack_into(">II", whole, whole.find(b"ihdr") + 4, height, width)
    struct.pack_into(">II", whole, whole.find(b"\xff\x51") + 6, width, height)
    return bytes(whole)


def webp_of_size(width: int, height: int) -> bytes:
    """An extended header with this canvas before a small image."""
    body = saved("WEBP")[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + body
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def avif_of_size(width: int, height: int) -> bytes:
    whole = bytearray(saved("AVIF"))
    struct.pack_into(">II", whole, whole.find(b"ispe") + 8, width, height)
    return bytes(whole)


def icon_of(inner: bytes) -> bytes:
    whole = bytearray(saved("ICO", sizes=[(32, 32)]))
    offset = struct.unpack_from("<I", whole, 18)[0]
    struct.pack_into("<I", whole, 14, len(inner))
    return bytes(whole[:offset]) + inner


def ifd_loop_in_exif() -> bytes:
    """EXIF whose sub-directory is the directory itself."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<H", 1) + entry + struct.pack("<I", 8)
    return with_segments(0xE1, exif, 1)


# Formats whose pixels follow each other: of half a file, half of the picture is there.
HALVED = {"bmp": "BMP", "tif": "TIFF", "tga": "TGA", "ppm": "PPM"}

INDEXED: dict[str, Make] = {
    **{f"orientation {i}.jpg": (lambda i=i: turned(i)) for i in range(1, 9)},
    "orientation 99.jpg": lambda: turned(99),
    "progressive.jpg": lambda: saved("JPEG", progressive=True),
    "grey.jpg": lambda: saved("JPEG", picture("L")),
    "cmyk without profile.jpg": lambda: saved("JPEG", picture("CMYK")),
    "cmyk.tif": lambda: saved("TIFF", picture("CMYK")),
    "sixteen bits.png": lambda: saved("PNG", Image.fromarray(np.arange(64, dtype=np.uint16)[None] * 999)),
    "sixteen bits, other end first.tif": lambda: saved(
        "TIFF", Image.frombytes("I;16B", (8, 8), bytes(range(128)))
    ),
    "floats.tif": lambda: saved("TIFF", Image.fromarray(np.linspace(-1, 1, 64, dtype=np.float32)[None])),
    "only nan.tif": lambda: saved("TIFF", Image.fromarray(np.full((8, 8), np.nan, np.float32))),
    "one bit.png": lambda: saved("PNG", picture("1")),
    "grey and alpha.png": lambda: saved("PNG", picture("LA")),
    "palette with transparency.png": lambda: saved("PNG", picture("P"), transparency=0),
    "palette with alpha table.png": lambda: saved("PNG", picture("P"), transparency=bytes(range(200))),
    "alpha.webp": lambda: saved("WEBP", picture("RGBA")),
    "one pixel.png": lambda: saved("PNG", picture(size=(1, 1))),
    "a line.png": lambda: saved("PNG", picture(size=(5_000, 1))),
    "animation.gif": lambda: animated("GIF"),
    "animation of 3000 frames.gif": lambda: animated("GIF", 3_000),
    "animation.webp": lambda: animated("WEBP"),
    "animation.png": lambda: animated("PNG"),
    "pages.tif": lambda: animated("TIFF"),
    "two eyes.mpo": lambda: animated("MPO"),
    "icon.ico": lambda: saved("ICO"),
    "runs.tga": lambda: saved("TGA", compression="tga_rle"),
    "fax.tif": lambda: saved("TIFF", picture("1"), compression="group4"),
    "circular directories.tif": lambda: tiff({}, following=8),
    "upside down.bmp": lambda: bmp_of_size(48, -32),
    "a png called.jpg": lambda: saved("PNG"),
    "a webp called.gif": lambda: saved("WEBP"),
    "a jpeg called.heic": lambda: saved("JPEG"),
    "UPPER.JPG": lambda: saved("JPEG"),
    "garbage behind.jpg": lambda: saved("JPEG") + b"garbage" * 999,
    "a thousand segments.jpg": lambda: with_segments(0xEB, bytes(100), 1_000),
    "huge exif.jpg": lambda: with_segments(0xE1, b"Exif\x00\x00" + bytes(65_000), 20),
    "exif in a circle.jpg": ifd_loop_in_exif,
    "broken profile.png": lambda: png_with(b"iCCP", b"profile\x00\x00not compressed"),
    "large text.png": large_text,
    "bomb of text.png": text_bomb,
    **{f"half.{ending}": (lambda kind=kind: half(kind)) for ending, kind in HALVED.items()},
    "canvas of another size.webp": lambda: webp_of_size(48, 32),
}  # fmt: skip

_EARLY, _BROKEN = "its data ends? early", "is damaged"
REFUSED: dict[str, tuple[Make, str]] = {
    "half.jpg": (lambda: half("JPEG"), _EARLY),
    "half.png": (lambda: half("PNG"), _EARLY),
    "half.webp": (lambda: half("WEBP"), _BROKEN),
    "half.gif": (lambda: half("GIF"), _EARLY),
    "half.avif": (lambda: half("AVIF"), _BROKEN),
    "half.jp2": (lambda: half("JPEG2000"), _BROKEN),
    "only a beginning.jpg": (lambda: saved("JPEG")[:20], _BROKEN),
    "bad checksum.png": (png_without_checksum, "begins as PNG"),
    "zeros.jpg": (lambda: bytes(5_000), "not an image but .* zeros"),
    "noise.jpg": (lambda: np.random.default_rng(7).bytes(5_000), "not an image"),
    "words.jpg": (lambda: b"only words\n" * 9, "not an image but text"),
    "page.jpg": (lambda: b"<!DOCTYPE html><html>404</html>", "not an image but a web page"),
    "document.jpg": (lambda: b"%PDF-1.7\n" + bytes(99), "not an image but a PDF"),
    "archive.png": (lambda: b"PK\x03\x04" + bytes(99), "not an image but a ZIP"),
    "film.jpg": (lambda: b"\x00\x00\x00\x20ftypisom" + bytes(99), "not an image but a video"),
    "pointer.jpg": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "postscript.jpg": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file", "is EPS"),
    "photoshop.jpg": (lambda: b"8BPS\x00\x01" + bytes(99), "begins as Photoshop"),
    "heif.jpg": (lambda: b"\x00\x00\x00\x18ftypheic" + bytes(99), "begins as HEIF"),
    "bomb.png": (lambda: png_of_size(60_000, 60_000), "60,000 x 60,000 pixels, more than the limit"),
    "bomb.gif": (lambda: gif_of_size(65_535, 65_535), "max_pixels"),
    "bomb.bmp": (lambda: bmp_of_size(2**31 - 1, 2**31 - 1), "max_pixels"),
    "bomb.jp2": (lambda: jpeg_2000_of_size(2**31 - 1, 2**31 - 1), "max_pixels|is damaged"),
    "bomb.webp": (lambda: webp_of_size(1 << 24, 1 << 7), "max_pixels|is damaged"),
    "bomb.avif": (lambda: avif_of_size(65_535, 65_535), "max_pixels|is damaged"),
    "bomb.ico": (lambda: icon_of(png_of_size(60_000, 60_000)), "is damaged|max_pixels|more memory"),
    "tiny tiles.jp2": (jpeg_2000_with_absurd_tiles, "is damaged"),
    "huge.tif": (lambda: tiff({256: (4, 1, 2**31 - 1), 257: (4, 1, 2**31 - 1)}), "max_pixels"),
    "huge tiles.tif": (
        lambda: tiff(
            {259: (3, 1, 8), 322: (4, 1, 2**30), 323: (4, 1, 2**30), 324: (4, 1, 1000), 325: (4, 1, 9)}
        ),
        "is damaged|more memory",
    ),
    "tag without end.tif": (lambda: tiff({273: (4, 2**31 - 1, 1000)}), "is damaged"),
    "directory nowhere.tif": (lambda: b"II*\x00\xff\xff\xff\x7f" + bytes(99), "begins as TIFF"),
    "rare.bmp": (lambda: bmp_of_size(48, 32)[:30] + b"\x63" + bmp_of_size(48, 32)[31:], "rare kind"),
    "camera.nef": (lambda: tiff({262: (3, 1, 32803)}), r"camera raw \(RAW\) without .*clipper\[raw\]|is "),
    "camera.CR2": (lambda: b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(99), r"is camera raw \(CR2\)|is "),
    "drawing.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is SVG, a drawing, .*PNG"),
    "drawing.eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "is EPS, .*PNG"),
    "phone.heic": (lambda: b"\x00\x00\x00\x18ftypheic" + bytes(99), "begins as HEIF"),
    "layers.psd": (lambda: b"8BPS\x00\x01", "begins as Photoshop"),
    "layers.psb": (lambda: b"8BPS\x00\x02", "begins as Photoshop"),
    "new.jxl": (lambda: b"\xff\x0a", _BROKEN),
    "light.exr": (lambda: b"", "is OpenEXR"),
}  # fmt: skip

# Left alone: no images by their ending.
OTHERS = {
    "notes.txt": b"x",
    "more.txt": b"",
    "table.csv": b"a,b\n",
    "no ending": b"x",
    "metadata.json": b"{}",
}

NAMES = (
    "line\nbreak.jpg",
    "tab\tand\\backslash.jpg",
    "quotes '\"`.jpg",
    "<script>alert(1)<\u2215script>.jpg",
    "\U0001f431 cat \u732b.jpg",
    "\u202egnp.exe.jpg",
    "\x1b[31mred.jpg",
    "-rf.jpg",
    "%2e%2e%2f.jpg",
    " spaces .jpg",
    "a" * 251 + ".jpg",
    "folder.jpg/inside.jpg",
    "/".join(["deep"] * 40) + "/down.jpg",
)


def strange_entries(folder: Path) -> dict[str, str]:
    """Make what is refused for what it is and not for its bytes: id -> words of its reason."""
    whole = saved("JPEG")
    (folder / "empty.jpg").touch()
    with (folder / "sparse.png").open("wb") as sparse:
        sparse.truncate(600 << 20)
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path is at most 107 bytes long
        listening.bind("socket.jpg")
        os.chdir(here)
    (folder / "broken link.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loop a.jpg").symlink_to(folder / "loop b.jpg")
    (folder / "loop b.jpg").symlink_to(folder / "loop a.jpg")
    (folder / "circle.jpg").symlink_to(folder)
    (folder / "zero.png").symlink_to("/dev/zero")
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:  # noqa: PTH123 - no Path of bytes
        file.write(whole)
    reasons = {
        "empty.jpg": r"is empty \(0 bytes\)",
        "sparse.png": "629,145,600 bytes.*max_bytes",
        "pipe.jpg": "not a regular file",
        "socket.jpg": "cannot be read",
        "broken link.jpg": "No such file",
        "loop a.jpg": "symbolic links",
        "loop b.jpg": "symbolic links",
        "circle.jpg": "is a folder",
        "zero.png": "not a regular file",
        "caf\\xe9.jpg": "not valid UTF-8; rename it",
    }
    if os.geteuid():
        (folder / "locked.jpg").write_bytes(whole)
        (folder / "locked.jpg").chmod(0)
        reasons["locked.jpg"] = "Permission denied"
    return reasons
