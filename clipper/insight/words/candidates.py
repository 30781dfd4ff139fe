"""The words that a dataset's own metadata has for its images: categories, lists, tags, folders, captions.

What does not belong here: the vocabulary that ships with Clipper (`vocabulary.py`), and which word
names which cluster (`naming.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import normalize

from clipper.metadata.columns import FILE, FOLDER, Column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# A word is of use from so many images on: with fewer, a cluster shares it by chance.
MIN_IMAGES = 3
# Of more words than this, those of most images are kept.
MAX_WORDS = 20_000
# What is longer is a sentence, no word.
MAX_LENGTH, MAX_PARTS = 40, 4
# Words that say nothing of a picture, and words by which tables say that a value is missing.
_EMPTY = frozenset(
    """
    a about above against all am an and another any are as at be been being below between both but by did do
    does during each every few for from had has have he her here him his i in into is it it's its just many
    me more most my near next no none nor not of off on one only onto or other our out over own same several
    she so some such than that the their them then there these they this those through to too two under us
    very was we were what when where which while who will with without you your default example false file
    files image images img jpeg jpg misc miscellaneous n/a na nan null other others photo photos picture
    pictures png sample test train training true undefined unknown untitled val valid validation yes
    """.split()  # noqa: SIM905 - a list of strings is no better to read
)
_NO_WORD = re.compile(r"https?:|www\.|@|[0-9a-f]{8,}|\d{3,}|[/\\]\w+[/\\]", re.IGNORECASE)
# Endings of plurals, the first that fits, and those of their singulars.
_PLURALS = (
    (re.compile(r"(?<=\w\w)ies$"), "y"),
    (re.compile(r"(?<=ch|sh|ss)es$|(?<=[xz])es$"), ""),
    (re.compile(r"(?<=\w[^sui])s$"), ""),
)


@dataclass(frozen=True)
class DatasetWords:
    """Words with the images that have each: those of word w are `rows[starts[w]:starts[w + 1]]`."""

    words: tuple[str, ...]  # as people write them, in the order of their plain forms
    starts: "np.ndarray"  # (w + 1,) int64
    rows: "np.ndarray"  # int32, rows of images, ascending for each word

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def none(cls) -> "DatasetWords":
        """Return no words, as of a dataset without metadata."""
        import numpy as np

        return cls((), np.zeros(1, np.int64), np.empty(0, np.int32))


def plain_form(word: str) -> str:
    """Return what two spellings of one word have in common: `Flags` and `flag`, `t_shirt` and `T-shirts`."""
    text = re.sub(r"[\s_-]+", " ", normalize("NFKC", word).casefold().replace("\u2019", "'")).strip()
    text = re.sub(r"^(an?|the) (?=.)", "", text)
    head, _, last = text.rpartition(" ")
    return f"{head} {_singular(last)}".strip()


def dataset_words(table: "pa.Table", columns: Sequence[Column]) -> DatasetWords:
    """Collect the words of a metadata table that tell of what is on the images.

    Numbers, times, facts of the image files, and what looks like an id, a number or an address are left out.

    Args:
        table: a row for each image, with these columns; others are not looked at.
        columns: with their roles.
    """
    import numpy as np

    found = [_of_column(table[column.name], column) for column in columns if _tells(column, table)]
    keys: dict[str, int] = {}
    spelled: dict[int, dict[str, int]] = {}
    pairs: list[np.ndarray] = []
    for values, codes, rows in found:
        counts = np.bincount(codes, minlength=len(values))
        numbers = np.full(len(values), -1, np.int64)
        least = 1 if len(values) <= MAX_WORDS else MIN_IMAGES
        for i in np.flatnonzero(counts >= least).tolist():
            word = tidy(values[i])
            if word:
                numbers[i] = key = keys.setdefault(plain_form(word), len(keys))
                spellings = spelled.setdefault(key, {})
                spellings[word] = spellings.get(word, 0) + int(counts[i])
        kept = numbers[codes] >= 0
        pairs.append(np.stack([numbers[codes[kept]], rows[kept]], axis=1))
    return _collected(list(keys), spelled, pairs)


def tidy(value: str) -> str:
    """Return a value as a word: in one line, with spaces for underscores; empty if it is no word."""
    word = " ".join(value.replace("_", " ").split())
    letters = sum(character.isalpha() for character in word)
    told = word.casefold()
    if not word.isprintable() or len(word) > MAX_LENGTH or len(word.split()) > MAX_PARTS or told in _EMPTY:
        return ""
    if letters < len(word) / 2 or (letters <= 1 and word.isascii()) or _NO_WORD.search(word):
        return ""
    return word


def _tells(column: Column, table: "pa.Table") -> bool:
    """Whether a column's values are words about images."""
    there = column.name in table.column_names and column.type in ("str", "list[str]")
    return there and not column.has(FILE) and column.role in ("category", "list", "text")


