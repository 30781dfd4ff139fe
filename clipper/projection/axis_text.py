"""What a person types for an axis: two opposites, one word, or the name of a column.

    night <-> day        also with "↔", " vs " or "|" between the two: from the first to the second
    night                the similarity to one text
    column:year          a column; what else is named so, the program that asks decides

What does not belong here: the axes themselves (`axes.py`).
"""

import re
from dataclasses import dataclass

from clipper.text import one_line

COLUMN = "column:"
MAX_LENGTH = 300  # characters of what is typed
_BETWEEN = re.compile(r"\s*(?:<-+>|<=+>|<>|[↔⟷⇔]|\||\bvs\.?(?=\s))\s*", re.IGNORECASE)


@dataclass(frozen=True)
class AxisText:
    """What was typed: a column's name, or two texts, of which the first may be missing."""

    column: str = ""
    low: str = ""
    high: str = ""


def parse_axis(text: str) -> AxisText:
    """Read what a person typed.

    Raises:
        ValueError: nothing is typed, one end is missing, or there are more than two; the message is for them.
    """
    said = one_line(text[: 2 * MAX_LENGTH])
    if not said:
        raise ValueError("type two opposites, such as “night <-> day”, or one word")
    if len(said) > MAX_LENGTH:
        raise ValueError(f"that is {len(said):,} characters; up to {MAX_LENGTH} are read. Shorten it")
    if said.startswith(COLUMN):
        return AxisText(column=said[len(COLUMN) :])
    ends = _BETWEEN.split(said)
    if len(ends) == 1:
        return AxisText(high=said)
    if len(ends) > 2:  # noqa: PLR2004 - an axis has two ends
        raise ValueError(f"an axis has two ends, and this has {len(ends)}: keep two of them")
    if not all(ends):
        known = next((end for end in ends if end), "")
        raise ValueError(f"type what lies at the other end of “{known}”" if known else "type both ends")
    if ends[0].casefold() == ends[1].casefold():
        raise ValueError("both ends are the same: type two opposites")
    return AxisText(low=ends[0], high=ends[1])


def write_axis(axis: AxisText) -> str:
    """Write an axis as `parse_axis` reads it."""
    if axis.column:
        return f"{COLUMN}{axis.column}"
    return f"{axis.low} <-> {axis.high}" if axis.low else axis.high
