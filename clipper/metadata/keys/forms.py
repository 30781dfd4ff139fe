"""Index images by the forms in which a key may name them, and write keys as paths are written here.

The forms of an id are the path, the path without its ending, the end of the path, and that end without its
ending. What does not belong here: in which order the forms and spellings are tried (`match.py`).
"""

from dataclasses import dataclass
from functools import cached_property
from os.path import commonprefix
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from clipper.images.formats import READABLE_ENDINGS, UNREADABLE_ENDINGS
from clipper.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa

    # Writes paths (n,) in another way.
    Spelling = Callable[[pa.Array], pa.Array]

# In the place of an image: no image, or several images.
NONE, AMBIGUOUS = -1, -2
# How sure a match is: the path itself, the end of a path, or a guess.
SURE, BY_END, GUESSED = 1, 2, 3
# In the place of a path that a spelling does not fit. No file is called so.
NO_NAME = "\0"
# Paths of more parts than this are not matched by their end.
MAX_PARTS = 64


class Forms:
    """Ids, and the forms in which a key may name them."""

    def __init__(self, ids: "pa.Array") -> None:
        self.ids = ids

    def find(self, keys: "pa.Array") -> "tuple[np.ndarray, np.ndarray]":
        """Return the place of the image of each key, or a code, (n,) int64; and how sure it is, (n,) int8."""
        import numpy as np
        import pyarrow as pa

        places, sure = np.full(len(keys), NONE, np.int64), np.zeros(len(keys), np.int8)
        _fill(places, sure, np.arange(len(keys)), self.whole.find(keys), SURE)
        if len(left := np.flatnonzero(places == NONE)):
            _fill(places, sure, left, self.stems.find(taken(keys, left)), SURE)
        left = np.flatnonzero(places == NONE)
        for at in _by_parts(keys, left):
            parts = keys[int(at[0])].as_py().count("/") + 1
            for index in self._tails(parts):
                _fill(places, sure, at, index.find(keys.take(pa.array(at))), BY_END)
        return places, sure

    @cached_property
    def whole(self) -> "_Index":
        """The ids."""
        return _Index.of(self.ids)

    @cached_property
    def stems(self) -> "_Index":
        """The ids without their endings."""
        return _Index.of(_without_ending(self.ids))

    def _tails(self, parts: int) -> "list[_Index]":
        """Index the last parts of the ids that have more parts, and these without their endings."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if parts not in self._ends:
            deep = pc.greater_equal(pc.count_substring(self.ids, "/"), parts)
            places = np.flatnonzero(deep.to_numpy(zero_copy_only=False))
            pattern = f"^.*/((?:[^/]*/){{{parts - 1}}}[^/]*)$"
            ends = pc.replace_substring_regex(self.ids.take(pa.array(places)), pattern, r"\1")
            self._ends[parts] = [_Index.of(names, places) for names in (ends, _without_ending(ends))]
        return self._ends[parts]

    @cached_property
    def _ends(self) -> "dict[int, list[_Index]]":
        return {}


@dataclass(frozen=True)
class _Index:
    """Different texts, and for each the place of its image, or `AMBIGUOUS`."""

    known: "pa.Array"
    places: "np.ndarray"

    @classmethod
    def of(cls, names: "pa.Array", places: "np.ndarray | None" = None) -> Self:
        """Index names; `places` are those of their images, their own order without it."""
        import numpy as np

        encoded = names.dictionary_encode()
        codes = encoded.indices.to_numpy()
        first = np.empty(len(encoded.dictionary), np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        several = np.bincount(codes, minlength=len(first)) > 1
        return cls(
            encoded.dictionary, np.where(several, AMBIGUOUS, first if places is None else places[first])
        )

    def find(self, keys: "pa.Array") -> "np.ndarray":
        """Return the place of the image of each key, or a code, (n,) int64."""
        import numpy as np
        import pyarrow.compute as pc

        at = pc.fill_null(pc.index_in(keys, value_set=self.known), -1).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(self.places, NONE)[at])


def texts(values: "Sequence[str] | pa.Array | pa.ChunkedArray") -> "pa.LargeStringArray":
    """Return texts as one Arrow array of large strings; a missing one is ""."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.Array):
        whole = values.cast(pa.large_string())
        return pc.fill_null(whole, "") if whole.null_count else whole
    if isinstance(values, pa.ChunkedArray):
        whole = values.cast(pa.large_string()).combine_chunks()
        whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
        return texts(whole)
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON may hold
        return pa.array([clean(value) for value in values], pa.large_string())


def taken(keys: "pa.Array", at: "np.ndarray") -> "pa.Array":
    """Return the keys at some places (k,), which are in order and differ."""
    import pyarrow as pa

    return keys if len(at) == len(keys) else keys.take(pa.array(at, pa.int64()))


def _fill(
    places: "np.ndarray", sure: "np.ndarray", at: "np.ndarray", found: "np.ndarray", how_sure: int
) -> None:
    """Take what was found for the keys `at` that had no image."""
    new = (places[at] == NONE) & (found != NONE)
    places[at[new]], sure[at[new]] = found[new], how_sure


