"""Colours as browsers show them: what a file says of its colours, and the conversion to sRGB.

A file says so by an ICC profile, by a PNG's gamma, or by the code points of ITU-T H.273 (CICP). Without any
of these, or with a profile that is broken or of another kind of colours, its numbers are sRGB. What does not
belong here: modes, transparency and size (`images/picture/pixels.py`).
"""

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from PIL import Image

    Curve = Callable[[np.ndarray], np.ndarray]

# A conversion that changes no channel by more than this, of 255, is none: the profile is that of sRGB.
SAME = 2
# Profiles whose conversion is kept: photos have one of a few.
_KEPT = 32
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_GREYS = ("1", "L", "LA", "La", "I", "F")
# The white of profiles (ICC.1, 7.2.16), and the cones' response by which others are adapted to it.
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
# Chromaticities x, y of red, green, blue and white.
_D65 = (0.3127, 0.3290)
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
# By H.273's number (table 2). 2 means "unspecified".
_PRIMARIES = {
    1: _SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *_D65),
}
# Transfer functions by H.273's number (table 3): exponents, and those with a formula of their own. Chromium
# takes a broadcast curve in a PNG for the exponent of a television set, and in an AVIF for sRGB.
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_SRGB_CURVE, _PQ, _HLG = 13, 16, 18
_BROADCAST, _TELEVISION = (1, 6, 14, 15), 2.4
# Light of PQ that is white here, in candela per square metre: brighter light is cut off, as paper would.
_PQ_WHITE = 300.0
# A PNG's gamma of so little less or more is that of sRGB, if the PNG has no primaries.
_SRGB_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.02
# Bytes of the two headers of a BMP that say colours.
_BMP_V4, _BMP_V5 = 108, 124
# Steps of a profile's curve.
_CURVE = 1024
# Chunks of a PNG before its pixels, and bytes of an AVIF, in which its code points are looked for.
_MOST_CHUNKS, _AVIF_HEAD = 4096, 1 << 16


@dataclass(frozen=True)
class Conversion:
    """A conversion to sRGB, for pixels of `mode`: "RGB", "L" or "CMYK".

    It is `exact` unless browsers render the colours in their own way: those of high dynamic range. With
    `folds_black`, black ink becomes the same amount of the other three first.
    """

    mode: str
    transform: Any
    exact: bool = True
    folds_black: bool = False

    def apply(self, image: "Image.Image") -> "Image.Image":
        """Convert an image, or a tile of one, to RGB; its alpha channel stays, and makes it RGBA."""
        if image.mode != self.mode:
            image = image.convert(self.mode)
        if self.folds_black:
            image = _without_black(image)
        converted: Image.Image = self.transform.apply(image)
        return converted


def _without_black(image: "Image.Image") -> "Image.Image":
    """Replace the black ink of a CMYK image by the other three."""
    from PIL import Image, ImageChops

    *inks, black = image.split()
    none = Image.new("L", image.size)
    return Image.merge("CMYK", (*(ImageChops.screen(ink, black) for ink in inks), none))


def conversion_of(image: "Image.Image", data: bytes) -> Conversion | None:
    """Return how to convert an image's colours to sRGB; None if they are sRGB already, or taken for it.

    Args:
        image: opened; it need not be loaded.
        data: the file's bytes.
    """
    profile, exact = _profile_of(image, data)
    mode = _SPACES.get(profile[16:20]) if profile else None
    if not profile or mode is None:
        return None
    if (mode == "CMYK") != (image.mode == "CMYK"):
        return None
    if mode == "L" and not (image.mode in _GREYS or image.mode.startswith("I;16")):
        return None
    transform = _transform(profile, mode)
    if transform is None:
        return None
    # Chromium does so with a JPEG before it applies the profile. What it shows must look as what is embedded.
    folds_black = mode == "CMYK" and image.format in ("JPEG", "MPO")
    return Conversion(mode, transform, exact, folds_black)


