"""Read the metadata files beside the images: metadata.json, .jsonl, .parquet, .csv, .tsv.

What does not belong here: reading tables (`tables.py`), what a JSON document may be (`json_shapes.py`), and
joining sources (`join.py`).
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from clipper.errors import ImagesError
from clipper.metadata.entries import Source
from clipper.metadata.json_shapes import Record, are_numbers, other_shapes
from clipper.metadata.key_column import (
    KEY_COLUMNS,
    KEYS,
    MIN_SHARE,
    Candidate,
    choose,
    is_file_column,
    matched,
)
from clipper.metadata.keys.match import ImageKeys
from clipper.metadata.tables import read_csv, read_parquet
from clipper.metadata.values.types import MAX_FLOAT_INT, first_few
from clipper.query_filter import INT_MAX, INT_MIN
from clipper.text import decode_text

# The keys of a metadata.json that describes a dataset of FiftyOne, and no image.
_OF_FIFTYONE = frozenset({"media_type", "info"})
# So many records show which fields have text.
_SAMPLE_RECORDS = 1_000
# So many bytes show whether a file is a JSON document, or has one in each line.
_SAMPLE_BYTES = 1 << 20
# A number of fewer characters has at most 15 digits, which a float holds.
_LONG_NUMBER = 16


def read(name: str, data: bytes, *, location: str, max_bytes: int, images: ImageKeys | None = None) -> Source:
    """Read one metadata file.

    Args:
        name: its path below the images folder; the last part is one of `METADATA_NAMES`, in any case.
        data: the file's bytes.
        location: the file's path or URL, for errors.
        max_bytes: the most that a table may have when unpacked.
        images: that it may describe; without them, names of columns say what names the images.

    Raises:
        ImagesError: the file is damaged, or describes none of the images. Nothing is indexed then, so that a
            typing error does not remove all metadata from a published atlas.
    """
    ending = name.lower().rpartition(".")[2]
    if ending in ("csv", "tsv"):
        return read_csv(data, name=name, source=location, images=images)
    if ending == "parquet":
        return read_parquet(data, name=name, source=location, max_bytes=max_bytes, images=images)
    if ending == "jsonl":
        return read_lines(data, name=name, source=location, images=images)
    return read_json(data, name=name, source=location, images=images)


def parse(data: bytes, *, source: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Parse metadata.json: `{"<image>": {"<key>": value}}`.

    Returns:
        the entries, and the problems: what was left out.

    Raises:
        ImagesError: the file is not a JSON object; see `read`.
    """
    document, problems = _document(data, source)
    if not isinstance(document, dict):
        raise ImagesError(_must_be_object(source))
    return _entries(document, source, problems)


def read_json(data: bytes, *, name: str, source: str, images: ImageKeys | None = None) -> Source:
    """Read metadata.json: `{"<image>": {"<key>": value}}`, a list of objects, or a table as pandas writes it.

    Raises:
        ImagesError: the file is no such JSON, or describes none of the images; see `read`.
    """
    if _are_lines(data):  # some tools call JSON Lines .json
        return read_lines(data, name=name, source=source, images=images)
    document, problems = _document(data, source)
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        return _of_records(document, [*problems], images, name=name, source=source)
    if not isinstance(document, dict):
        raise ImagesError(_must_be_object(source))
    entries, problems = _entries(document, source, problems)
    objects = Source.of_entries(name, entries, problems)
    if images is None or not document or document.keys() >= _OF_FIFTYONE:
        return objects
    by_key = partial(_of_objects, objects, entries, images, source=source)
    others: list[Callable[[], Source]] = []
    for records, note in other_shapes(name, document, entries):
        kept = [*_own(problems), *([note] if note else [])]
        others.append(partial(_of_records, records, kept, images, name=name, source=source))
    if not entries:
        return _first_that_matches([*others, partial(_refuse, _must_be_object(source))])
    fields = next(iter(entries.values()))
    has_files = any(map(is_file_column, fields))
    named = images.match(objects.keys).named
    if are_numbers(entries):  # an image may be called by a number by chance
        is_other = has_files
    elif named and named >= MIN_SHARE * min(len(entries), len(images)):
        is_other = False
    else:
        is_other = not has_files and (any(map(is_file_column, document)) or are_numbers(fields))
    return _first_that_matches([*others, by_key] if is_other else [by_key, *others])


def _first_that_matches(shapes: Sequence[Callable[[], Source]]) -> Source:
    """Return the first source that names an image.

    Raises:
        ImagesError: none does; the message is about the first.
    """
    refused: list[ImagesError] = []
    for shape in shapes:
        try:
            return shape()
        except ImagesError as error:
            refused.append(error)
    raise refused[0]


def _refuse(message: str) -> Source:
    raise ImagesError(message)


def _of_objects(objects: Source, entries: Mapping[str, Record], images: ImageKeys, *, source: str) -> Source:
    """Match a JSON object whose keys name images, or the fields of its objects if these match better."""
    records = list(entries.values())
    fields = list(dict.fromkeys(field for record in records for field in record))
    candidates = [Candidate(KEYS, True, lambda: objects.keys), *(_field(one, records) for one in fields)]
    choice = choose(candidates, images, name=objects.name, source=source)
    if choice.place == 0:
        return matched(objects, choice, KEYS, images, path=source)
    return _of_records(records, objects.problems, images, name=objects.name, source=source)


