"""From a metadata column to what it can be filtered by: values, a scale of numbers or times, or text.

Pure data: pandas in, arrays out. Which images pass and how many are counted is asked of these; how several
conditions go together is `dataset/filters.py`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from viewer.dataset.columns.binning import Scaled, binned, instants
from viewer.dataset.columns.colouring import FEW, label
from viewer.dataset.columns.colouring import Kind as Colour

Kind = Literal["values", "number", "time", "text"]


class Facet(Protocol):
    """A column that can be filtered by. Arrays are in row order."""

    @property
    def name(self) -> str:
        """The column's."""

    @property
    def kind(self) -> Kind:
        """How its condition is drawn."""

    def having(self, labels: Sequence[str | None]) -> np.ndarray:
        """Which rows have any of these values, (n,) bool; None stands for no value."""

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """How many rows have each value, (k + 1,) int64, the last those without one.

        Args:
            among: (n,) bool, which rows are counted; None: all.
        """


@dataclass(frozen=True)
class Values:
    """A category, or a list of them.

    `labels` are the commonest first. `codes` (m,) int32 index them, `len(labels)` meaning no value; one a
    row, or for lists one for each different item, whose row is in `rows` (m,) int32.
    """

    name: str
    labels: Sequence[str]
    codes: np.ndarray
    n: int
    rows: np.ndarray | None = None
    kind: Kind = "values"

    @cached_property
    def code_of(self) -> dict[str | None, int]:
        """The code of each value; of None, that of those without one."""
        return {None: len(self.labels), **{label: code for code, label in enumerate(self.labels)}}

    @cached_property
    def whole(self) -> np.ndarray:
        """The counts among all rows."""
        return self._counted(self.codes)

    def having(self, labels: Sequence[str | None]) -> np.ndarray:
        """As `Facet` says."""
        wanted = np.zeros(len(self.labels) + 1, bool)
        wanted[[self.code_of[label] for label in labels if label in self.code_of]] = True
        hit = wanted[self.codes]
        if self.rows is None:
            return hit
        found = np.zeros(self.n, bool)
        found[self.rows[hit]] = True
        return found

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """As `Facet` says; an image with several values counts for each."""
        if among is None:
            return self.whole
        counted = among if self.rows is None else among[self.rows]
        return self._counted(self.codes[counted])

    def _counted(self, codes: np.ndarray) -> np.ndarray:
        return np.bincount(codes, minlength=len(self.labels) + 1)


@dataclass(frozen=True)
class Scale:
    """Numbers, or times in seconds since 1970: `values` (n,) float64, NaN where there is none."""

    name: str
    values: np.ndarray
    scaled: Scaled
    kind: Kind = "number"

    @cached_property
    def whole(self) -> np.ndarray:
        """The counts among all rows."""
        return self._counted(self.scaled.bins)

    def having(self, labels: Sequence[str | None]) -> np.ndarray:
        """Which rows have no value, if None is among `labels`: numbers are asked for by their range."""
        return np.isnan(self.values) if None in labels else np.zeros(len(self.values), bool)

    def within(self, low: float | None, high: float | None) -> np.ndarray:
        """Which rows have a value of low..high, both included, (n,) bool; None: without that end."""
        above = self.values >= (-np.inf if low is None else low)
        return above & (self.values <= (np.inf if high is None else high))

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """How many rows are in each bin, (b + 1,) int64, the last those without a value."""
        return self.whole if among is None else self._counted(self.scaled.bins[among])

    def _counted(self, bins: np.ndarray) -> np.ndarray:
        return np.bincount(bins, minlength=len(self.scaled.edges))


@dataclass(frozen=True)
class Text:
    """Text that differs from image to image."""

    name: str
    text: pa.Array
    kind: Kind = "text"

    @cached_property
    def absent(self) -> np.ndarray:
        """Which rows have none, (n,) bool."""
        return np.asarray(self.text.is_null().to_numpy(zero_copy_only=False), bool)

    @cached_property
    def whole(self) -> np.ndarray:
        """The counts among all rows: with text, without."""
        return self.count(np.ones(len(self.text), bool))

    def having(self, labels: Sequence[str | None]) -> np.ndarray:
        """As `Facet` says."""
        told = pa.array([label for label in labels if label is not None], self.text.type)
        found = _bools(pc.is_in(self.text, value_set=told))
        return found | self.absent if None in labels else found

    def containing(self, part: str) -> np.ndarray:
        """Which rows have text with `part` in it, be it large or small, (n,) bool."""
        return _bools(pc.match_substring(self.text, part, ignore_case=True))

    def count(self, among: np.ndarray | None = None) -> np.ndarray:
        """How many rows have any text, and how many none: (2,) int64."""
        return self.whole if among is None else np.bincount(self.absent[among], minlength=2)