def _profile_of(image: "Image.Image", data: bytes) -> tuple[bytes | None, bool]:
    """Return the ICC profile that says what an image's numbers mean, and whether it says so exactly.

    A profile is made for gamma and for code points.

    Of a PNG's chunks the first of cICP, iCCP, sRGB and gAMA counts (PNG, third edition, 4.3).
    """
    profile: Any = image.info.get("icc_profile")
    points = None
    if image.format == "PNG":
        points = _png_code_points(data)
        gamma = image.info.get("gamma")
        if points is None and not profile and gamma and "srgb" not in image.info:
            return _profile_of_gamma(float(gamma), image.info.get("chromaticity")), True
    elif image.format == "AVIF" and not profile:
        points = _avif_code_points(data)
    elif image.format == "HEIF" and not profile:
        points = _heif_code_points(image.info.get("nclx_profile"))
    elif image.format == "BMP":
        return _bmp_profile(data), True
    if points is not None:
        made = _profile_of_code_points(*points, television=image.format == "PNG")
        return made, points[1] not in (_PQ, _HLG)
    return (profile if isinstance(profile, bytes) else None), True


def _png_code_points(data: bytes) -> tuple[int, int] | None:
    """Return the primaries and the transfer function of a PNG's chunk cICP, if they say something."""
    for kind, body in _chunks(data):
        if kind == b"cICP" and len(body) == 4 and body[0] in _PRIMARIES:  # noqa: PLR2004 - as specified
            return body[0], body[1]
    return None


def _chunks(data: bytes) -> "Iterator[tuple[bytes, bytes]]":
    """Yield the small chunks of a PNG before its pixels."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + min(length, 64)]
        at += 12 + length


def _avif_code_points(data: bytes) -> tuple[int, int] | None:
    """Return the primaries and the transfer function of an AVIF's box colr of type nclx."""
    at = data.find(b"colrnclx", 0, _AVIF_HEAD)
    if at < 0 or at + 12 > len(data):
        return None
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return primaries, transfer


def _heif_code_points(found: Any) -> tuple[int, int] | None:
    """Return the primaries and the transfer function that libheif found; it has applied the matrix."""
    try:
        return int(found["color_primaries"]), int(found["transfer_characteristics"])
    except (KeyError, TypeError, ValueError):
        return None


def _bmp_profile(data: bytes) -> bytes | None:
    """Return the profile in a BMP's header: embedded, or made of its primaries and its gamma."""
    if len(data) < _BMP_V4 + 14 or struct.unpack_from("<I", data, 14)[0] < _BMP_V4:
        return None
    space = data[70:74]
    if space == b"DEBM" and struct.unpack_from("<I", data, 14)[0] >= _BMP_V5:
        start, size = struct.unpack_from("<II", data, 126)
        return data[14 + start : 14 + start + size]
    xyz = [value / (1 << 30) for value in struct.unpack_from("<9i", data, 74)]
    gammas = [value / 65536 for value in struct.unpack_from("<3I", data, 110)]
    if space != bytes(4) or not all(0.01 < gamma < 100 for gamma in gammas):  # noqa: PLR2004 - nonsense
        return None
    points = (*xyz[0:2], *xyz[3:5], *xyz[6:8], *_D65)  # x, y and z of each, though the header calls them XYZ
    return _made_profile(points, _power(sum(gammas) / 3))


def _profile_of_code_points(primaries: int, transfer: int, *, television: bool) -> bytes | None:
    points = _PRIMARIES.get(primaries)
    curve: Curve | None
    if transfer in _BROADCAST and television:
        curve = _power(_TELEVISION)
    elif transfer in (*_BROADCAST, _SRGB_CURVE):
        curve = _srgb_curve
    elif transfer in _GAMMAS:
        curve = _power(_GAMMAS[transfer])
    else:
        curve = {_PQ: _pq_curve, _HLG: _hlg_curve}.get(transfer)
    return None if points is None or curve is None else _made_profile(points, curve)


def _profile_of_gamma(gamma: float, chromaticity: Any) -> bytes | None:
    """Make a profile of a PNG's gAMA (the exponent of encoding) and cHRM (white, red, green, blue)."""
    if not 0.01 < gamma < 100:  # noqa: PLR2004 - nonsense
        return None
    points: tuple[float, ...] = _SRGB
    if isinstance(chromaticity, tuple) and len(chromaticity) == len(_SRGB):
        points = (*chromaticity[2:], *chromaticity[:2])
    elif abs(gamma - _SRGB_GAMMA) <= _GAMMA_TOLERANCE:
        return None
    return _made_profile(points, _power(1 / gamma))


