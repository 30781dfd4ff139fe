"""An image whose pixels are decoded when they are asked for, for decoders that are no plugins of Pillow.

What does not belong here: any format.
"""

from collections.abc import Callable
from typing import Any

from PIL import Image


class DeferredImage(Image.Image):
    """An image of a known size. `load` calls `make` once, which returns the decoded image."""

    def __init__(self, name: str, size: tuple[int, int], make: Callable[[], Image.Image]) -> None:
        """Keep the name of the format, the size in pixels, and how to decode."""
        super().__init__()
        self.format, self._size, self._mode = name, size, "RGB"
        self._make: Callable[[], Image.Image] | None = make

    def load(self) -> Any:
        """Decode the pixels, once."""
        if self._make:
            made, self._make = self._make(), None
            self._mode, self._size, self.im = made.mode, made.size, made.im
            if made.palette:
                self.palette = made.palette
            self.info.update(made.info)
        return super().load()
