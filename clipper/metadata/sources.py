"""Read the metadata files beside the images: metadata.json, .jsonl, .parquet, .csv.

What does not belong here: reading tables (`metadata/tables.py`), and joining sources
(`metadata/join.py`).
"""

import json
import math
from collections import Counter
from decimal import Decimal
from typing import Any

from clipper.errors import ImagesError
from clipper.metadata.join import Source
from clipper.metadata.tables import KEY_COLUMNS, read_csv, read_parquet
from clipper.metadata.types import first_few
from clipper.query_filter import INT_MAX, INT_MIN

# The keys of a metadata.json that describes a dataset of FiftyOne, and no image.
_OF_FIFTYONE = frozenset({"media_type", "info"})
# A number of fewer characters has at most 15 digits, which a float holds.
_LONG_NUMBER = 16


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
    if name.endswith(".jsonl"):
        return read_lines(data, name=name, source=location)
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
    odd_numbers: list[str] = []
    try:
        document = _decode(_text(data, source), repeated, odd_numbers)
    except (ValueError, RecursionError) as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ImagesError(f'{source} must be an object like {{"<image>": {{"<key>": value}}}}')
    if document.keys() >= _OF_FIFTYONE:  # a dataset that FiftyOne or Clipper wrote; it names no image
        return {}, []
    problems = _problems(source, repeated, odd_numbers)
    entries = {key: value for key, value in document.items() if isinstance(value, dict)}
    if odd := [key for key in document if key not in entries]:
        problems.append(f"{source}: no object under {first_few(odd)}; left out")
    return entries, problems


def read_lines(data: bytes, *, name: str, source: str) -> Source:
    """Read JSON Lines as Hugging Face's ImageFolder has them: an object a line, its `file_name` the image.

    Raises:
        ImagesError: a line is no JSON object; see `read`.
    """
    repeated: list[str] = []
    odd_numbers: list[str] = []
    keys: list[str] = []
    entries: list[dict[str, Any]] = []
    unnamed = 0
    for number, line in enumerate(_text(data, source).split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = _decode(line, repeated, odd_numbers)
        except (ValueError, RecursionError) as error:
            raise ImagesError(f"{source}: line {number} is not valid JSON: {error}") from error
        if not isinstance(entry, dict):
            raise ImagesError(f'{source}: line {number} must be an object like {{"file_name": "a.jpg"}}')
        key = next((entry.pop(column) for column in KEY_COLUMNS if column in entry), None)
        unnamed += not (isinstance(key, str) and key)
        if isinstance(key, str) and key:
            keys.append(key)
            entries.append(entry)
    problems = _problems(name, repeated, odd_numbers)
    if unnamed:
        problems.append(f"{name}: {unnamed} line(s) name no file; left out")
    return Source(name, keys, lambda indices: [entries[i] for i in indices], problems)


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error


def _decode(text: str, repeated: list[str], odd_numbers: list[str]) -> Any:
    """Decode JSON; keys that an object has twice, and numbers that no column can hold, go to the lists."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        repeated.extend(key for key, count in counts.items() if count > 1)
        return dict(pairs)

    def number(text: str) -> int | float | None:
        """Parse a JSON number; return None and note it if no column type can hold it."""
        try:
            value = float(text)
            if math.isfinite(value):
                return _float_or_int(text, value) if set(text) & {*".eE"} else int(text)
        except (ValueError, OverflowError):
            pass
        odd_numbers.append(text)
        return None

    return json.loads(
        text, object_pairs_hook=unique, parse_constant=number, parse_float=number, parse_int=number
    )


def _float_or_int(text: str, value: float) -> int | float:
    """Return a number as a float; as an integer if that is what is written, 20240305123456789.0 for example.

    A float would be another number.
    """
    if len(text) < _LONG_NUMBER or Decimal(repr(value)) == (written := Decimal(text)):
        return value
    whole = abs(written) <= INT_MAX + 1 and written == written.to_integral_value()
    return int(written) if whole and INT_MIN <= int(written) <= INT_MAX else value


def _problems(source: str, repeated: list[str], odd_numbers: list[str]) -> list[str]:
    problems = [f"{source}: {key!r} is there twice; the last one is used" for key in repeated]
    if odd_numbers:
        problems.append(f"{source}: no column can hold the number(s) {first_few(odd_numbers)}; left out")
    return problems
