"""What EXIF tells of a shot: when, and with what.

Places (GPS) are left out: a map that is shown to others should not tell where people live.
"""

import re
from datetime import datetime
from typing import Any

_EXIF_IFD, _DATE, _MAKE, _MODEL = 0x8769, 0x9003, 0x010F, 0x0110
_LENS, _FOCAL_LENGTH, _ISO = 0xA434, 0x920A, 0x8827


def shot_facts(exif: Any) -> dict[str, Any]:
    """`taken_at` (ISO 8601), `camera`, `lens`, `focal_length` (mm), `iso`; what is malformed is absent."""
    try:
        exposure = exif.get_ifd(_EXIF_IFD)
        facts = {
            "taken_at": _timestamp(exposure.get(_DATE)),
            "camera": _camera(_text(exif.get(_MAKE)), _text(exif.get(_MODEL))),
            "lens": _text(exposure.get(_LENS)),
            "focal_length": _number(exposure.get(_FOCAL_LENGTH)),
            "iso": _number(exposure.get(_ISO)),
        }
    except Exception:  # noqa: BLE001 - as for pixels: hostile EXIF raises anything, and costs only itself
        return {}
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:200] if isinstance(text, str) else ""


def _camera(make: str, model: str) -> str:
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _number(value: Any) -> float | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(number, 4) if abs(number) < 1e9 else None  # noqa: PLR2004 - not NaN, not infinite


def _timestamp(value: Any) -> str | None:
    try:
        taken = datetime.strptime(_text(value), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF has no zone
    except ValueError:
        return None
    return taken.isoformat()
