"""Files of every kind of colour, turn and transparency; which of them browsers show otherwise than Clipper.

`PICTURES` holds bytes by file name. The picture in all of them is `picture`.
"""

import io
import struct
import zlib
from collections.abc import Callable

import colour_profiles as profiles
import numpy as np
from PIL import Image, PngImagePlugin

Make = Callable[[], bytes]
ORIENTATION = 0x0112


def picture() -> Image.Image:
    """Ramps of grey and of strong colours, in which a turn, a mirror and a wrong profile show."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:16] = np.linspace(0, 255, 96)[None, :, None]
    pixels[16:40, :48] = (200, 60, 40)
    pixels[16:40, 48:] = (30, 170, 90)
    pixels[40:, :48] = (60, 60, 200)
    pixels[40:, 48:] = np.linspace((250, 240, 20), (20, 240, 250), 48)[None]
    return Image.fromarray(pixels)


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    best = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
    (image or picture()).save(buffer, kind, **best.get(kind, {}) | options)
    return buffer.getvalue()


def see_through(mode: str = "RGBA") -> Image.Image:
    image = picture().convert(mode)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def drawing(colour: str, *, kind: str = "round") -> Image.Image:
    """A drawing on transparency."""
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    box = (8, 8, 56, 56) if kind == "round" else (24, 4, 40, 60)
    image.paste(Image.new("RGBA", (box[2] - box[0], box[3] - box[1]), colour), box)
    return image


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def with_xmp(kind: str) -> bytes:
    if kind != "PNG":
        return saved(kind, xmp=XMP.encode())
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    return saved("PNG", pnginfo=texts)


def key_in_sixteen_bits() -> bytes:
    """A 16-bit grey PNG of which the black is transparent."""
    grey = np.asarray(picture().convert("L"), np.uint16) * 257
    return profiles.with_chunks(saved("PNG", Image.fromarray(grey)), profiles.chunk(b"tRNS", b"\0\0"))


def cicp_in_avif(colours: int, transfer: int) -> bytes:
    data = bytearray(saved("AVIF"))
    at = data.find(b"colrnclx") + 8
    data[at : at + 4] = bytes((0, colours, 0, transfer))
    return bytes(data)


def moving(kind: str, mode: str = "RGB") -> bytes:
    others = [Image.new(mode, (96, 64), colour) for colour in ("lime", "blue")]
    return saved(kind, picture().convert(mode), save_all=True, append_images=others, duration=10_000)


def black_ink() -> Image.Image:
    """CMYK with ramps of black over the other inks, as a separation makes them."""
    cyan, magenta, yellow, _ = picture().convert("CMYK").split()
    return Image.merge("CMYK", (cyan, magenta, yellow, Image.linear_gradient("L").resize((96, 64))))


def small_first_frame() -> bytes:
    """A GIF whose first frame leaves the rest of the canvas free, which has no colour of its own."""
    data = bytearray(saved("GIF", picture().quantize(16)))
    data[6:10] = (128).to_bytes(2, "little") + (80).to_bytes(2, "little")
    return bytes(data)


def behind_a_stand_in() -> bytes:
    """An animated PNG for which programs that show no animation have another picture."""
    return saved(
        "PNG",
        Image.new("RGB", (96, 64), "lime"),
        save_all=True,
        default_image=True,
        append_images=[picture()] * 2,
    )


def bitmap(
    bits: int,
    pixels: np.ndarray,
    masks: tuple[int, ...] = (0, 0, 0, 0),
    space: bytes = b"BGRs",
    profile: bytes = b"",
) -> bytes:
    """A BMP with the header of version 5.

    Args:
        bits: of a pixel.
        pixels: (64, 96, ...), rows from the top.
        masks: of red, green, blue and alpha.
        space: which colours it has, and their primaries and gammas.
        profile: which the header names.
    """
    raw = np.ascontiguousarray(pixels[::-1]).tobytes()
    compression = 3 if any(masks) else 0
    head = struct.pack("<IiiHHIIiiII", 124, 96, 64, 1, bits, compression, len(raw), 2835, 2835, 0, 0)
    head += struct.pack("<4I", *masks) + space.ljust(52, b"\0")
    head += struct.pack("<4I", 4, 124 + len(raw), len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(raw) + len(profile), 0, 0, 138) + head + raw + profile


def bgr() -> np.ndarray:
    return np.asarray(picture())[..., ::-1]


def empty_alpha() -> bytes:
    """A BMP of 32 bits whose fourth channel is named, and zero."""
    pixels = np.dstack([bgr(), np.zeros((64, 96), np.uint8)])
    return bitmap(32, pixels, (0xFF0000, 0xFF00, 0xFF, 0xFF000000))


def short_alpha() -> bytes:
    """A BMP of 16 bits of which one says whether a pixel is opaque."""
    blue, green, red = (channel.astype("<u2") >> 3 for channel in np.moveaxis(bgr(), 2, 0))
    opaque = (np.arange(96) > 40).astype("<u2")[None] << 15
    return bitmap(16, opaque | red << 10 | green << 5 | blue, (0x7C00, 0x3E0, 0x1F, 0x8000))


def calibrated() -> bytes:
    """A BMP whose header has primaries, as fractions of 30 bits, and gammas of 16."""
    ends = ((0.68, 0.32, 0), (0.265, 0.69, 0.045), (0.15, 0.06, 0.79))
    space = bytes(4) + struct.pack("<9i", *(round(value * (1 << 30)) for end in ends for value in end))
    return bitmap(24, bgr(), space=space + struct.pack("<3I", *[round(1.8 * 65536)] * 3))


_FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "tif": "TIFF"}
# Files that a browser shows as Clipper does.
ALIKE: dict[str, Make] = {
    **{
        f"{space}.{ending}": (lambda space=space, kind=kind: saved(kind, icc_profile=profiles.rgb(space)))
        for space in profiles.SPACES
        for ending, kind in _FORMATS.items()
    },
    "plain.jpg": lambda: saved("JPEG"),
    "plain.bmp": lambda: saved("BMP"),
    "grey.jpg": lambda: saved("JPEG", picture().convert("L"), icc_profile=profiles.grey(1.8)),
    "grey.png": lambda: saved("PNG", picture().convert("L"), icc_profile=profiles.grey(1.0)),
    "grey with colours.png": lambda: saved("PNG", picture().convert("L"), icc_profile=profiles.rgb("wide")),
    "grey and alpha.png": lambda: saved("PNG", see_through("LA"), icc_profile=profiles.grey(1.0)),
    "colours with grey.jpg": lambda: saved("JPEG", icc_profile=profiles.grey(1.0)),
    "sixteen bits.png": lambda: saved(
        "PNG",
        Image.fromarray(np.asarray(picture().convert("L"), np.uint16) * 257),
        icc_profile=profiles.grey(1.4),
    ),
    "palette.png": lambda: saved("PNG", picture().quantize(32), icc_profile=profiles.rgb("p3")),
    "palette with alpha.png": lambda: saved(
        "PNG", picture().quantize(32), icc_profile=profiles.rgb("p3"), transparency=bytes(range(0, 256, 8))
    ),
    "inks.jpg": lambda: saved("JPEG", picture().convert("CMYK"), icc_profile=profiles.inks()),
    "inks without profile.jpg": lambda: saved("JPEG", picture().convert("CMYK")),
    "inks with colours.jpg": lambda: saved(
        "JPEG", picture().convert("CMYK"), icc_profile=profiles.rgb("adobe")
    ),
    "inks and black.jpg": lambda: saved("JPEG", black_ink(), icc_profile=profiles.inks()),
    "inks and black without profile.jpg": lambda: saved("JPEG", black_ink()),
    "small first frame.gif": small_first_frame,
    "behind a stand-in.png": behind_a_stand_in,
    "short alpha.bmp": short_alpha,
    "profile.bmp": lambda: bitmap(24, bgr(), space=b"DEBM", profile=profiles.rgb("wide")),
    "broken gamma.png": lambda: profiles.with_chunks(saved("PNG"), profiles.gamma(1.0)[:-4] + b"sum?"),
    "profile packed otherwise.png": lambda: profiles.with_chunks(
        saved("PNG"), profiles.chunk(b"iCCP", b"x\0\1" + zlib.compress(profiles.rgb("wide")))
    ),
    "long text.png": lambda: profiles.with_chunks(
        saved("PNG"), profiles.chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(3_000_000)))
    ),
    "broken profile.jpg": lambda: saved("JPEG", icc_profile=b"no profile" * 30),
    "cut profile.png": lambda: saved("PNG", icc_profile=profiles.rgb("wide")[:-40]),
    **{
        f"gamma {value}.png": (lambda value=value: profiles.with_chunks(saved("PNG"), profiles.gamma(value)))
        for value in (0.3, 0.45455, 0.6, 1.0)
    },
    "gamma and primaries.png": lambda: profiles.with_chunks(
        saved("PNG"), profiles.gamma(0.45455), profiles.primaries(*profiles.P3_PRIMARIES)
    ),
    "only primaries.png": lambda: profiles.with_chunks(
        saved("PNG"), profiles.primaries(*profiles.P3_PRIMARIES)
    ),
    "sRGB before gamma.png": lambda: profiles.with_chunks(
        saved("PNG"), profiles.chunk(b"sRGB", b"\0"), profiles.gamma(1.0)
    ),
    "profile before gamma.png": lambda: profiles.with_chunks(
        saved("PNG", icc_profile=profiles.rgb("adobe")), profiles.gamma(1.0)
    ),
    **{
        f"code points {colours} {transfer}.png": (
            lambda colours=colours, transfer=transfer: profiles.with_chunks(
                saved("PNG", icc_profile=profiles.rgb("wide")), profiles.code_points(colours, transfer)
            )
        )
        for colours, transfer in ((12, 13), (9, 1), (1, 8), (1, 4), (2, 2))
    },
    **{
        f"code points {colours} {transfer}.avif": (
            lambda colours=colours, transfer=transfer: cicp_in_avif(colours, transfer)
        )
        for colours, transfer in ((12, 13), (9, 1), (1, 8), (1, 1))
    },
    "alpha.png": lambda: saved("PNG", see_through()),
    "alpha and profile.png": lambda: saved("PNG", see_through(), icc_profile=profiles.rgb("p3")),
    "alpha and profile.webp": lambda: saved("WEBP", see_through(), icc_profile=profiles.rgb("p3")),
    "one value is transparent.gif": lambda: saved("GIF", picture().quantize(16), transparency=3),
    "one grey is transparent.png": key_in_sixteen_bits,
    "moving.gif": lambda: moving("GIF"),
    "moving.webp": lambda: moving("WEBP"),
    **{f"turned {n}.jpg": (lambda n=n: saved("JPEG", exif=turned(n))) for n in range(1, 9)},
    **{f"turned {n}.avif": (lambda n=n: saved("AVIF", exif=turned(n))) for n in (3, 6, 8)},
    "turned and profile.jpg": lambda: saved("JPEG", exif=turned(6), icc_profile=profiles.rgb("p3")),
    "EXIF before XMP.jpg": lambda: saved("JPEG", exif=turned(1), xmp=XMP.encode()),
}
# Files that a browser does not turn, or shows on a ground on which nothing is seen, or in other colours (the
# first three Chromium from 156 on): they are converted.
OTHERWISE: dict[str, Make] = {
    "empty alpha.bmp": empty_alpha,
    "calibrated.bmp": calibrated,
    "alpha and profile.avif": lambda: saved("AVIF", see_through(), icc_profile=profiles.rgb("wide")),
    **{f"turned {n}.webp": (lambda n=n: saved("WEBP", exif=turned(n))) for n in (3, 6, 8)},
    **{f"turned {n}.tif": (lambda n=n: saved("TIFF", exif=turned(n))) for n in (3, 6)},
    "XMP.jpg": lambda: with_xmp("JPEG"),
    "XMP.png": lambda: with_xmp("PNG"),
    "XMP.webp": lambda: with_xmp("WEBP"),
    "white drawing.png": lambda: saved("PNG", drawing("white")),
    "other white drawing.webp": lambda: saved("WEBP", drawing("#fffef8", kind="narrow")),
    "black drawing.png": lambda: saved("PNG", drawing("black")),
}
PICTURES = ALIKE | OTHERWISE
