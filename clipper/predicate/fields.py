"""The columns that a predicate can be about: their names, what kind of values they have, and which.

What does not belong here: metadata columns themselves (`metadata/columns.py`), and the grammar
(`reading.py`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Literal

Kind = Literal["category", "number", "time", "list", "text"]

SCALES = ("number", "time")  # kinds that are filtered by a range
MAX_COMPARED = 5_000  # values among which one is looked for that is spelled otherwise, the first ones
MAX_ALIKE = 1_000  # names or values that a misspelled word is compared with
_TRUTH = {"true": "Yes", "false": "No"}


@dataclass(frozen=True)
class Field:
    """A column.

    `title` is another name of it. With `whole` its numbers are whole. `labels` are its values, the commonest
    first; None: any value is taken.
    """

    name: str
    kind: Kind
    title: str = ""
    whole: bool = False
    labels: Collection[str | None] | None = None

    @property
    def spelled(self) -> str:
        """The name that a person reads: the title of a column that Clipper itself named with a colon."""
        return self.title if self.name.startswith(":") and self.title else self.name

    def is_called(self, name: str) -> bool:
        """Whether it has this name or title, in upper or lower case."""
        return name.casefold() in {self.name.casefold(), self.title.casefold()}

    def value(self, typed: str) -> str | None:
        """Return the value that a person means; None if no image has it."""
        labels = self.labels
        if labels is None or typed in labels:
            return typed
        wanted = _TRUTH.get(typed.casefold(), typed).casefold()
        return next((label for label in self.first_labels() if label.casefold() == wanted), None)

    def first_labels(self) -> Iterable[str]:
        """Return its commonest values."""
        return islice((label for label in self.labels or () if label is not None), MAX_COMPARED)


Fields = Mapping[str, Field]


def fields_of(fields: Iterable[Field]) -> dict[str, Field]:
    """Return fields by name."""
    return {field.name: field for field in fields}


def find_field(fields: Fields, name: str) -> Field | None:
    """Return the column with a name, else the one with it as its title, or in other letters; None: none."""
    return fields.get(name) or next((field for field in fields.values() if field.is_called(name)), None)


def similar(word: str, among: Iterable[str]) -> str:
    """Return the name or value that looks most like a word; "" if none does."""
    known = {each.casefold(): each for each in reversed([*islice(among, MAX_ALIKE)])}
    close = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else ""
