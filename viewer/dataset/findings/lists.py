"""Lists of what was found: a CSV table or JSON, one line an image, with its note, its group and what to keep.

A list is about images to look at, so it has those that exports leave out, too, and says which they are. What
does not belong here: exports of the images themselves (`exports.py`).
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from clipper.atlas.findings import Finding
from clipper.export.formats.dataset import BLOCK_ROWS, EXCLUDED
from clipper.export.formats.tables import escape_formula
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import TagRows
from viewer.dataset.dataset import Dataset

COLUMNS = ("id", "note", "group", "keep", "excluded")


@dataclass(frozen=True)
class FindingList:
    """Some images of a finding: positions (k,) int64 among its rows, in this order."""

    kinds: ClassVar = ("csv", "json")

    dataset: Dataset
    finding: Finding
    positions: np.ndarray
    tags: TagRows = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the file's name says after the dataset's."""
        return self.finding.key

    def pieces(self, kind: str) -> Iterator[bytes]:
        """Yield the list in one of its kinds, in pieces."""
        return {"csv": self._csv, "json": self._json}[kind]()

    def _csv(self) -> Iterator[bytes]:
        for number, lines in enumerate(self._blocks()):
            text = io.StringIO()
            writer = csv.writer(text)
            if number == 0:
                writer.writerow(COLUMNS)
            writer.writerows([escape_formula(cell) for cell in line] for line in lines)
            yield text.getvalue().encode("utf-8", "replace")

    def _json(self) -> Iterator[bytes]:
        about = {"finding": self.finding.key, "title": self.finding.title, "detail": self.finding.detail}
        yield f'{json.dumps(about)[:-1]}, "images": ['.encode()
        for number, lines in enumerate(self._blocks()):
            texts = [json.dumps(dict(zip(COLUMNS, line, strict=True))) for line in lines]
            yield ((",\n" if number else "\n") + ",\n".join(texts)).encode()
        yield b"\n]}\n"

    def _blocks(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the lines, some at a time; a column that the finding does not have is None."""
        for start in range(0, max(len(self.positions), 1), BLOCK_ROWS):
            yield self._lines(self.positions[start : start + BLOCK_ROWS])

    def _lines(self, positions: np.ndarray) -> list[tuple[Any, ...]]:
        finding, ids, at = self.finding, self.dataset.atlas.ids, positions.tolist()
        rows, none = finding.rows[positions], [None] * len(at)
        return list(
            zip(
                [ids[row] for row in rows.tolist()],
                [finding.notes[position] for position in at],
                none if finding.groups is None else finding.groups[positions].tolist(),
                none if finding.keep is None else finding.keep[positions].tolist(),
                is_member(rows, self.tags.get(EXCLUDED, np.empty(0, np.int64))).tolist(),
                strict=True,
            )
        )
