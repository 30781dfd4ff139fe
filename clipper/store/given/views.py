"""Views that people saved under a name, in the home's views.json. A view is the query string of a link.

Nothing can restore this file, and no run deletes it. What does not belong here: what the fields of a link
mean (`viewer/components/page/links.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clipper.store.home import GivenFile, Home, without
from clipper.text import one_line, short_line

FORMAT = 1
MAX_LENGTH = 80  # characters of a name, and of who saved a view
MAX_QUERY = 8_200  # characters of a link's query string
MAX_VERSION = 100
MAX_VIEWS = 1000


@dataclass(frozen=True)
class View:
    """A saved view.

    `query` is a link's query string without its question mark, `by` who saved it, "" if that is not known,
    `at` when, in UTC as ISO 8601 writes it, and `version` the atlas that was in view.
    """

    name: str
    query: str
    by: str
    at: str
    version: str

    @property
    def saved_at(self) -> datetime:
        """When it was saved, in UTC."""
        return datetime.fromisoformat(self.at)


# Name -> its view.
Views = dict[str, View]


def path_of(home: Home) -> Path:
    """The file of a home's views."""
    return _file(home).path


def clean_name(text: str) -> str:
    """Clean a view's name: one line, without surrounding or repeated white space.

    Raises:
        ValueError: no letter is left, or too many.
    """
    return short_line(text, what="a view's name", most=MAX_LENGTH)


def make(name: str, query: str, *, by: str = "", version: str = "", at: datetime | None = None) -> View:
    """Make a view of a query string, with everything cleaned.

    Args:
        name: of the view.
        query: a link's query string; a question mark before it is left out.
        by: who saves it.
        version: the atlas in view.
        at: when, now by default.

    Raises:
        ValueError: the name or the query string is not acceptable.
    """
    search = one_line(query).removeprefix("?")
    if len(search) > MAX_QUERY:
        raise ValueError(f"this view is {len(search):,} characters long; up to {MAX_QUERY:,} can be saved")
    when = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    return View(clean_name(name), search, one_line(by)[:MAX_LENGTH], when, one_line(version)[:MAX_VERSION])


def read(home: Home) -> Views:
    """Read all views of a home; a home without the file has none.

    Raises:
        StoreError: the file is damaged, or written by a newer Clipper.
    """
    return _file(home).read()


def save(home: Home, view: View, *, replacing: bool = False) -> Views:
    """Save a view; return all views.

    Args:
        home: whose.
        view: as `make` made it.
        replacing: whether it may take the place of another view of that name.

    Raises:
        ValueError: another view has the name, or the home has too many views.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """

    def change(views: Views) -> Views:
        if not replacing and views.get(view.name, view) != view:
            raise ValueError(f"there is a view “{view.name}” already; choose another name")
        if view.name not in views and len(views) >= MAX_VIEWS:
            raise ValueError(f"there are {MAX_VIEWS:,} views, and no room for another")
        return {**views, view.name: view}

    return _change(home, change)


def rename(home: Home, name: str, new: str) -> Views:
    """Give a view another name; return all views.

    Raises:
        KeyError: there is no such view.
        ValueError: the new name is not acceptable, or another view has it.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    given = clean_name(new)

    def change(views: Views) -> Views:
        if given != name and given in views:
            raise ValueError(f"there is a view “{given}” already; choose another name")
        others = {other: view for other, view in views.items() if other != name}
        return {**others, given: replace(views[name], name=given)}

    return _change(home, change)


def remove(home: Home, name: str) -> Views:
    """Remove a view; return those that stay.

    Raises:
        KeyError: there is no such view.
        StoreError: the file is damaged, or cannot be written.
        BusyError: another writer does not finish in time.
    """
    return _change(home, lambda views: without(views, name))


def newest_first(views: Mapping[str, View]) -> list[View]:
    """Return views with the one saved last first; those of one second by their names."""
    return sorted(sorted(views.values(), key=lambda view: view.name), key=lambda view: view.at, reverse=True)


def problem(home: Home) -> str | None:
    """Return what is wrong with a home's views; None if nothing is."""
    return _file(home).problem()


def _read_view(name: str, value: Mapping[str, object]) -> View:
    """Read a view as the file has it, cleaned again: anybody may have edited the file."""
    texts = {field.name: value[field.name] for field in fields(View) if field.name != "name"}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a view is made of texts")
    query, by, at, version = map(str, (texts["query"], texts["by"], texts["at"], texts["version"]))
    return make(name, query, by=by, version=version, at=datetime.fromisoformat(at))


def _spell(views: Views) -> dict[str, dict[str, str]]:
    return {
        name: {key: text for key, text in asdict(view).items() if key != "name"}
        for name, view in views.items()
    }


def _parse(entry: Mapping[str, Any]) -> Views:
    return {name: _read_view(name, value) for name, value in entry.items()}


def _change(home: Home, change: Callable[[Views], Views]) -> Views:
    return _file(home).change(change)


def _file(home: Home) -> GivenFile[Views]:
    return GivenFile(home, "views", version=FORMAT, lost="the saved views", parse=_parse, spell=_spell)