def _of_column(cells: "pa.ChunkedArray", column: Column) -> "tuple[list[str], np.ndarray, np.ndarray]":
    """Return a column's different values, and pairs of value and row: (p,) int64 codes, (p,) int64 rows."""
    import pyarrow.compute as pc

    cells = cells.combine_chunks()
    if column.role == "text":
        letters = pc.replace_substring_regex(pc.utf8_lower(cells), r"[^\pL\pM\pN'\x{2019}&-]+", " ")
        return _with_pairs(*_encoded(pc.utf8_split_whitespace(letters)))
    if column.has(FOLDER):
        return _encoded(pc.split_pattern(cells, "/"))
    if column.type.startswith("list["):
        return _encoded(cells)
    return _encoded(pc.split_pattern(cells, "\0"))  # no value has one: each becomes a list of itself


def _encoded(lists: "pa.ListArray") -> "tuple[list[str], np.ndarray, np.ndarray]":
    import numpy as np
    import pyarrow.compute as pc

    rows = pc.list_parent_indices(lists).to_numpy()
    values = pc.list_flatten(lists)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    encoded = pc.dictionary_encode(values.drop_null())
    codes = np.asarray(encoded.indices.to_numpy(), np.int64)
    return encoded.dictionary.to_pylist(), codes, np.asarray(rows[there], np.int64)


def _with_pairs(
    values: list[str], codes: "np.ndarray", rows: "np.ndarray"
) -> "tuple[list[str], np.ndarray, np.ndarray]":
    """Add the pairs of words that stand side by side in a caption: `fire engine`."""
    import numpy as np

    telling = np.array([value not in _EMPTY for value in values], bool)
    beside = (rows[1:] == rows[:-1]) & telling[codes[1:]] & telling[codes[:-1]] if len(codes) else []
    at = np.flatnonzero(beside)
    joined, pair_codes, counts = np.unique(
        codes[at] * len(values) + codes[at + 1], return_inverse=True, return_counts=True
    )
    often = counts >= MIN_IMAGES
    numbers = np.where(often, np.cumsum(often) - 1 + len(values), -1)[pair_codes]
    kept = numbers >= 0
    pairs = [f"{values[code // len(values)]} {values[code % len(values)]}" for code in joined[often].tolist()]
    return values + pairs, np.append(codes, numbers[kept]), np.append(rows, rows[at[kept]])


def _collected(
    keys: list[str], spelled: dict[int, dict[str, int]], pairs: "list[np.ndarray]"
) -> DatasetWords:
    import numpy as np

    # Sorted by word, then by row; an image that has a word in two columns has it once.
    listed = np.concatenate([*pairs, np.empty((0, 2), np.int64)])
    many = int(listed[:, 1].max(initial=0)) + 1
    both = np.stack(np.divmod(np.unique(listed[:, 0] * many + listed[:, 1]), many), axis=1)
    counts = np.bincount(both[:, 0], minlength=len(keys))
    chosen = np.flatnonzero(counts >= MIN_IMAGES)
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")][:MAX_WORDS]
    order = sorted(chosen.tolist(), key=lambda number: keys[number])
    bounds = np.searchsorted(both[:, 0], [*range(len(keys) + 1)])
    rows = [both[bounds[number] : bounds[number + 1], 1] for number in order]
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    words = tuple(_usual_spelling(spelled[number]) for number in order)
    return DatasetWords(words, starts, np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int32))


def _usual_spelling(spellings: dict[str, int]) -> str:
    return min(spellings, key=lambda word: (-spellings[word], len(word), word))


def _singular(word: str) -> str:
    """Return the singular of a plain English plural; most other words end otherwise, and stay."""
    for pattern, singular in _PLURALS:
        if pattern.search(word):
            return pattern.sub(singular, word)
    return word
