"""Facets: metadata columns made ready for filters, as values, as a scale of numbers or times, or as text.

Pure data: pandas in, arrays out. A facet matches rows and counts them. What does not belong here: combining
the conditions of several columns (`dataset/columns/filters.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clipper.metadata.columns import Column
from clipper.metadata.values.integers import are_large, as_offsets, split
from clipper.query_filter import InRange, float_ends, whole_ends
from viewer.dataset.columns.binning import (
    SAMPLED,
    Bins,
    format_integer,
    format_number,
    format_time,
    make_bins,
    make_even_bins,
    make_integer_bins,
    parse_times,
)
from viewer.dataset.columns.colouring import MIN_DISTINCT, NO_VALUE, value_label

FacetKind = Literal["values", "number", "time", "text"]


class Facet(Protocol):
    """A column to filter by. Arrays are in row order."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> FacetKind:
        """Which control sets its condition."""

    def matching(self, labels: Sequence[str | None]) -> np.ndarray:
        """Return which rows have any of these values, (n,) bool; None stands for a missing value."""

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """Count the rows with each value: (k + 1,) int64, the last for rows without a value.

        Args:
            among: which rows are counted, (n,) bool; None: all.
        """


@dataclass(frozen=True)
class ValueFacet:
    """A column of categories, or of lists of them.

    `labels` are sorted, the commonest first. `codes` (m,) int32 index them; `len(labels)` means no value:
    the page says `absent`. There is one code a row; for lists, one for each different item, with its row in
    `rows` (m,) int32.
    """

    name: str
    labels: Sequence[str]
    codes: np.ndarray
    n: int
    rows: np.ndarray | None = None
    kind: FacetKind = "values"
    absent: str = NO_VALUE

    @cached_property
    def code_of(self) -> dict[str | None, int]:
        """The code of each label; None has the code of a missing value."""
        return {None: len(self.labels), **{label: code for code, label in enumerate(self.labels)}}

    @cached_property
    def total_counts(self) -> np.ndarray:
        """The counts of all rows."""
        return self._counted(self.codes)

    def matching(self, labels: Sequence[str | None]) -> np.ndarray:
        """See `Facet`."""
        wanted = np.zeros(len(self.labels) + 1, bool)
        wanted[[self.code_of[label] for label in labels if label in self.code_of]] = True
        hit = wanted[self.codes]
        if self.rows is None:
            return hit
        found = np.zeros(self.n, bool)
        found[self.rows[hit]] = True
        return found

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """See `Facet`; an image with several values counts for each."""
        if among is None:
            return self.total_counts
        counted = among if self.rows is None else among[self.rows]
        return self._counted(np.compress(counted, self.codes))

    def _counted(self, codes: np.ndarray) -> np.ndarray:
        return np.bincount(codes, minlength=len(self.labels) + 1)


@dataclass(frozen=True)
class ScaleFacet:
    """A column of numbers, or of times in seconds since 1970: `values` (n,) float64, NaN if missing.

    Of integers too large for floats, `values` are int64, and `absent` (n,) bool tells which are missing.
    """

    name: str
    values: np.ndarray
    bins: Bins
    kind: FacetKind = "number"
    absent: np.ndarray | None = None

    @property
    def missing(self) -> np.ndarray:
        """Which rows have no value, (n,) bool."""
        return np.isnan(self.values) if self.absent is None else self.absent

    @property
    def offsets(self) -> np.ndarray:
        """The values as floats, less by `bins.base`, for places and colours: (n,) float64, NaN if missing."""
        return self.values if self.absent is None else as_offsets(self.values, self.absent)[0]

    @cached_property
    def total_counts(self) -> np.ndarray:
        """The counts of all rows."""
        return self._counted(self.bins.bin_of_row)

    def matching(self, labels: Sequence[str | None]) -> np.ndarray:
        """Return which rows have no value, if None is among `labels`; numbers are filtered by range."""
        return self.missing if None in labels else np.zeros(len(self.values), bool)

    def in_range(self, low: float | None, high: float | None) -> np.ndarray:
        """Return which rows have a value of low..high, ends included, (n,) bool; None: open at that end."""
        span = InRange(low, high)
        first, last = float_ends(span) if self.absent is None else whole_ends(span)
        if first is None and last is None:
            return ~self.missing
        if first is None or last is None:
            found = self.values <= last if first is None else self.values >= first
        else:
            found = (self.values >= first) & (self.values <= last)
        return found if self.absent is None else found & ~self.absent

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """Count the rows in each bin: (b + 1,) int64, the last for rows without a value."""
        return self.total_counts if among is None else self._counted(np.compress(among, self.bins.bin_of_row))

    def text_of(self, row: int) -> str:
        """Write the value of a row; "" if it is missing."""
        if self.absent is not None:
            return "" if self.absent[row] else format_integer(int(self.values[row]))
        value = float(self.values[row])
        if np.isnan(value):
            return ""
        if self.bins.integers and self.kind == "number":
            return format_integer(int(value))
        return format_time(value, step=60) if self.kind == "time" else format_number(value)

    def _counted(self, bins: np.ndarray) -> np.ndarray:
        return np.bincount(bins, minlength=len(self.bins.edges))


