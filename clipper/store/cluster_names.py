"""Names that people give to clusters, in the home's cluster_names.json, by the cluster's lasting identity.

A name stays as long as the cluster does, and takes the place of the one that Clipper finds. Nothing can
restore this file, and no run deletes it. What does not belong here: the names that Clipper finds
(`insight/words/naming.py`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clipper.store.home import GivenFile, Home
from clipper.text import short_line

FORMAT = 1
MAX_LENGTH = 60  # characters
MAX_NAMES = 10_000

# Identity of a cluster -> its name.
Names = dict[int, str]


def path_of(home: Home) -> Path:
    """The file of a home's names."""
    return _file(home).path


def clean_name(text: str) -> str:
    """Clean a name: one line, without surrounding or repeated white space.

    Raises:
        ValueError: no letter is left, or too many.
    """
    return short_line(text, what="a name", most=MAX_LENGTH)


def read(home: Home) -> Names:
    """Read all names of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


def give(home: Home, cluster: int, name: str) -> Names:
    """Give a cluster a name, in place of any other; return all names.

    Raises:
        ValueError: the name is empty or too long, or the home has too many names.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    given = clean_name(name)

    def change(names: Names) -> Names:
        if cluster not in names and len(names) >= MAX_NAMES:
            raise ValueError(f"there are {MAX_NAMES:,} names, and no room for another")
        return {**names, cluster: given}

    return _change(home, change)


def remove(home: Home, cluster: int) -> Names:
    """Remove a cluster's name, so that it has the one that Clipper finds; return all names.

    Raises:
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    return _change(home, lambda names: {other: name for other, name in names.items() if other != cluster})


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's names; None if nothing is."""
    return _file(home).problem()


def _parse(entry: Mapping[str, Any]) -> Names:
    return {int(cluster): clean_name(name) for cluster, name in entry.items()}


def _change(home: Home, change: Callable[[Names], Names]) -> Names:
    return _file(home).change(change)


def _spell(names: Names) -> dict[str, str]:
    return {str(cluster): name for cluster, name in names.items()}


def _file(home: Home) -> GivenFile[Names]:
    return GivenFile(home, "cluster_names", version=FORMAT, lost="the names", parse=_parse, spell=_spell)
