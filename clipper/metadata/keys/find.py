"""Finds the image that a person means by a key: its path, its path without ending, or its name.

What does not belong here: joining whole tables of keys (`join.py`, which keeps an index of all images).
"""

from collections.abc import Callable, Sequence
from unicodedata import normalize


def find_images(ids: Sequence[str], key: str) -> list[int]:
    """Return the rows of the images that a key names: of the first form that names any; [] if none does.

    Args:
        ids: the images' ids, which are paths below the images folder, with `/`.
        key: a path, a path without its ending, or a file's name without its ending.
    """
    found = _found(ids, key, lambda text: text)
    if found or key.isascii():
        return found
    # People type accents in Unicode's composed form; file names of a Mac are decomposed.
    return _found(ids, normalize("NFC", key), lambda text: normalize("NFC", text))


def several_images(key: str, paths: Sequence[str]) -> str:
    """Say that a key names several images, and which."""
    more = f" and {len(paths) - 2:,} more" if len(paths) > 2 else ""  # noqa: PLR2004 - as many as are named
    return f"{len(paths):,} images are called {key!r}; write the path: {', '.join(paths[:2])}{more}"


def _found(ids: Sequence[str], key: str, written: Callable[[str], str]) -> list[int]:
    near = [(row, path) for row, path in enumerate(map(written, ids)) if key in path]
    for form in (lambda path: path, _stem, lambda path: _stem(path).rpartition("/")[2]):
        rows = [row for row, path in near if form(path) == key]
        if rows:
            return rows
    return []


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
