"""One file of every format that Clipper reads, made on the spot: red on the left, blue on the right.

Pillow writes what it can; the rest is written here byte by byte. `docs/formats.py` reads the same files.
"""

import base64
import io
import struct
from collections.abc import Callable

import numpy as np
import pylibjxl
from PIL import Image

Make = Callable[[], bytes]
RED, BLUE = (220, 20, 20), (20, 60, 220)
SIZE = (64, 48)
CAMERA = 0x0110
# 64 x 48 pixels in HEVC, encoded with x265 by pillow-heif; no encoder comes with pi-heif. Its EXIF names a
# camera, "Phone", and an orientation that HEIF's own transformations overrule.
HEIC = """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA
AERAAAIAAQAAAAAB4gABAAAAAAAAAGUAAgAAAAACRwABAAAAAAAAADYAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl
AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/
/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s
cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAA
AwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAo21kYXQAAABhKAGvCeA5IyS///pk///5Fu5D
+MORwX/7wkX3+J8R//wtyrXDc8mHEfGizW08tA5PxXiJcU/TGvr9VFWeEnyaqqQqraQ4siuY3DRxPWNxK9r50Nl+XNGw81lBKlQE8Rr4/AAAAAZF
eGlmAABNTQAqAAAACAACARAAAgAAAAYAAAAmARIAAwAAAAEABgAAAAAAAFBob25lAA==
"""


def halves(size: tuple[int, int] = SIZE, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


def written(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or halves()).save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(kind: str = "|u1", channels: int = 3) -> bytes:
    values = np.asarray(halves()).astype(kind)
    if channels == 4:
        values = np.concatenate([values, np.full_like(values[:, :, :1], 255)], axis=2)
    return values.tobytes()


def jpeg_xl() -> bytes:
    exif = Image.Exif()
    exif[CAMERA], exif[0x0112] = "Phone", 6
    encoded: bytes = pylibjxl.encode(np.asarray(halves()), lossless=True, exif=exif.tobytes())
    return encoded


def psd() -> bytes:
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, SIZE[1], SIZE[0], 8, 3)
    planes = np.moveaxis(np.asarray(halves()), 2, 0).tobytes()
    return head + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + planes


def psb() -> bytes:
    """A large Photoshop file of 16 bits, packed row by row."""
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 2, 3, SIZE[1], SIZE[0], 16, 3)
    planes = np.moveaxis(np.asarray(halves()).astype(">u2") * 257, 2, 0).reshape(3 * SIZE[1], -1)
    rows = [row.astype(">u2").tobytes() for row in planes]
    packed = [b"".join(bytes((1,)) + row[at : at + 2] for at in range(0, len(row), 2)) for row in rows]
    lengths = struct.pack(f">{len(rows)}I", *map(len, packed))
    return head + struct.pack(">IIQ", 0, 0, 0) + struct.pack(">H", 1) + lengths + b"".join(packed)


def qoi() -> bytes:
    head = b"qoif" + struct.pack(">IIBB", *SIZE, 3, 0)
    raw = b"".join(b"\xfe" + bytes(pixel) for row in np.asarray(halves()) for pixel in row)
    return head + raw + bytes(7) + b"\x01"


def dcx() -> bytes:
    return struct.pack("<III", 0x3ADE68B1, 12, 0) + written("PCX")


def sun() -> bytes:
    raw = pixels()
    return struct.pack(">8I", 0x59A66A95, *SIZE, 24, len(raw), 3, 0, 0) + raw


def xpm() -> bytes:
    width, height = SIZE
    row = '"' + "a" * (width // 2) + "b" * (width // 2) + '"'
    colours = '"a c #DC1414",\n"b c #143CDC",\n'
    rows = ",\n".join([row] * height)
    return f'/* XPM */\nstatic char *x[] = {{\n"{width} {height} 2 1",\n{colours}{rows}\n}};\n'.encode()


def cur() -> bytes:
    icon = bytearray(written("ICO", halves((32, 32), "RGBA"), sizes=[(32, 32)], bitmap_format="bmp"))
    icon[2] = 2
    return bytes(icon)


def fits() -> bytes:
    cards = (
        ("SIMPLE", "T"), ("BITPIX", "8"), ("NAXIS", "2"), ("NAXIS1", str(SIZE[0])), ("NAXIS2", str(SIZE[1])),
    )  # fmt: skip
    head = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in cards) + "END".ljust(80)
    return head.ljust(2880).encode() + halves(mode="L").tobytes()