def _bools(found: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), bool)


def values(name: str, column: pd.Series) -> Values:
    """A column of text or truth values."""
    raw, told = pd.factorize(column)
    codes = np.where(raw < 0, len(told), raw)
    return _ranked(name, [label(value) for value in told], codes, n=len(column))


def lists(name: str, column: pd.Series) -> Values:
    """A column of lists; what stands twice in one list counts once."""
    cells = pa.array(column, from_pandas=True)
    if not pa.types.is_list(cells.type) and not pa.types.is_large_list(cells.type):
        cells = pa.nulls(len(cells), pa.list_(pa.string()))
    lengths = pc.fill_null(cells.value_lengths(), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = cells.flatten().dictionary_encode()
    told = [label(value) for value in encoded.dictionary.to_pylist()]
    codes = pc.fill_null(encoded.indices, len(told)).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(cells)), lengths)
    known = codes < len(told)
    codes, rows = codes[known], rows[known]
    lonely = np.flatnonzero(np.bincount(rows, minlength=len(cells)) == 0)
    codes, rows = np.append(codes, np.full(len(lonely), len(told))), np.append(rows, lonely)
    keys = np.sort(rows * (len(told) + 1) + codes)
    once = np.append(True, keys[1:] != keys[:-1]) if len(keys) else np.zeros(0, bool)
    rows, codes = np.divmod(keys[once], len(told) + 1)
    return _ranked(name, told, codes, n=len(cells), rows=rows.astype(np.int32))


def of_tags(name: str, rows: Mapping[str, np.ndarray], *, n: int) -> Values:
    """Tags of some of `n` rows: for each the rows (k,) int64 that have it, each row once."""
    lonely = np.ones(n, bool)
    for having in rows.values():
        lonely[having] = False
    parts = [*rows.values(), np.flatnonzero(lonely)]
    codes = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return _ranked(name, [*rows], codes, n=n, rows=np.concatenate(parts).astype(np.int32))


def _ranked(
    name: str, told: Sequence[str], codes: np.ndarray, *, n: int, rows: np.ndarray | None = None
) -> Values:
    """Codes in the order of how many rows have them; values that read alike are one."""
    labels, same = np.unique(np.array(told, object), return_inverse=True)
    merged = np.append(np.asarray(same, np.int64), len(labels))[codes]
    counts = np.bincount(merged, minlength=len(labels) + 1)[: len(labels)]
    order = np.argsort(-counts, kind="stable")  # labels are sorted: alike frequent ones go by the alphabet
    place = np.empty(len(labels) + 1, np.int32)
    place[order], place[-1] = np.arange(len(labels)), len(labels)
    return Values(name, labels[order].tolist(), place[merged], n, rows)


def scale(name: str, numbers: np.ndarray, *, time: bool = False) -> Scale:
    """Numbers (n,) or, with `time`, seconds since 1970; what is not finite counts as no value."""
    known = np.where(np.isfinite(numbers), numbers, np.nan)
    return Scale(name, known, binned(known, time=time), "time" if time else "number")


def text(name: str, column: pd.Series) -> Text:
    """A column of texts."""
    told = pa.array(column, pa.large_string(), from_pandas=True)
    return Text(name, told.combine_chunks() if isinstance(told, pa.ChunkedArray) else told)


def facet_of(name: str, column: pd.Series, *, declared: str, kind: Colour | None) -> Facet | None:
    """What a metadata column can be filtered by; None where all images tell the same.

    Args:
        name: of the column.
        column: its values.
        declared: its type, such as `str` or `list[str]`.
        kind: how it colours the map, None where it does not.
    """
    told = column.notna()
    if not told.any():
        return None
    if declared.startswith("list"):
        return lists(name, column)
    if kind is None and told.all() and column.nunique() < FEW:
        return None
    if kind == "time":
        return scale(name, instants(column), time=True)
    if kind == "number" or declared in {"int", "float"}:
        return scale(name, pd.to_numeric(column, errors="coerce").astype("float64").to_numpy())
    mostly_unique = kind is None and column.nunique() >= FEW and declared == "str"
    return text(name, column) if mostly_unique else values(name, column)