@dataclass(frozen=True)
class TextFacet:
    """A column of text that differs from image to image."""

    name: str
    text: pa.Array
    kind: FacetKind = "text"

    @cached_property
    def missing(self) -> np.ndarray:
        """Which rows have no text, (n,) bool."""
        return np.asarray(self.text.is_null().to_numpy(zero_copy_only=False), bool)

    @cached_property
    def total_counts(self) -> np.ndarray:
        """The counts of all rows: with text, without."""
        return self.count(np.ones(len(self.text), bool))

    def matching(self, labels: Sequence[str | None]) -> np.ndarray:
        """See `Facet`."""
        wanted = pa.array([label for label in labels if label is not None], self.text.type)
        found = _bools(pc.is_in(self.text, value_set=wanted))
        return found | self.missing if None in labels else found

    def containing(self, part: str) -> np.ndarray:
        """Return which rows have `part` in their text, in upper or lower case, (n,) bool."""
        return _bools(pc.match_substring(self.text, part, ignore_case=True))

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """Count the rows with text, and those without: (2,) int64."""
        return self.total_counts if among is None else np.bincount(self.missing[among], minlength=2)


def _bools(found: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), bool)


def value_facet(name: str, column: pd.Series) -> ValueFacet:
    """Make a facet of a column of text or truth values."""
    raw, distinct = pd.factorize(column)
    codes = np.where(raw < 0, len(distinct), raw)
    return _ranked(name, [value_label(value) for value in distinct], codes, n=len(column))


def list_facet(name: str, column: pd.Series) -> ValueFacet:
    """Make a facet of a column of lists; an item that is twice in one list counts once."""
    cells = pa.array(column, from_pandas=True)
    if not pa.types.is_list(cells.type) and not pa.types.is_large_list(cells.type):
        cells = pa.nulls(len(cells), pa.list_(pa.string()))
    lengths = pc.fill_null(cells.value_lengths(), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = cells.flatten().dictionary_encode()
    labels = [value_label(value) for value in encoded.dictionary.to_pylist()]
    codes = pc.fill_null(encoded.indices, len(labels)).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(cells)), lengths)
    known = codes < len(labels)
    codes, rows = codes[known], rows[known]
    empty = np.flatnonzero(np.bincount(rows, minlength=len(cells)) == 0)
    codes, rows = np.append(codes, np.full(len(empty), len(labels))), np.append(rows, empty)
    keys = np.sort(rows * (len(labels) + 1) + codes)
    once = np.append(True, keys[1:] != keys[:-1]) if len(keys) else np.zeros(0, bool)
    rows, codes = np.divmod(keys[once], len(labels) + 1)
    return _ranked(name, labels, codes, n=len(cells), rows=rows.astype(np.int32))


def tag_facet(name: str, rows: Mapping[str, np.ndarray], *, n: int) -> ValueFacet:
    """Make a facet of tags: `rows` has the rows (k,) int64 of each tag, of `n` rows in all."""
    untagged = np.ones(n, bool)
    for having in rows.values():
        untagged[having] = False
    parts = [*rows.values(), np.flatnonzero(untagged)]
    codes = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return _ranked(name, [*rows], codes, n=n, rows=np.concatenate(parts).astype(np.int32))


def _ranked(
    name: str, texts: Sequence[str], codes: np.ndarray, *, n: int, rows: np.ndarray | None = None
) -> ValueFacet:
    """Make a facet with its labels sorted by count; values with the same text become one."""
    labels, same = np.unique(np.array(texts, object), return_inverse=True)
    merged = np.append(np.asarray(same, np.int64), len(labels))[codes]
    counts = np.bincount(merged, minlength=len(labels) + 1)[: len(labels)]
    order = np.argsort(-counts, kind="stable")  # labels with the same count stay in alphabetical order
    code = np.empty(len(labels) + 1, np.int32)
    code[order], code[-1] = np.arange(len(labels)), len(labels)
    return ValueFacet(name, labels[order].tolist(), code[merged], n, rows)


def scale_facet(name: str, numbers: np.ndarray, *, time: bool = False) -> ScaleFacet:
    """Make a facet of numbers (n,), with `time` of seconds since 1970; one that is not finite is missing."""
    known = np.where(np.isfinite(numbers), numbers, np.nan)
    return ScaleFacet(name, known, make_bins(known, time=time), "time" if time else "number")


def similarity_facet(similarities: np.ndarray) -> ScaleFacet:
    """Make a facet of similarities (n,) float32, all finite: each query has others, so many are fast."""
    values = similarities.astype(np.float64)
    if len(values) <= SAMPLED:
        return scale_facet("", values)
    return ScaleFacet("", values, make_even_bins(similarities))


def _number_facet(name: str, cells: pd.Series) -> ScaleFacet:
    whole = split(cells)
    if whole is not None and are_large(whole[0][~whole[1]]):
        return integer_facet(name, *whole)
    return scale_facet(name, pd.to_numeric(cells, errors="coerce").astype("float64").to_numpy())


def integer_facet(name: str, numbers: np.ndarray, missing: np.ndarray) -> ScaleFacet:
    """Make a facet of integers (n,) int64 that are too large for floats, but where `missing` (n,) bool."""
    _, base = as_offsets(numbers, missing)
    return ScaleFacet(name, numbers, make_integer_bins(numbers, missing, base=base), absent=missing)


def text_facet(name: str, column: pd.Series) -> TextFacet:
    """Make a facet of a column of texts."""
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    return TextFacet(name, texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts)


def column_facet(column: Column, cells: pd.Series) -> Facet | None:
    """Make a facet of a metadata column by its role; None if all images have the same value."""
    if not column.filled:
        return None
    if column.role == "list":
        return list_facet(column.name, cells)
    if column.distinct < MIN_DISTINCT and column.filled == len(cells):
        return None
    if column.role == "time":
        return scale_facet(column.name, parse_times(cells), time=True)
    if column.role == "number":
        return _number_facet(column.name, cells)
    return text_facet(column.name, cells) if column.role == "text" else value_facet(column.name, cells)
