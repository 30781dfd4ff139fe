"""The label columns of an atlas: to make, and to give images their labels.

What does not belong here: how they are kept (`store/given/labels.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from clipper.errors import LabelError, UnknownImageError
from clipper.store import tags
from clipper.store.given import labels as store
from clipper.store.home import Home


class Images(Protocol):
    """What labels need of an atlas."""

    @property
    def home(self) -> Home:
        """The home that holds it."""

    @property
    def hashes(self) -> Sequence[bytes]:
        """The content hash of each row."""

    def __contains__(self, image_id: str) -> bool: ...

    def row(self, image_id: str) -> int:
        """Return an image's row."""


class Labels:
    """Columns of your own, each with values that exclude each other; the viewer shows a change at once.

    A label is kept as a tag "column: value". The next `clipper index` makes a column of each label column, so
    that it filters, colours, sorts, groups and is exported as any other.

    Examples:
        >>> atlas.labels.define("quality", ["good", "bad"])
        >>> atlas.labels.give(["cat.jpg", "dog.jpg"], "quality", "good")
        >>> atlas.labels.give("dog.jpg", "quality", "bad")
        >>> atlas.labels.of("dog.jpg")
        {'quality': 'bad'}
        >>> atlas.labels.forget("quality")
    """

    def __init__(self, atlas: Images) -> None:
        self._atlas = atlas

    def __repr__(self) -> str:
        return f"<Labels: {', '.join(self) or 'none'}>"

    def __iter__(self) -> Iterator[str]:
        return iter(store.read(self._atlas.home))

    def __len__(self) -> int:
        return len(store.read(self._atlas.home))

    def __contains__(self, column: object) -> bool:
        return column in store.read(self._atlas.home)

    def __getitem__(self, column: str) -> list[str]:
        """Return the values of a column, in order.

        Raises:
            KeyError: there is no such column.
            StoreError: the home's label columns are damaged.
        """
        return store.read(self._atlas.home)[column]

    def define(self, column: str, values: Sequence[str]) -> None:
        """Make a column, or give one other values.

        Raises:
            LabelError: the name or a value is not acceptable, or there are too many.
            StoreError: the home's label columns are damaged or cannot be written.
        """
        try:
            store.define(self._atlas.home, column, values)
        except ValueError as error:
            raise LabelError(str(error)) from error

    def forget(self, column: str) -> None:
        """Keep a column no longer. The labels that images have stay as tags.

        Raises:
            KeyError: there is no such column.
            StoreError: the home's label columns are damaged or cannot be written.
        """
        store.forget(self._atlas.home, column)

    def give(self, image_ids: str | Iterable[str], column: str, value: str | None) -> None:
        """Give one image or several a label, in place of the one that they have; None takes it away.

        Raises:
            UnknownImageError: an image is not in the atlas; no image changes then.
            LabelError: there is no such column, or it has no such value.
            StoreError: a file of the home is damaged or cannot be written.
        """
        home, images = self._atlas.home, frozenset(self._hashes(image_ids))
        try:
            tags.edit(home, store.edits(home, column, value, images))
        except KeyError as error:
            raise LabelError(f"there is no label {error.args[0]!r} here; make it with `define`") from error

    def of(self, image_id: str) -> dict[str, str]:
        """Return the labels of an image, by column.

        Raises:
            UnknownImageError: the image is not in the atlas.
            StoreError: a file of the home is damaged.
        """
        (content_hash,) = self._hashes(image_id)
        own = tags.by_image(tags.read(self._atlas.home)).get(content_hash, [])
        found = store.values_of(store.read(self._atlas.home), [own])
        return {column: str(values[0]) for column, values in found.items()}

    def _hashes(self, image_ids: str | Iterable[str]) -> list[bytes]:
        wanted = [image_ids] if isinstance(image_ids, str) else list(image_ids)
        for image_id in wanted:
            if image_id not in self._atlas:
                raise UnknownImageError(image_id)
        return [self._atlas.hashes[self._atlas.row(image_id)] for image_id in wanted]
