"""The part of the map in view, and the conversion between map units and pixels.

Pure numbers. What does not belong here: Panel, images and colours.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

Box = tuple[float, float, float, float]  # x0, x1, y0, y1 in map units
PADDING = 1.08  # the first view has this much space around the points
MIN_SIDE = 8  # pixels of a picture: less shows nothing
MAX_PIXELS = 16 * 1024**2  # of a picture that one visitor may request: more than any screen has


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
        """Whether it can be drawn: it has an area, and its picture is neither too small nor too large."""
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
        """Return the smallest viewport of this size that holds `view`, with one unit on both axes.

        It sets the size of dots. The browser decides the first view (`components/map/camera`), as only it
        knows which cards cover the map.
        """
        x0, x1, y0, y1 = view
        unit = max((x1 - x0) / width, (y1 - y0) / height, 1e-9) * PADDING
        half_w, half_h = unit * width / 2, unit * height / 2
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        return cls(cx - half_w, cx + half_w, cy - half_h, cy + half_h, width, height)

    def scaled(self, scale: float) -> "Viewport":
        """Return the same part of the map with `scale` times the pixels in each direction."""
        width, height = (max(MIN_SIDE, round(side * scale)) for side in (self.width, self.height))
        return replace(self, width=width, height=height)

    def expand(self, pixels: float) -> Box:
        """Return the rectangle (x0, x1, y0, y1) with a margin of `pixels` on every side."""
        margin = pixels * self.units_per_pixel
        return self.x0 - margin, self.x1 + margin, self.y0 - margin, self.y1 + margin

    def pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert map positions (n,) to pixels (n,) float32; (0, 0) is the top left corner."""
        scale_x = self.width / (self.x1 - self.x0)
        scale_y = self.height / (self.y1 - self.y0)
        px = (np.asarray(x, np.float64) - self.x0) * scale_x
        py = (self.y1 - np.asarray(y, np.float64)) * scale_y
        return px.astype(np.float32), py.astype(np.float32)

    def position(self, px: float, py: float) -> tuple[float, float]:
        """Convert a pixel to its map position."""
        return (
            self.x0 + px / self.width * (self.x1 - self.x0),
            self.y1 - py / self.height * (self.y1 - self.y0),
        )
