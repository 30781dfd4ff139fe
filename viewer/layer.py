"""Points as the raster draws them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layer:
    """Points in view: map positions (n,) float32, codes (n,) uint8 into `palette` (256, 3) uint8."""

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    palette: np.ndarray
    values: np.ndarray | None = None  # (n,) float32 of 0..1 or NaN where colour is a number

    def __len__(self) -> int:
        return len(self.x)

    def only(self, which: np.ndarray) -> "Layer":
        """Some of the points: `which` (n,) bool."""
        values = None if self.values is None else self.values[which]
        return Layer(self.x[which], self.y[which], self.codes[which], self.palette, values)
