"""Columns of people's own words, in the home's word_columns.json: a name, and the words that images may get.

Each run makes the columns anew. Nothing can restore this file, and no run deletes it. What does not belong
here: giving images their words (`insight/classify.py`), and the run's step (`indexing/insights/words.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipper.store.home import GivenFile, Home, without
from clipper.text import one_line, short_line

FORMAT = 1
MAX_LENGTH = 60  # characters of a name, and of a word
MAX_WORDS = 20  # of a list: the map has as many colours
MAX_COLUMNS = 50
# Columns of Clipper's own tables, and the two of the metadata that have a meaning.
_RESERVED = frozenset({"cluster", "content_hash", "id", "name", "path", "similarity", "tags", "x", "y"})
_RESERVED_STARTS = ("#", "$", ":", "chroma:")

# Name of a column -> its words.
WordColumns = dict[str, list[str]]


def path_of(home: Home) -> Path:
    """The file of a home's columns."""
    return _file(home).path


def clean_name(text: str) -> str:
    """Clean a column's name: one line, without surrounding or repeated white space.

    Raises:
        ValueError: no letter is left, or too many, or Clipper has a column of that name.
    """
    name = short_line(text, what="a column's name", most=MAX_LENGTH)
    if name in _RESERVED or name.startswith(_RESERVED_STARTS):
        raise ValueError(f"Clipper has a column “{name}” of its own; choose another name")
    return name


def clean_words(words: Sequence[str]) -> list[str]:
    """Clean a list of words, each one line, without surrounding or repeated white space.

    Raises:
        ValueError: there are none, too many, one that is too long, or one twice.
    """
    cleaned = [word for word in map(one_line, words) if word]
    if not cleaned:
        raise ValueError("type at least one word; commas go between several")
    if len(cleaned) > MAX_WORDS:
        raise ValueError(f"these are {len(cleaned):,} words; up to {MAX_WORDS} can be told apart at once")
    if too_long := next((word for word in cleaned if len(word) > MAX_LENGTH), None):
        raise ValueError(f"“{too_long[:20]}…” has {len(too_long):,} letters; up to {MAX_LENGTH} are a word")
    seen: set[str] = set()
    for word in cleaned:
        if (folded := word.casefold()) in seen:
            raise ValueError(f"“{word}” is there twice; each word counts once")
        seen.add(folded)
    return cleaned


def read(home: Home) -> WordColumns:
    """Read all columns of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


def keep(home: Home, name: str, words: Sequence[str], *, replace: bool = False) -> WordColumns:
    """Keep a list of words as a column; return all columns.

    Args:
        home: whose.
        name: of the column.
        words: that an image may get.
        replace: whether these words may take the place of others under that name.

    Raises:
        ValueError: the name or the words are not valid, others have the name, or there are too many columns.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    column, listed = clean_name(name), clean_words(words)

    def change(columns: WordColumns) -> WordColumns:
        if column not in columns and len(columns) >= MAX_COLUMNS:
            raise ValueError(f"there are {MAX_COLUMNS} columns of words, and no room for another")
        if not replace and columns.get(column, listed) != listed:
            others = ", ".join(columns[column])
            raise ValueError(f"“{column}” is a column of other words ({others}); choose another name")
        return {**columns, column: listed}

    return _change(home, change)


def forget(home: Home, name: str) -> WordColumns:
    """Keep a column no longer; return those that stay.

    Raises:
        KeyError: there is no such column.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    return _change(home, lambda columns: without(columns, name))


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's columns; None if nothing is."""
    return _file(home).problem()


def _listed(words: object) -> list[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError("a column has a list of words")
    return words


def _parse(entry: Mapping[str, Any]) -> WordColumns:
    return {clean_name(name): clean_words(_listed(words)) for name, words in entry.items()}


def _change(home: Home, change: Callable[[WordColumns], WordColumns]) -> WordColumns:
    return _file(home).change(change)


def _file(home: Home) -> GivenFile[WordColumns]:
    return GivenFile(
        home, "word_columns", version=FORMAT, lost="the lists of words", parse=_parse, spell=dict
    )
