"""Read, add and remove the tags of an atlas by image id.

What does not belong here: how tags are kept (`store/tags.py`).
"""

from collections.abc import Iterable, Iterator

from clipper.atlas.published import Published
from clipper.errors import TagError, UnknownImageError
from clipper.store import tags as store


class Tags:
    """The tags that people give to images of an atlas; the viewer shows a change at once.

    A tag belongs to an image's content: it stays when the file is renamed, and copies of one image share it.

    Examples:
        >>> atlas.tags.add(["cat.jpg", "dog.jpg"], "pets")
        >>> atlas.tags.of("cat.jpg")
        ['pets']
        >>> atlas.tags.remove("cat.jpg", "pets")
        >>> atlas.tags["pets"]
        ['dog.jpg']
    """

    def __init__(self, atlas: Published) -> None:
        self._atlas = atlas

    def __repr__(self) -> str:
        return f"<Tags: {', '.join(self) or 'none'}>"

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(store.read(self._atlas.home)))

    def __len__(self) -> int:
        return len(store.read(self._atlas.home))

    def __contains__(self, tag: object) -> bool:
        return tag in store.read(self._atlas.home)

    def __getitem__(self, tag: str) -> list[str]:
        """Return the ids of the images that have a tag; none for a tag that nobody gave."""
        tagged = store.read(self._atlas.home).get(tag, frozenset())
        pairs = zip(self._atlas.ids, self._atlas.hashes, strict=True)
        return [image_id for image_id, content_hash in pairs if content_hash in tagged]

    def of(self, image_id: str) -> list[str]:
        """Return the tags of an image, in alphabetical order.

        Raises:
            UnknownImageError: the image is not in the atlas.
            StoreError: the home's tags are damaged.
        """
        (content_hash,) = self._hashes(image_id)
        return store.by_image(store.read(self._atlas.home)).get(content_hash, [])

    def add(self, image_ids: str | Iterable[str], tag: str) -> None:
        """Give a tag to one image or to several.

        Raises:
            UnknownImageError: an image is not in the atlas; no image gets the tag then.
            TagError: the tag is empty or too long, or there are too many tags.
            StoreError: the home's tags are damaged or cannot be written.
        """
        images = self._hashes(image_ids)
        try:
            store.add(self._atlas.home, tag, images)
        except ValueError as error:
            raise TagError(str(error)) from error

    def remove(self, image_ids: str | Iterable[str], tag: str) -> None:
        """Take a tag from one image or from several. A tag that no image has is gone.

        Raises:
            UnknownImageError: an image is not in the atlas; no image loses the tag then.
            StoreError: the home's tags are damaged or cannot be written.
        """
        store.remove(self._atlas.home, tag, self._hashes(image_ids))

    def _hashes(self, image_ids: str | Iterable[str]) -> list[bytes]:
        """The content hashes of some images."""
        wanted = [image_ids] if isinstance(image_ids, str) else list(image_ids)
        for image_id in wanted:
            if image_id not in self._atlas:
                raise UnknownImageError(image_id)
        return [self._atlas.hashes[self._atlas.row(image_id)] for image_id in wanted]
