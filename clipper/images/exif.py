"""Read EXIF: when a photo was taken, with which camera, which way up, and where.

What does not belong here: whether coordinates may be kept (`store/gps.py`).
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

# Bump it when the same EXIF would give other facts.
EXIF_VERSION = "2"
LATITUDE, LONGITUDE = "latitude", "longitude"
# The facts that are times.
TIMES = frozenset({"taken_at"})
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
_DATE, _OFFSET, _LENS, _FOCAL_LENGTH, _ISO = 0x9003, 0x9011, 0xA434, 0x920A, 0x8827
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
# Decimals of a degree: a tenth of a metre on the ground.
_PLACE_DIGITS = 6
# Characters of a text that are kept; EXIF may hold megabytes.
_TEXT = 200
_WHEN = re.compile(
    r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?\s*(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_ZONE = re.compile(r"Z|[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)


def camera_facts(exif: Any) -> dict[str, Any]:
    """Read time, camera and orientation from a Pillow `Exif`; malformed values are left out.

    Returns:
        `taken_at`: the camera's wall clock in ISO 8601, to the second, with the offset from UTC if the
        camera wrote one (OffsetTimeOriginal). `camera`, `lens`: text. `focal_length`: mm. `iso`: int.
        `orientation`: 1 to 8, EXIF's number for the turn that makes the stored pixels upright.
    """
    exposure = _directory(exif, _EXIF_IFD)
    iso = _positive(_value(exposure, _ISO))
    facts = {
        "taken_at": _timestamp(_text(_value(exposure, _DATE)), _text(_value(exposure, _OFFSET))),
        "camera": _camera(_text(_value(exif, _MAKE)), _text(_value(exif, _MODEL))),
        "lens": _text(_value(exposure, _LENS)),
        "focal_length": _positive(_value(exposure, _FOCAL_LENGTH)),
        "iso": None if iso is None else round(iso),
        "orientation": _orientation(_value(exif, _ORIENTATION)),
    }
    return {key: value for key, value in facts.items() if value not in (None, "")}


def gps_facts(exif: Any) -> dict[str, float]:
    """Read `latitude` (-90 to 90, north positive) and `longitude` (-180 to 180, east positive) in degrees.

    If one of them is missing or malformed, neither is returned.
    """
    gps = _directory(exif, _GPS_IFD)
    latitude = _degrees(_value(gps, _LATITUDE), _text(_value(gps, _LATITUDE_REF)), "NS", 90)
    longitude = _degrees(_value(gps, _LONGITUDE), _text(_value(gps, _LONGITUDE_REF)), "EW", 180)
    if latitude is None or longitude is None:
        return {}
    return {LATITUDE: latitude, LONGITUDE: longitude}


def _directory(exif: Any, tag: int) -> Mapping[int, Any]:
    try:
        found: Mapping[int, Any] = exif.get_ifd(tag)
    except Exception:  # noqa: BLE001 - hostile EXIF may raise anything; only this directory is lost
        return {}
    return found


def _value(directory: Any, tag: int) -> Any:
    try:
        return directory.get(tag)
    except Exception:  # noqa: BLE001 - Pillow decodes a value when it is read
        return None


def _text(value: Any) -> str:
    text = value[: 4 * _TEXT].decode("utf-8", "replace") if isinstance(value, bytes) else value
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text[:_TEXT]).strip() if isinstance(text, str) else ""


def _camera(make: str, model: str) -> str:
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    """Return a number above 0 (EXIF writes 0 for "unknown"), the first of several; None if there is none."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    number = _number(value)
    return round(number, 4) if number is not None and 0 < number < 1e9 else None  # noqa: PLR2004


def _orientation(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= 8 else None  # noqa: PLR2004 - EXIF's eight turns


def _timestamp(text: str, offset: str) -> str | None:
    """Return ISO 8601 to the second: few cameras write fractions, and texts of one length sort by time."""
    if not (match := _WHEN.fullmatch(text)):
        return None
    *numbers, zone = match.groups()
    try:
        taken = datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001 - the offset is added to the text
    except ValueError:
        return None
    zone = offset or zone or ""
    return taken.isoformat() + (zone if _ZONE.fullmatch(zone) else "")


def _degrees(value: Any, ref: str, signs: str, most: int) -> float | None:
    """Convert degrees, minutes and seconds (the last two optional) with a hemisphere.

    `signs` are the letters of the positive and the negative hemisphere.
    """
    parts = [_number(part) for part in value] if isinstance(value, tuple) else [_number(value)]
    if not 1 <= len(parts) <= 3 or ref.upper() not in tuple(signs):  # noqa: PLR2004
        return None
    numbers = [part for part in parts if part is not None and part >= 0]
    if len(numbers) < len(parts) or any(part > 60 for part in numbers[1:]):  # noqa: PLR2004
        return None
    degrees = sum(part / 60**power for power, part in enumerate(numbers))
    sign = 1 if ref.upper() == signs[0] else -1
    return sign * round(degrees, _PLACE_DIGITS) + 0.0 if degrees <= most else None