def read_lines(data: bytes, *, name: str, source: str, images: ImageKeys | None = None) -> Source:
    """Read JSON Lines as Hugging Face's ImageFolder has them: an object a line, its `file_name` the image.

    Raises:
        ImagesError: a line is no JSON object, or none names an image; see `read`.
    """
    repeated: list[str] = []
    odd_numbers: list[str] = []
    entries: list[dict[str, Any]] = []
    text = _text(data, source)
    if text.lstrip().startswith("["):  # one list of objects
        return read_json(data, name=name, source=source, images=images)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = decode_json(line, repeated, odd_numbers)
        except (ValueError, RecursionError) as error:
            raise ImagesError(f"{source}: line {number} is not valid JSON: {error}") from error
        if not isinstance(entry, dict):
            raise ImagesError(f'{source}: line {number} must be an object like {{"file_name": "a.jpg"}}')
        entries.append(entry)
    problems = _problems(name, repeated, odd_numbers)
    return _of_records(entries, problems, images, name=name, source=source, noun="line")


def _of_records(
    records: Sequence[Record],
    problems: list[str],
    images: ImageKeys | None,
    *,
    name: str,
    source: str,
    noun: str = "object",
) -> Source:
    """Make a source of objects, one of whose fields names the image of each.

    Raises:
        ImagesError: no field does.
    """
    if not records:
        return Source(name, [], lambda _: [], problems)
    fields = list(dict.fromkeys(field for record in records for field in record))
    choice = choose([_field(field, records) for field in fields], images, name=name, source=source)
    column = fields[choice.place]
    named: list[tuple[str, Record]] = []
    for record, found in zip(records, _keys(column, records), strict=True):
        taken, key = column, found
        if not key:  # a line may use another name for the column than most
            known = (field for field in KEY_COLUMNS if isinstance(record.get(field), str))
            taken = next(known, column)
            key = record[taken] if taken != column else ""
        if key.strip():
            named.append((key, {field: value for field, value in record.items() if field != taken}))
    if unnamed := len(records) - len(named):
        problems.append(f"{name}: {unnamed} {noun}(s) name no file; left out")
    rows = [record for _, record in named]
    made = Source(
        name, [key for key, _ in named], lambda indices: [rows[i] for i in indices], problems, lost=unnamed
    )
    return made if images is None else matched(made, choice, column, images, path=source)


def _field(field: str, records: Sequence[Record]) -> Candidate:
    some = records[:_SAMPLE_RECORDS]
    is_text = any(isinstance(record.get(field), str | dict) for record in some)
    return Candidate(field, is_text, lambda: _keys(field, records))


def _keys(field: str, records: Sequence[Record]) -> list[str]:
    """Return the texts of a field, or its whole numbers where no record has a text; "" for anything else.

    Of an object, the `path` counts.
    """
    values = [record.get(field) for record in records]
    # Hugging Face's datasets write an image as a struct with its path.
    values = [value.get("path") if isinstance(value, dict) else value for value in values]
    if any(isinstance(value, str) for value in values):
        return [value if isinstance(value, str) else "" for value in values]
    return [_whole_number(value) for value in values]


def _whole_number(value: Any) -> str:
    """Write a whole number, which pandas makes a float where others are missing; "" for anything else."""
    if type(value) is float and value.is_integer() and abs(value) < MAX_FLOAT_INT:
        value = int(value)
    return str(value) if type(value) is int else ""


def _own(problems: Sequence[str]) -> list[str]:
    """Return the problems without those about values that are no objects: another shape has none."""
    return [problem for problem in problems if ": no object under " not in problem]


def _are_lines(data: bytes) -> bool:
    """Whether the first lines of a file are JSON objects, each in a line."""
    lines = [line for line in data[:_SAMPLE_BYTES].split(b"\n")[:3] if line.strip()]
    return (
        len(lines) > 1 and all(line.strip().startswith(b"{") for line in lines[:2]) and _is_object(lines[0])
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _must_be_object(source: str) -> str:
    return f'{source} must be an object like {{"<image>": {{"<key>": value}}}}'


def _document(data: bytes, source: str) -> tuple[Any, list[str]]:
    """Decode a JSON file; return it, and the problems.

    Raises:
        ImagesError: it is not JSON.
    """
    repeated: list[str] = []
    odd_numbers: list[str] = []
    try:
        document = decode_json(_text(data, source), repeated, odd_numbers)
    except (ValueError, RecursionError) as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error
    return document, _problems(source, repeated, odd_numbers)


def _entries(
    document: dict[str, Any], source: str, problems: list[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the objects under the keys of a JSON object, and the problems."""
    if document.keys() >= _OF_FIFTYONE:  # a dataset that FiftyOne or Clipper wrote; it names no image
        return {}, []
    entries = {key: value for key, value in document.items() if isinstance(value, dict)}
    if odd := [key for key in document if key not in entries]:
        problems = [*problems, f"{source}: no object under {first_few(odd)}; left out"]
    return entries, problems


def _text(data: bytes, source: str) -> str:
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        raise ImagesError(f"{source} is not valid JSON: {error}") from error


def decode_json(text: str, repeated: list[str], odd_numbers: list[str]) -> Any:
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
        except (ValueError, ArithmeticError):  # an exponent may be too large for Decimal, too
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
