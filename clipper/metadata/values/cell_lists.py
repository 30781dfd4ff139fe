"""Lists in the cells of a table: as JSON, which Clipper's own CSV has, or as pandas writes Python's lists.

What does not belong here: the types of other cells (`cells.py`).
"""

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_CELL = r"(?s)^\[.*\]$"
_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ITEM = rf"(?:{_TEXT}|[-+.\w]+)"
_PYTHON_LIST = re.compile(rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*(?:,\s*)?)?\]", re.DOTALL)
_ITEMS = re.compile(_ITEM, re.DOTALL)
_SAMPLE = 1_000  # the first cells show whether a column may be one of lists
_WORDS = {"True": True, "False": False, "None": None, "nan": None}


def read_lists(text: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """Read a column (n,) of texts as lists; None if one of them is no list of texts, numbers or booleans."""
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = text.drop_null()
    if not pc.all(pc.match_substring_regex(filled[:_SAMPLE], _CELL)).as_py():
        return None
    if not len(filled) or not pc.all(pc.match_substring_regex(filled, _CELL)).as_py():
        return None
    lists: list[list[Any] | None] = []
    for cell in text.to_pylist():
        found = None if cell is None else _list(cell)
        if found is None and cell is not None:
            return None
        lists.append(found)
    try:
        found = pa.array(lists)
    except (pa.ArrowException, OverflowError, UnicodeError):  # several types, beyond 64 bits, half a letter
        return None
    return pa.chunked_array([found]) if pa.types.is_list(found.type) else None


def _list(cell: str) -> list[Any] | None:
    try:
        items = json.loads(cell)
    except (ValueError, RecursionError):
        items = _python_list(cell)
    if not isinstance(items, list) or any(isinstance(item, list | dict) for item in items):
        return None
    return None if any(isinstance(item, float) and not math.isfinite(item) for item in items) else items


def _python_list(cell: str) -> list[Any] | None:
    """Read a list as Python writes it; None if it is none."""
    if not _PYTHON_LIST.fullmatch(cell):
        return None
    items: list[Any] = []
    for item in _ITEMS.findall(cell[1:-1]):
        try:
            items.append(_WORDS[item] if item in _WORDS else json.loads(_as_json(item)))
        except ValueError:
            return None
    return items


def _as_json(item: str) -> str:
    if item[0] not in "'\"":
        return item
    inner = item[1:-1].replace(r"\'", "'")
    return '"{}"'.format(re.sub(r'(\\.)|"', lambda found: found[1] or r"\"", inner, flags=re.DOTALL))