def fli() -> bytes:
    palette = bytes([1, 0, 0, 2, *RED, *BLUE])  # one packet: from colour 0, two
    colours = struct.pack("<IH", 6 + len(palette), 4) + palette
    row = bytes([2, 32, 0, 32, 1])  # two runs of half a row
    packed = struct.pack("<IH", 6 + len(row) * SIZE[1], 15) + row * SIZE[1]
    frame = struct.pack("<IHH8x", 16 + len(colours) + len(packed), 0xF1FA, 2) + colours + packed
    head = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF12, 1, *SIZE, 8, 3, 10)
    return head.ljust(128, b"\x00") + frame


def ftex() -> bytes:
    raw = pixels()
    head = b"FTEX" + struct.pack("<iiiii", 0, *SIZE, 1, 1) + struct.pack("<ii", 1, 32)
    return head + struct.pack("<i", len(raw)) + raw


def gimp_brush() -> bytes:
    return struct.pack(">IIIII4sI", 29, 2, *SIZE, 4, b"GIMP", 10) + b"\x00" + pixels(channels=4)


def pixar() -> bytes:
    head = bytearray(1024)
    head[:4] = b"\x80\xe8\x00\x00"
    struct.pack_into("<HH", head, 416, SIZE[1], SIZE[0])
    struct.pack_into("<HH", head, 424, 14, 2)
    return bytes(head) + pixels()


