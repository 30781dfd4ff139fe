"""The saved views of an atlas, by name.

What does not belong here: how they are kept (`store/given/views.py`), and showing them.
"""

from collections.abc import Iterator

from clipper.errors import ViewError
from clipper.store.given import views as store
from clipper.store.given.views import View
from clipper.store.home import Home


class Views:
    """The views of the page that people saved, newest first. A view is what a link to the page says.

    Examples:
        >>> atlas.views.save("red things", "q=red&colour=group", by="Ada")
        >>> list(atlas.views)
        ['red things']
        >>> atlas.views["red things"].query
        'q=red&colour=group'
        >>> atlas.views.remove("red things")
    """

    def __init__(self, home: Home, *, version: str) -> None:
        self._home, self._version = home, version

    def __repr__(self) -> str:
        return f"<Views: {', '.join(self) or 'none'}>"

    def __iter__(self) -> Iterator[str]:
        return (view.name for view in store.newest_first(store.read(self._home)))

    def __len__(self) -> int:
        return len(store.read(self._home))

    def __contains__(self, name: object) -> bool:
        return name in store.read(self._home)

    def __getitem__(self, name: str) -> View:
        """Return a view: its `name`, `query`, `by`, `saved_at` and the `version` that was in view.

        Raises:
            KeyError: there is no such view.
            StoreError: the home's views are damaged.
        """
        return store.read(self._home)[name]

    def save(self, name: str, query: str, *, by: str = "", replacing: bool = False) -> None:
        """Save a view.

        Args:
            name: of the view.
            query: what follows the question mark in the page's address.
            by: who saves it.
            replacing: whether it may take the place of another view of that name.

        Raises:
            ViewError: another view has the name, it or the query is too long, or there are too many views.
            StoreError: the home's views are damaged or cannot be written.
        """
        try:
            view = store.make(name, query, by=by, version=self._version)
            store.save(self._home, view, replacing=replacing)
        except ValueError as error:
            raise ViewError(str(error)) from error

    def rename(self, name: str, new: str) -> None:
        """Give a view another name.

        Raises:
            KeyError: there is no such view.
            ViewError: the new name is not acceptable, or another view has it.
            StoreError: the home's views are damaged or cannot be written.
        """
        try:
            store.rename(self._home, name, new)
        except ValueError as error:
            raise ViewError(str(error)) from error

    def remove(self, name: str) -> None:
        """Remove a view.

        Raises:
            KeyError: there is no such view.
            StoreError: the home's views are damaged or cannot be written.
        """
        store.remove(self._home, name)
