"""The tags of a home in the rows of a dataset, as something to filter and to colour by.

They are what `tags.json` says now, never what the index made of it. Nothing of a single visitor here: giving
and taking tags is `session/tag_worker.py`'s, keeping them `clipper/tags.py`'s.
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
    """Tags as a column of a dataset; what is asked of it is worked out once.

    `rows` has the rows (k,) int64 of each tag, `rank` (n,) int64 the place of each row in drawing order. A
    tag that was `assigned` a colour's code before keeps it.
    """

    name: str
    rows: TagRows
    rank: np.ndarray
    assigned: Mapping[str, int]

    @cached_property
    def facet(self) -> ValueFacet | None:
        """What the images can be filtered by; None where none has a tag."""
        return tag_facet(self.name, self.rows, n=len(self.rank)) if self.rows else None

    @cached_property
    def colouring(self) -> Colouring:
        """The colours of the images by their tags."""
        return tag_colouring(self.title, self.rows, rank=self.rank, assigned=self.assigned)

    @property
    def title(self) -> str:
        """What a person calls the column."""
        return tag_column_title(self.name)

    def colour_codes(self) -> Mapping[str, int]:
        """The colour's code of each tag, as far as the tags have been coloured."""
        return self.colouring.assigned_codes() if "colouring" in self.__dict__ else self.assigned


def tag_column_title(column: str) -> str:
    """What a person calls the column of tags."""
    return column.replace("_", " ").capitalize()


def tags_of_rows(tags: TagRows, rows: np.ndarray) -> list[list[str]]:
    """The tags of the images of some rows (k,), in alphabetical order."""
    found: list[list[str]] = [[] for _ in range(len(rows))]
    for tag in sorted(tags):
        for at in np.flatnonzero(is_member(rows, tags[tag])).tolist():
            found[at].append(tag)
    return found


def count_tags(tags: TagRows, rows: np.ndarray) -> dict[str, int]:
    """How many of some rows (k,) have each tag; those that none has are left out."""
    found = {tag: int(np.count_nonzero(is_member(rows, tagged))) for tag, tagged in tags.items()}
    return {tag: count for tag, count in sorted(found.items()) if count}
