"""The join of metadata with a row of values for each image, as tests write and read it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from clipper.metadata import join as metadata_join
from clipper.metadata.columns import Column
from clipper.metadata.entries import Source
from clipper.metadata.values.column_values import Values, columns_of


@dataclass(frozen=True)
class Joined:
    """Columns, a row for each image without the missing values, and the problems."""

    made: metadata_join.Metadata
    rows: list[dict[str, Any]]

    @property
    def columns(self) -> list[Column]:
        return self.made.columns

    @property
    def problems(self) -> list[str]:
        return self.made.problems

    def table(self, ids: Sequence[str]) -> pa.Table:
        return self.made.table(ids)


def join(
    ids: Sequence[str], facts: Sequence[Mapping[str, Any]], sources: Sequence[Source], **others: Any
) -> Joined:
    """Join the metadata of images; `facts` has a row for each."""
    assert len(facts) == len(ids)
    made = metadata_join.join(ids, columns_of(facts), sources, **others)
    return Joined(made, rows_of(made.values, len(ids)))


def rows_of(columns: Mapping[str, Values], count: int) -> list[dict[str, Any]]:
    """The values of columns, as a row for each of `count` images."""
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, values in columns.items():
        for row, value in zip(values.at.tolist(), values.to_list(), strict=True):
            rows[row][name] = value
    return rows


def keys_of(source: Source) -> list[str]:
    """The keys of a source."""
    return [str(key) for key in source.keys]


def entries_of(source: Source, indices: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """What a source has for some of its keys, or for all, without missing values."""
    chosen = range(len(source.keys)) if indices is None else indices
    picked = source.pick(np.array(list(chosen), np.int64))
    if isinstance(picked, Sequence):
        rows = list(picked)
    else:  # a table without columns has no rows
        rows = picked.to_pylist() if picked.num_columns else [{} for _ in source.keys]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
