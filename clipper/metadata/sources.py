"""Read the metadata files beside the images: metadata.json, metadata.parquet, metadata.csv.

What does not belong here: reading tables (`metadata/tables.py`), and joining sources
(`metadata/join.py`).
"""

import json
import math
from collections import Counter
from typing import Any

from clipper.errors import ImagesError
from clipper.metadata.join import Source
from clipper.metadata.tables import read_csv, read_parquet
from clipper.metadata.types import first_few


def read(name: str, data: bytes, *, location: str, max_bytes: int) -> Source:
    """Read one metadata file.

    Args:
        name: one of `METADATA_NAMES`.
        data: the file's bytes.
        location: the file's path or URL, for errors.
        max_bytes: the most that a table may have when unpacked.

    Raises:
        ImagesError: the file is damaged. Nothing is indexed then, so that a typing error does not remove all
            metadata from a published atlas.
    """
    if name.endswith(".csv"):
        return read_csv(data, name=name, source=location)
    if name.endswith(".parquet"):
        return read_parquet(data, name=name, source=location, max_bytes=max_bytes)
    entries, problems = parse(data, source=location)
    return Source.of_entries(name, entries, problems)


def parse(data: bytes, *, source: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Parse metadata.json: `{"<image>": {"<key>": value}}`.

    Returns:
        the entries, and the problems: what was left out.

    Raises:
        ImagesError: the file is not a JSON object; see `read`.
    """
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        repeated.extend(key for key, count in counts.items() if count > 1)
        return dict(pairs)

    odd_numbers: list[str] = []

    def number(text: str) -> int | float | None:
        """Parse a JSON number; return None and record a problem if no column type can hold it."""
        try:
            value = float(text)
            if math.isfinite(value):
                return value if set(text) & {*".eE"} else int(text)
        except (ValueError, OverflowError):
            pass
        odd_numbers.append(text)
        return None

    try:
        document = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=unique,
            parse_constant=number,
            parse_float=number,
            parse_int=number,
        )
    except (ValueError, RecursionError) as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ImagesError(f'{source} must be an object like {{"<image>": {{"<key>": value}}}}')
    problems = [f"{source}: {key!r} is there twice; the last one is used" for key in repeated]
    if odd_numbers:
        problems.append(f"{source}: no column can hold the number(s) {first_few(odd_numbers)}; left out")
    entries = {key: value for key, value in document.items() if isinstance(value, dict)}
    if odd := [key for key in document if key not in entries]:
        problems.append(f"{source}: no object under {first_few(odd)}; left out")
    return entries, problems
