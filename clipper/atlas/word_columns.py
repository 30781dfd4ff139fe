"""Keep a list of words as a column of an atlas from its next run on, or keep it no longer.

What does not belong here: how the lists are kept (`store/word_columns.py`), and making the columns
(`indexing/insights/words.py`).
"""

from collections.abc import Mapping, Sequence

from clipper.errors import ClipperError
from clipper.metadata.columns import WORDS, Column
from clipper.store import word_columns
from clipper.store.home import Home
from clipper.text import one_line


def keep_words(
    home: Home, name: str, words: Sequence[str], *, columns: Mapping[str, Column], replace: bool = False
) -> str:
    """Keep a list of words as a column; return the column's name as it is kept.

    Args:
        home: the atlas's.
        name: of the column.
        words: that an image may get.
        columns: those of the atlas; their names are taken, unless they are columns of words.
        replace: whether these words may take the place of others under that name.

    Raises:
        ClipperError: the name or the words are not valid, or the name is taken.
        StoreError: the file of the lists is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    column = one_line(name)
    if column in columns and columns[column].origin != WORDS:
        raise ClipperError(f"there is a column “{column}” already; choose another name")
    try:
        word_columns.keep(home, column, words, replace=replace)
    except ValueError as error:
        raise ClipperError(str(error)) from error
    return column


def forget_words(home: Home, name: str) -> None:
    """Keep a column no longer.

    Raises:
        ClipperError: no list is kept under that name.
        StoreError: the file of the lists is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    try:
        word_columns.forget(home, name)
    except KeyError:
        kept = ", ".join(word_columns.read(home)) or "none"
        raise ClipperError(f"no words are kept as {name!r}; kept columns: {kept}") from None
