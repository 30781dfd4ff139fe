"""A metadata column: its name, type and origin, and the role it plays when the dataset is shown.

What does not belong here: the type of a value (`metadata/values/types.py`), and joining sources
(`metadata/join.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from clipper.metadata.values.times import is_time
from clipper.metadata.values.types import in_words

if TYPE_CHECKING:
    import pyarrow as pa

# Origins that are no file beside the images.
FOLDER, FILE, TAGS, INSIGHT, WORDS = "folder", "file", "tags", "insight", "words"
LABELS = "labels"

# A category has values that several images share, a text differs from image to image.
Role = Literal["category", "number", "time", "list", "text"]
# A column of text with more different values than this, and than half of its rows, is a text.
MANY_VALUES = 40
# So many values, spread over the column, must all look like times; and this share of all must be times.
_TIME_SAMPLE, _TIME_SHARE = 200, 0.99


@dataclass(frozen=True)
class Column:
    """A metadata column.

    `type` is `str`, `int`, `list[str]`, ...; `origin` is `folder`, `file` (the image files themselves),
    `tags` (from `store/tags.py`), `labels` (`store/given/labels.py`), `insight` (a score of Clipper's),
    `words` (`store/word_columns.py`), or the sources that have it, such as `metadata.json and
    metadata.csv`; if some values are of the files, `file and metadata.json`. `filled` is how many images have
    a value, `example` one of the values as text, `distinct` how many different values there are; of lists,
    how many different items. A column written by an earlier Clipper may lack them, and its `role`:
    `columns_of` adds these. An early Clipper called metadata.json `metadata`.
    """

    name: str
    type: str
    origin: str
    filled: int = 0
    example: str = ""
    role: Role | None = None
    distinct: int = 0

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Read what `vars` of a column wrote; keys of a later Clipper are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in entry.items() if name in known})

    @property
    def source(self) -> str:
        """The origin, in words."""
        words = {
            FOLDER: "the files",
            FILE: "the files",
            TAGS: "the viewer",
            INSIGHT: "Clipper",
            WORDS: "your words",
            "metadata": "metadata.json",
        }
        for first in (FILE, FOLDER):
            if self.has(first) and self.origin != first:
                return words[first] + self.origin.removeprefix(first)
        return words.get(self.origin, self.origin)

    @property
    def kind(self) -> str:
        """The type, in words: "text", "integer", "number", "yes or no", "time", or a list of one of them."""
        is_list = self.type.startswith("list[")
        return "time" if self.role == "time" and not is_list else in_words(self.type)

    def has(self, origin: str) -> bool:
        """Whether some values are of this origin, `file` or `folder`; others may be of a source."""
        return self.origin == origin or self.origin.startswith(f"{origin} and ")


def columns_of(entries: Sequence[Mapping[str, Any]], read_table: "Callable[[], pa.Table]") -> list[Column]:
    """Read the columns of a metadata part; the roles that its JSON lacks are decided from its table.

    Args:
        entries: the columns, from the JSON beside the table.
        read_table: reads that table; only called for a part that an earlier Clipper wrote.
    """
    columns = [Column.from_json(entry) for entry in entries]
    return columns if all(column.role for column in columns) else with_roles(columns, read_table())


def with_roles(columns: Sequence[Column], table: "pa.Table") -> list[Column]:
    """Decide each column's role from its cells and count its values; leave a column that has no cells."""
    there = set(table.column_names)
    return [_with_role(one, table[one.name]) if one.name in there else one for one in columns]


def _with_role(column: Column, cells: "pa.ChunkedArray") -> Column:
    import pyarrow.compute as pc

    values = pc.list_flatten(cells) if column.type.startswith("list[") else cells.drop_null()
    distinct = int(pc.count_distinct(values).as_py())
    filled = len(cells) - cells.null_count
    return replace(column, role=_role(column.type, values, distinct), distinct=distinct, filled=filled)


def _role(kind: str, values: "pa.ChunkedArray", distinct: int) -> Role:
    if kind.startswith("list["):
        return "list"
    if kind in ("int", "float"):
        return "number"
    if kind == "str" and distinct > 1:
        if _are_times(values):
            return "time"
        if distinct > max(MANY_VALUES, len(values) // 2):
            return "text"
    return "category"


def _are_times(values: "pa.ChunkedArray") -> bool:
    """Whether nearly all of these texts are ISO 8601 dates, with or without a time of day."""
    sample = values.take([*range(0, len(values), max(1, len(values) // _TIME_SAMPLE))])
    if not all(map(is_time, sample.to_pylist())):
        return False
    counted = values.value_counts()
    texts, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    times = sum(count for text, count in zip(texts, counts, strict=True) if is_time(text))
    return bool(times >= _TIME_SHARE * len(values))
