"""The part of the map a person looks at, and the arithmetic between map units and pixels.

Pure numbers: nothing here knows of Panel, of images or of colours.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

Box = tuple[float, float, float, float]  # x0, x1, y0, y1 in map units
PADDING = 1.08  # the first view leaves this much air around the points
MIN_SIDE = 8  # pixels: nothing can be seen on less
MAX_PIXELS = 16 * 1024**2  # pixels of a picture: more than any screen's, and what one visitor may ask for


@dataclass(frozen=True)
class Viewport:
    """A rectangle of the map, in map units, shown on `width` x `height` CSS pixels."""

    x0: float
    x1: float
    y0: float
    y1: float
    width: int
    height: int

    @property
    def units_per_pixel(self) -> float:
        """Map units per pixel."""
        return (self.x1 - self.x0) / max(self.width, 1)

    @property
    def valid(self) -> bool:
        """Whether it can be drawn: a real area on a real picture."""
        corners = (self.x0, self.x1, self.y0, self.y1)
        drawable = min(self.width, self.height) >= MIN_SIDE and self.width * self.height <= MAX_PIXELS
        return drawable and all(map(np.isfinite, corners)) and self.x1 > self.x0 and self.y1 > self.y0

    @property
    def square(self) -> bool:
        """Whether both axes have the same unit, to a third of a pixel over the whole picture."""
        down = (self.y1 - self.y0) / max(self.height, 1)
        return abs(self.units_per_pixel - down) * max(self.width, self.height) <= self.units_per_pixel / 3

    @classmethod
    def fitted(cls, view: Box, *, width: int, height: int) -> Self:
        """The smallest viewport of this shape that holds `view`, same unit on both axes.

        A measure of a pane's size: what is seen first is up to `components/map/camera.js`, which knows the
        cards over it.
        """
        x0, x1, y0, y1 = view
        unit = max((x1 - x0) / width, (y1 - y0) / height, 1e-9) * PADDING
        half_w, half_h = unit * width / 2, unit * height / 2
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        return cls(cx - half_w, cx + half_w, cy - half_h, cy + half_h, width, height)

    def scaled(self, scale: float) -> "Viewport":
        """The same part of the map on so many times the pixels in each direction."""
        width, height = (max(MIN_SIDE, round(side * scale)) for side in (self.width, self.height))
        return replace(self, width=width, height=height)

    def expand(self, pixels: float) -> Box:
        """The rectangle (x0, x1, y0, y1) with a margin of `pixels` on every side."""
        margin = pixels * self.units_per_pixel
        return self.x0 - margin, self.x1 + margin, self.y0 - margin, self.y1 + margin

    def pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map positions (n,) to float32 pixels (n,), (0, 0) being the top left corner."""
        scale_x = self.width / (self.x1 - self.x0)
        scale_y = self.height / (self.y1 - self.y0)
        px = (np.asarray(x, np.float64) - self.x0) * scale_x
        py = (self.y1 - np.asarray(y, np.float64)) * scale_y
        return px.astype(np.float32), py.astype(np.float32)

    def position(self, px: float, py: float) -> tuple[float, float]:
        """The map position of a pixel."""
        return (
            self.x0 + px / self.width * (self.x1 - self.x0),
            self.y1 - py / self.height * (self.y1 - self.y0),
        )
