"""Times of files on a visitor's own clock.

When a file was modified or indexed is an instant, which has another day in another zone. The time of a photo
is none of these: it is what the camera's clock showed. What does not belong here: which zone a visitor has
(`components/zone_cookie.py`).
"""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

UTC_ZONE = "UTC"


def local_seconds(instants: np.ndarray, zone: str) -> np.ndarray:
    """Return what a clock in a zone shows at instants, in seconds since 1970, (n,) float64; NaN stays."""
    if zone == UTC_ZONE:
        return instants
    moments = pd.DatetimeIndex(pd.to_datetime(instants, unit="s", utc=True, errors="coerce"))
    shown = moments.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[s]")
    seconds: np.ndarray = np.where(np.isnat(shown), np.nan, shown.astype(np.int64).astype(np.float64))
    return seconds


@lru_cache(maxsize=1024)
def known_zone(name: str) -> str:
    """Return the name of a time zone if this machine knows it, else "UTC"; a browser may send anything."""
    try:
        zone = ZoneInfo(name)
        datetime.now(UTC).astimezone(zone)
    except (ValueError, OSError, LookupError, OverflowError):
        return UTC_ZONE
    return name


def zone_words(zone: str) -> str:
    """Say in which zone times are shown: "in UTC", "in Asia/Tokyo time"."""
    return f"in {zone}" if zone == UTC_ZONE else f"in {zone.replace('_', ' ')} time"
