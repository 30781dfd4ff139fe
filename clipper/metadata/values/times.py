"""Times in metadata: the form that they have, the wall clock that they show, and the instant that they mean.

A time is ISO 8601 text, with its offset from UTC where that is known. Days, filters, charts and orders follow
the wall clock at the place of the photo: eight in the morning in Tokyo is eight, whatever it is in UTC. What
does not belong here: dates in other forms (`dates.py`), and which columns hold times
(`metadata/columns.py`).
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

_CLOCK = r"[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"
_OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)"
# A date, alone or with a time of day. Python and pandas both read this form of ISO 8601.
ISO_TIME = rf"\d{{4}}-\d\d-\d\d({_CLOCK} ?{_OFFSET}?)?"
_TIME = re.compile(ISO_TIME, re.ASCII)
_FRACTION = r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\.\d+"
_WITH_OFFSET = rf"^(\d{{4}}-\d\d-\d\d{_CLOCK}) ?{_OFFSET}$"


def is_time(text: str) -> bool:
    """Whether a text is an ISO 8601 date of the calendar, with or without a time of day."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def wall_clock(cells: "pa.ChunkedArray | pa.Array") -> "pd.Series":
    """Read what the clock showed where each time was taken: datetimes without a zone.

    Args:
        cells: (n,) ISO texts; any other text, and a missing one, gives NaT.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    text = cells.cast(pa.string()) if pa.types.is_null(cells.type) else cells
    bare = pc.replace_substring_regex(text, _WITH_OFFSET, r"\1")
    return pd.to_datetime(pd.Series(bare.to_pandas()), format="ISO8601", errors="coerce").dt.as_unit("us")


def wall_seconds(cells: "pa.ChunkedArray | pa.Array") -> "np.ndarray":
    """Return the wall clock of ISO texts in whole seconds since 1970: (n,) float64, NaN for other texts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = cells.cast(pa.string()) if pa.types.is_null(cells.type) else cells
    whole = pc.replace_substring_regex(text, _FRACTION, r"\1")
    moments = wall_clock(whole).to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))


def instants(cells: "pa.ChunkedArray | pa.Array") -> "pd.Series":
    """Return the instants of ISO texts that have an offset: datetimes in UTC, NaT for all others."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    text = cells.cast(pa.string()) if pa.types.is_null(cells.type) else cells
    known = pc.if_else(pc.match_substring_regex(text, _WITH_OFFSET), text, None)
    found = pd.to_datetime(pd.Series(known.to_pandas()), format="ISO8601", errors="coerce", utc=True)
    return found.dt.as_unit("us")
