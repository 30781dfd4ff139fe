"""The tags of a home as a column of a dataset: a facet and colours.

The tags are those that `tags.json` holds now, not the ones of the index. What does not belong here: reading
them (`dataset/tag_rows.py`), and adding and removing them (`session/workers/tags.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from viewer.dataset.columns.colouring import Colouring, tag_colouring
from viewer.dataset.columns.facets import ValueFacet, tag_facet
from viewer.dataset.columns.filters import is_member

TagRows = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class TagColumn:
    """Tags as a column of a dataset; its facet and colours are made once.

    `rows` has the rows (k,) int64 of each tag, `rank` (n,) int64 the position of each row in drawing order.
    A tag keeps the colour code that it was `assigned` before.
    """

    name: str
    rows: TagRows
    rank: np.ndarray
    assigned: Mapping[str, int]

    @cached_property
    def facet(self) -> ValueFacet | None:
        """The facet of the tags; None if no image has a tag."""
        return tag_facet(self.name, self.rows, n=len(self.rank)) if self.rows else None

    @cached_property
    def colouring(self) -> Colouring:
        """The colours of images by their tags."""
        return tag_colouring(self.title, self.rows, rank=self.rank, assigned=self.assigned)

    @property
    def title(self) -> str:
        """The column's title on the page."""
        return tag_column_title(self.name)

    def colour_codes(self) -> Mapping[str, int]:
        """Return the colour code of each tag that has one so far."""
        return self.colouring.assigned_codes() if "colouring" in self.__dict__ else self.assigned


def tag_column_title(column: str) -> str:
    """Return the title of the column of tags."""
    return column.replace("_", " ").capitalize()


def tags_of_rows(tags: TagRows, rows: np.ndarray) -> list[list[str]]:
    """Return the tags of each image of some rows (k,), in alphabetical order."""
    found: list[list[str]] = [[] for _ in range(len(rows))]
    for tag in sorted(tags):
        for at in np.flatnonzero(is_member(rows, tags[tag])).tolist():
            found[at].append(tag)
    return found


def count_tags(tags: TagRows, rows: np.ndarray) -> dict[str, int]:
    """Count how many of some rows (k,) have each tag; tags that none of them has are left out."""
    found = {tag: int(np.count_nonzero(is_member(rows, tags[tag]))) for tag in tags}
    return {tag: count for tag, count in sorted(found.items()) if count}