def xv_thumbnail() -> bytes:
    colours = bytes([0xE0] * (SIZE[0] // 2) + [0x03] * (SIZE[0] // 2))
    return b"P7 332\n#END_OF_COMMENTS\n%d %d 255\n" % SIZE + colours * SIZE[1]


def mcidas() -> bytes:
    words = [0] * 64
    words[1], words[8], words[9], words[10], words[13], words[33] = 4, SIZE[1], SIZE[0], 1, 1, 256
    return struct.pack(">64i", *words) + halves(mode="L").tobytes()


def photo_cd() -> bytes:
    """Its base image has 768 x 512 pixels, two rows of grey to one of colours."""
    head = (bytes(2048) + b"PCD_IPI").ljust(96 * 2048, b"\x00")
    dark_and_light = bytes([60] * 384 + [150] * 384)
    return head + (2 * dark_and_light + bytes([156]) * 384 + bytes([137]) * 384) * 256


def pam() -> bytes:
    head = f"P7\nWIDTH {SIZE[0]}\nHEIGHT {SIZE[1]}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    return head.encode() + pixels(channels=4)


def farbfeld() -> bytes:
    values = np.concatenate([np.asarray(halves()), np.full((*SIZE[::-1], 1), 255, np.uint8)], axis=2)
    return b"farbfeld" + struct.pack(">II", *SIZE) + (values.astype(">u2") * 257).tobytes()


def radiance() -> bytes:
    """Rows in runs, each channel for itself: light of 220 and of 20 of 256."""
    runs = b"".join(
        bytes([128 + 32, left, 128 + 32, right])
        for left, right in zip((*RED, 128), (*BLUE, 128), strict=True)
    )
    row = b"\x02\x02" + struct.pack(">H", SIZE[0]) + runs
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % SIZE[::-1] + row * SIZE[1]


def float_tiff() -> bytes:
    """Three channels of floats, which Pillow does not read."""
    raw = (np.asarray(halves()).astype("<f4") / 255).tobytes()
    return tiff({258: (3, [32] * 3), 339: (3, [3] * 3), 262: (3, [2]), 277: (3, [3])}, raw)


def tiff(tags: dict[int, tuple[int, list[int] | bytes]], data: bytes, *, start: bytes = b"II*\x00") -> bytes:
    """A TIFF of one strip, `data`, with these tags more: tag -> (type, values)."""
    width, height = SIZE
    fields: dict[int, tuple[int, list[int] | bytes]] = {
        256: (3, [width]), 257: (3, [height]), 259: (3, [1]), 273: (4, [0]), 278: (3, [height]),
        279: (4, [len(data)]), **tags,
    }  # fmt: skip
    return directories(start, [fields], [data])


def directories(
    start: bytes, listed: list[dict[int, tuple[int, list[int] | bytes]]], blobs: list[bytes]
) -> bytes:
    """A little-endian TIFF of directories that follow each other.

    A value is a list of numbers, or bytes; in tag 273 (strips) and 513 (a JPEG) stands the number of a blob.
    """
    sizes = {3: ("H", 2), 4: ("I", 4)}
    head_bytes = sum(2 + 12 * len(tags) + 4 for tags in listed) + 8
    values, at = [], head_bytes
    blob_at = {}
    for number, blob in enumerate(blobs):
        blob_at[number] = at
        values.append(blob + bytes(len(blob) % 2))
        at += len(values[-1])
    out, position = [], 8
    for index, tags in enumerate(listed):
        entries = b""
        for tag, (kind, value) in sorted(tags.items()):
            if isinstance(value, bytes):
                raw, count = value, len(value)
            else:
                numbers = [blob_at[number] for number in value] if tag in {273, 513} else value
                raw, count = struct.pack(f"<{len(numbers)}{sizes[kind][0]}", *numbers), len(numbers)
            if len(raw) > 4:
                values.append(raw + bytes(len(raw) % 2))
                field, at = struct.pack("<I", at), at + len(values[-1])
            else:
                field = raw.ljust(4, b"\x00")
            entries += struct.pack("<HHI", tag, kind, count) + field
        position += 2 + len(entries) + 4
        following = position if index + 1 < len(listed) else 0
        out.append(struct.pack("<H", len(tags)) + entries + struct.pack("<I", following))
    return start + struct.pack("<I", 8) + b"".join(out) + b"".join(values)


def preview(size: tuple[int, int] = (320, 240)) -> bytes:
    return written("JPEG", halves(size), quality=90)


def raw_tiff(
    make: bytes = b"NIKON CORPORATION\x00",
    *,
    orientation: int = 1,
    start: bytes = b"II*\x00",
    size: tuple[int, int] = (320, 240),
    more: dict[int, tuple[int, list[int] | bytes]] | None = None,
) -> bytes:
    """A camera raw as most are: a thumbnail first, then the sensor's values, then a large preview."""
    thumbnail, sensor, large = preview((80, 60)), bytes(SIZE[0] * SIZE[1] * 2), preview(size)
    first = {
        254: (4, [1]), 256: (4, [80]), 257: (4, [60]), 259: (3, [6]), 262: (3, [6]), 271: (2, make),
        272: (2, b"Model X\x00"), 274: (3, [orientation]), 513: (4, [0]), 514: (4, [len(thumbnail)]),
        **(more or {}),
    }  # fmt: skip
    second = {
        254: (4, [0]), 256: (4, [SIZE[0]]), 257: (4, [SIZE[1]]), 258: (3, [16]), 259: (3, [1]),
        262: (3, [32803]), 273: (4, [1]), 277: (3, [1]), 278: (4, [SIZE[1]]), 279: (4, [len(sensor)]),
    }  # fmt: skip
    third = {254: (4, [1]), 259: (3, [6]), 513: (4, [2]), 514: (4, [len(large)])}
    return directories(start, [first, second, third], [thumbnail, sensor, large])


def dng() -> bytes:
    return raw_tiff(b"Leica Camera AG\x00", more={50706: (1, bytes([1, 4, 0, 0]))})


def cr2() -> bytes:
    whole = bytearray(raw_tiff(b"Canon\x00"))
    (first,) = struct.unpack_from("<I", whole, 4)
    entries = bytes(whole[first : first + 2 + 12 * struct.unpack_from("<H", whole, first)[0] + 4])
    struct.pack_into("<I", whole, 4, len(whole))  # its first directory stands at the end, behind "CR" ...
    whole[8:12] = b"CR\x02\x00"  # ... which stands where it was
    return bytes(whole) + entries


def raf() -> bytes:
    return b"FUJIFILMCCD-RAW 0201FF383501X-Test".ljust(160, b"\x00") + preview() + bytes(4_000)


def cr3() -> bytes:
    """Canon's boxes: the tags in three small TIFFs, then a preview."""
    boxes = b""
    for name, tags in (
        (b"CMT1", {271: (2, b"Canon\x00"), 272: (2, b"Canon EOS R5\x00"), 274: (3, [1])}),
        (b"CMT2", {0x8827: (3, [400])}),
    ):
        content = directories(b"II*\x00", [tags], [])
        boxes += struct.pack(">I", 8 + len(content)) + name + content
    moov = struct.pack(">I4s", 8 + len(boxes), b"moov") + boxes
    large = preview()
    return (
        b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom"
        + moov
        + struct.pack(">I4s", 8 + len(large), b"mdat")
    ) + large


def bmp(bits: int, compression: int, body: bytes, *, between: bytes = b"", colours: int = 0) -> bytes:
    """A BMP with a header of 40 bytes; `between` are its masks or its palette."""
    header = struct.pack("<IiiHHIIiiII", 40, *SIZE, 1, bits, compression, len(body), 0, 0, colours, 0)
    start = 14 + len(header) + len(between)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + between + body


def bmp_of_masks() -> bytes:
    """Four bits a channel."""
    values = (np.asarray(halves())[::-1] >> 4).astype("<u2")
    packed = values[:, :, 0] << 8 | values[:, :, 1] << 4 | values[:, :, 2]
    return bmp(16, 3, packed.astype("<u2").tobytes(), between=struct.pack("<III", 0xF00, 0xF0, 0x0F))


def bmp_of_two_bits() -> bytes:
    palette = b"".join(bytes([*colour[::-1], 0]) for colour in (RED, BLUE, (0, 0, 0), (9, 9, 9)))
    row = bytes(8) + b"\x55" * 8
    return bmp(2, 0, row * SIZE[1], between=palette, colours=4)


def bmp_of_a_png() -> bytes:
    return bmp(0, 5, written("PNG"))


# The file's name -> how it is made, and the name of the format in the facts.
FORMATS: dict[str, tuple[Make, str]] = {
    "a.jpg": (lambda: written("JPEG", quality=95), "JPEG"),
    "a.mpo": (lambda: written("MPO", save_all=True, append_images=[halves()]), "MPO"),
    "a.png": (lambda: written("PNG"), "PNG"),
    "a.webp": (lambda: written("WEBP", lossless=True), "WEBP"),
    "a.gif": (lambda: written("GIF"), "GIF"),
    "a.tif": (lambda: written("TIFF"), "TIFF"),
    "floats.tif": (float_tiff, "TIFF"),
    "a.heic": (lambda: base64.b64decode(HEIC), "HEIF"),
    "a.avif": (lambda: written("AVIF", quality=95), "AVIF"),
    "a.jxl": (jpeg_xl, "JXL"),
    "a.nef": (raw_tiff, "NEF"),
    "a.cr2": (cr2, "CR2"),
    "a.cr3": (cr3, "CR3"),
    "a.arw": (lambda: raw_tiff(b"SONY\x00"), "ARW"),
    "a.dng": (dng, "DNG"),
    "a.orf": (lambda: raw_tiff(b"OLYMPUS\x00", start=b"IIRO"), "ORF"),
    "a.rw2": (lambda: raw_tiff(b"Panasonic\x00", start=b"IIU\x00"), "RW2"),
    "a.raf": (raf, "RAF"),
    "a.pef": (lambda: raw_tiff(b"PENTAX\x00"), "PEF"),
    "a.srw": (lambda: raw_tiff(b"SAMSUNG\x00"), "SRW"),
    "a.bmp": (lambda: written("BMP"), "BMP"),
    "masks.bmp": (bmp_of_masks, "BMP"),
    "two bits.bmp": (bmp_of_two_bits, "BMP"),
    "png inside.bmp": (bmp_of_a_png, "DIB"),
    "a.ppm": (lambda: written("PPM"), "PPM"),
    "a.pam": (pam, "PAM"),
    "a.ff": (farbfeld, "FARBFELD"),
    "a.hdr": (radiance, "HDR"),
    "a.jp2": (lambda: written("JPEG2000"), "JPEG2000"),
    "a.ico": (lambda: written("ICO", halves((32, 32))), "ICO"),
    "a.cur": (cur, "CUR"),
    "a.icns": (lambda: written("ICNS", halves((128, 128))), "ICNS"),
    "a.tga": (lambda: written("TGA"), "TGA"),
    "a.psd": (psd, "PSD"),
    "a.psb": (psb, "PSD"),
    "a.dds": (lambda: written("DDS"), "DDS"),
    "a.qoi": (qoi, "QOI"),
    "a.pcx": (lambda: written("PCX"), "PCX"),
    "a.dcx": (dcx, "DCX"),
    "a.sgi": (lambda: written("SGI"), "SGI"),
    "a.ras": (sun, "SUN"),
    "a.xbm": (lambda: written("XBM", halves(mode="1")), "XBM"),
    "a.xpm": (xpm, "XPM"),
    "a.fits": (fits, "FITS"),
    "a.fli": (fli, "FLI"),
    "a.blp": (lambda: written("BLP", halves(mode="P")), "BLP"),
    "a.ftc": (ftex, "FTEX"),
    "a.msp": (lambda: written("MSP", halves(mode="1")), "MSP"),
    "a.pxr": (pixar, "PIXAR"),
    "a.p7": (xv_thumbnail, "XVThumb"),
    "a.gbr": (gimp_brush, "GBR"),
    "a.area": (mcidas, "MCIDAS"),
    "a.pcd": (photo_cd, "PCD"),
    "a.im": (lambda: written("IM"), "IM"),
    "a.spider": (lambda: written("SPIDER", halves(mode="F")), "SPIDER"),
}
# Formats of which the picture here is grey.
GREY = {"XBM", "FITS", "MSP", "MCIDAS", "PCD", "SPIDER"}
