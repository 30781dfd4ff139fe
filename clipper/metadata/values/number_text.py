"""How numbers are written as text, and which texts are no numbers although they have digits only.

What does not belong here: the type of a whole column (`cells.py`, `types.py`).
"""

import re

from clipper.query_filter import INT_MAX, INT_MIN


def _up_to(largest: int) -> str:
    """Return the pattern of the numbers from 0 to one of 19 digits, without zeros in front."""
    digits = str(largest)
    fewer = "|".join(
        rf"{digits[:at]}[{1 if at == 0 else 0}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit > "0"
    )
    return rf"(0|[1-9][0-9]{{0,{len(digits) - 2}}}|{fewer}|{digits})"


# A number is text that is the same after it is read and written again. Longer digits are codes.
WHOLE = rf"(-{_up_to(-INT_MIN)}|{_up_to(INT_MAX)})"
INT = rf"^{WHOLE}$"
FLOAT = r"^-?((0|[1-9][0-9]{0,18})?\.[0-9]+|(0|[1-9][0-9]{0,18})(\.[0-9]+)?[eE][+-]?[0-9]{1,2})$"
# Digits that would change if read as a number: 007, a code of twenty digits, a decimal comma. One such cell
# makes its column text.
CODE = r"^[+-]?(0[0-9].*|[0-9]{19,}|[0-9]+,[0-9]+)$"
# What programs write for no value, beside an empty cell. In a column of text it is a word like any other.
MISSING = r"^(NA|[Nn]/[Aa]|#N/A|<NA>|-?[Nn]a[Nn]|NAN|NaT|NULL|[Nn]ull|None|\\N|#VALUE!|#DIV/0!|#REF!)$"

# In a column of numbers, the cells that are no numbers are at most this share of it ...
MAX_MISFIT_SHARE = 0.05
# ... or have at most so many spellings, such as "n/a" and "?". Otherwise the column is text: no cell is lost.
MAX_SPELLINGS = 3


def read_number(text: str) -> int | float | None:
    """Read a number that is written as numbers are; None for any other text, such as 007."""
    if re.fullmatch(INT, text):
        return int(text)
    return float(text) if re.fullmatch(FLOAT, text) else None


def is_missing(text: str) -> bool:
    """Whether a text is what programs write for no value."""
    return re.fullmatch(MISSING, text) is not None


def is_code(text: str) -> bool:
    """Whether a text has digits that would change if it were read as a number, such as 007."""
    return re.fullmatch(CODE, text) is not None and re.fullmatch(INT, text) is None
