"""The colours of tags, in the home's tag_colours.json: for each tag a place in the palette of categories.

A place instead of a colour, as the palette has one for dark and one for light ground. No run deletes this
file. What does not belong here: the tags (`store/tags.py`), and the palette (`export/drawing/palette.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from clipper.store.home import GivenFile, Home
from clipper.store.tags import MAX_TAGS, clean_tag

FORMAT = 1
PLACES = 20  # of the palette of categories

# Tag -> its place in the palette.
TagColours = dict[str, int]


def path_of(home: Home) -> Path:
    """The file of a home's colours."""
    return _file(home).path


def read(home: Home) -> TagColours:
    """Read all colours of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


def give(home: Home, tag: str, place: int) -> TagColours:
    """Give a tag a colour, in place of any other; return all colours.

    Raises:
        ValueError: the tag is not acceptable, the palette has no such place, or there are too many colours.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    name, given = clean_tag(tag), _checked(place)
    return _change(home, lambda colours: _limited({**colours, name: given}))


def assign(home: Home, tags: Iterable[str]) -> TagColours:
    """Give each tag that has no colour the one that fewest tags have; return all colours.

    Raises:
        ValueError: a tag is not acceptable.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    wanted = [clean_tag(tag) for tag in tags]

    def change(colours: TagColours) -> TagColours:
        after = dict(colours)
        for tag in wanted:
            if tag not in after and len(after) < MAX_TAGS:
                used = Counter(after.values())
                after[tag] = min(range(PLACES), key=lambda place: used[place])
        return after

    return _change(home, change)


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's colours; None if nothing is."""
    return _file(home).problem()


def _checked(place: object) -> int:
    if type(place) is not int or not 0 <= place < PLACES:
        raise ValueError(f"a colour is a number from 0 to {PLACES - 1}")
    return place


def _limited(colours: TagColours) -> TagColours:
    if len(colours) > MAX_TAGS:
        raise ValueError(f"{MAX_TAGS:,} tags have a colour, and there is no room for another")
    return colours


def _parse(entry: Mapping[str, Any]) -> TagColours:
    return {clean_tag(tag): _checked(place) for tag, place in entry.items()}


def _change(home: Home, change: Callable[[TagColours], TagColours]) -> TagColours:
    return _file(home).change(change)


def _file(home: Home) -> GivenFile[TagColours]:
    return GivenFile(
        home, "tag_colours", version=FORMAT, lost="the colours of tags", parse=_parse, spell=dict
    )