def _power(exponent: float) -> "Curve":
    return lambda v: v**exponent


def _srgb_curve(v: "np.ndarray") -> "np.ndarray":
    """IEC 61966-2-1."""
    import numpy as np

    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _pq_curve(v: "np.ndarray") -> "np.ndarray":
    """SMPTE ST 2084, cut off at `_PQ_WHITE`."""
    import numpy as np

    power = v ** (1 / 78.84375)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.minimum(light ** (1 / 0.1593017578125) * 10_000 / _PQ_WHITE, 1)


def _hlg_curve(v: "np.ndarray") -> "np.ndarray":
    """The inverse OETF of ITU-R BT.2100, of the scene's light."""
    import numpy as np

    return np.where(v <= 0.5, v * v / 3, (np.exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12)  # noqa: PLR2004


def _made_profile(points: tuple[float, ...], curve: "Curve") -> bytes | None:
    """Make an ICC profile of a matrix and a curve.

    Args:
        points: chromaticities x, y of red, green, blue and white.
        curve: from encoded to linear values, both 0 to 1.
    """
    import numpy as np

    columns = _columns(points)
    if columns is None:
        return None
    steps = np.rint(curve(np.linspace(0, 1, _CURVE)) * 65535).astype(">u2").tobytes()
    tags = {b"wtpt": _xyz(_D50)}
    tags |= {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    curve_tag = b"curv\0\0\0\0" + struct.pack(">I", _CURVE) + steps
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag)
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _numbers(_D50)
    return head.ljust(128, b"\0") + table + body


def _columns(points: tuple[float, ...]) -> "np.ndarray | None":
    """Return XYZ of red, green and blue, adapted to the white D50 of profiles: (3, 3), a row each."""
    import numpy as np

    xy = np.array(points, np.float64).reshape(4, 2)
    if not np.isfinite(xy).all() or (np.abs(xy[:, 1]) < 1e-4).any():  # noqa: PLR2004 - cannot be divided by
        return None
    xyz = np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    try:
        scale = np.linalg.solve(xyz[:3].T, xyz[3])
    except np.linalg.LinAlgError:  # the primaries lie on a line
        return None
    cones = np.array(_BRADFORD)
    seen = cones @ xyz[3]
    if (np.abs(seen) < 1e-4).any():  # noqa: PLR2004
        return None
    adapt = np.linalg.inv(cones) @ np.diag((cones @ np.array(_D50)) / seen) @ cones
    adapted: np.ndarray = (xyz[:3] * scale[:, None]) @ adapt.T
    return adapted if np.abs(adapted).max() < 30_000 else None  # noqa: PLR2004 - what a profile can hold


def _xyz(values: Any) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(values)


def _numbers(values: Any) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


@lru_cache(maxsize=1)
def _srgb_profile() -> bytes:
    return _made_profile(_SRGB, _srgb_curve) or b""


@lru_cache(maxsize=_KEPT)
def _transform(profile: bytes, mode: str) -> Any:
    """Return LittleCMS' transform from a profile to sRGB; None if it is broken, or sRGB itself.

    The intent is perceptual, without black point compensation, as in Chromium. LittleCMS compensates all
    the same where one of the profiles is of version 4, as its own sRGB is.
    """
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(io.BytesIO(_srgb_profile()))
        made = ImageCms.buildTransform(source, srgb, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return made if mode == "CMYK" or _differs(made, mode) else None
    except Exception:  # noqa: BLE001 - browsers show a picture with a broken profile as if it had none
        return None


def _differs(transform: Any, mode: str) -> bool:
    """Whether a transform changes some colours of a coarse grid by more than `SAME`."""
    import numpy as np
    from PIL import Image

    if mode == "L":
        grid = np.arange(256, dtype=np.uint8)[None]
        plain = np.repeat(grid[..., None], 3, axis=2)
    else:
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        plain = grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    converted = np.asarray(transform.apply(Image.fromarray(grid)), np.int16)
    return bool(np.abs(converted - plain).max() > SAME)