def _by_parts(keys: "pa.Array", at: "np.ndarray") -> "Iterator[np.ndarray]":
    """Yield the keys `at` in groups with the same number of parts."""
    import numpy as np
    import pyarrow.compute as pc

    slashes = pc.count_substring(taken(keys, at), "/").to_numpy(zero_copy_only=False)
    for count in np.unique(slashes):
        if count < MAX_PARTS:
            yield at[slashes == count]


def _without_ending(paths: "pa.Array") -> "pa.Array":
    import pyarrow.compute as pc

    return pc.replace_substring_regex(paths, r"\.[^./]*$", "")


def as_written(paths: "pa.Array") -> "pa.Array":
    """Return paths as they are."""
    return paths


def composed(paths: "pa.Array") -> "pa.Array":
    """Compose accents as people type them; file names of a Mac are decomposed."""
    import pyarrow.compute as pc

    return pc.utf8_normalize(paths, form="NFC")


def lower_case(paths: "pa.Array") -> "pa.Array":
    """Write paths in lower case."""
    import pyarrow.compute as pc

    return pc.utf8_lower(composed(paths))


def same_letters(paths: "pa.Array") -> "pa.Array":
    """Write letters and blanks that look alike in one way: a Mac's names of screenshots have narrow ones."""
    import pyarrow.compute as pc

    plain = pc.utf8_lower(pc.utf8_normalize(paths, form="NFKC"))
    for pattern, same in ((r"[\x{200b}-\x{200f}\x{2060}\x{feff}\x{ad}]+", ""), (r"\s+", " "), ("ß", "ss")):
        plain = pc.replace_substring_regex(plain, pattern, same)
    return pc.utf8_trim_whitespace(plain)


def other_endings(paths: "pa.Array") -> "pa.Array":
    """Drop the endings of images, in lower case; `NO_NAME` for a path without one."""
    import pyarrow.compute as pc

    lower = lower_case(paths)
    endings = "|".join(
        sorted(ending.removeprefix(".") for ending in READABLE_ENDINGS.union(UNREADABLE_ENDINGS))
    )
    pattern = rf"(?s)[.]({endings})$"
    there = pc.match_substring_regex(lower, pattern)
    return pc.if_else(there, pc.replace_substring_regex(lower, pattern, ""), NO_NAME)


def as_numbers(paths: "pa.Array") -> "pa.Array":
    """Write names of digits, with or without an ending, as numbers; `NO_NAME` for others."""
    import pyarrow.compute as pc

    pattern = r"(?s)^(.*/)?0*([0-9]+)([.]0+|[.][a-zA-Z][a-zA-Z0-9]*)?$"
    there = pc.match_substring_regex(paths, pattern)
    return pc.if_else(there, pc.replace_substring_regex(paths, pattern, r"\1\2"), NO_NAME)


def composed_accents(keys: "pa.Array") -> "pa.Array":
    """Drop blanks around the keys, and compose accents as people type them."""
    import pyarrow.compute as pc

    return pc.utf8_normalize(pc.utf8_trim_whitespace(keys), form="NFC")


def plain_paths(keys: "pa.Array") -> "pa.Array":
    """Write paths with `/`, without quotes and without a `.` that stands for a folder."""
    import pyarrow.compute as pc

    paths = composed_accents(keys)
    for pattern, plain in (
        (r"(?s)^=?\"(.*)\"$", r"\1"),
        (r"(?s)^'(.*)'$", r"\1"),
        # How an export keeps a spreadsheet from reading a name as a formula.
        (r"(?s)^'([=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}].*)$", r"\1"),
        (r"\\", "/"),
        (r"/(\./)+", "/"),
        (r"//+", "/"),
        (r"^(\./)+", ""),
    ):
        paths = pc.replace_substring_regex(paths, pattern, plain)
    return paths


def decoded_paths(keys: "pa.Array") -> "pa.Array":
    """Decode `%20` and the like of plain paths, and drop what follows `?` or `#` in a URL."""
    import numpy as np
    import pyarrow.compute as pc

    paths = plain_paths(keys)
    for mark in ("[?].*$", "#.*$"):
        paths = pc.replace_substring_regex(paths, f"(?s)^([a-zA-Z][a-zA-Z0-9+.-]+:/.*?){mark}", r"\1")
    marked = np.flatnonzero(pc.match_substring_regex(paths, "%[0-9a-fA-F]{2}").to_numpy(zero_copy_only=False))
    if not len(marked):
        return paths
    values = paths.to_pylist()
    for place in marked.tolist():
        values[place] = unquote(values[place], errors="replace")
    return composed_accents(texts(values))


def shared_folder(paths: "pa.Array") -> str:
    """Return the first folders, with `/`, that all paths of more than one part share; "" for none."""
    import pyarrow.compute as pc

    ends = pc.min_max(paths.filter(pc.match_substring(paths, "/"))).as_py()
    if ends["min"] is None:
        return ""
    same = commonprefix([ends["min"], ends["max"]])  # noqa: RUF071 - cut at a `/` below
    return str(same).rpartition("/")[0] + "/"
