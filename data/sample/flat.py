"""Glyphs as others draw them: a few flat colours, with or without dark lines between them.

A vector drawing of the same thing has no shading; many have a black line round each part. Both are
made from the font's own glyphs, parted once into regions of like colour.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional

_REGIONS = 8
_SEEN = 0.15
_LINED_SHARE = 0.6


class FlatDrawings:
    """Draws glyphs in flat colours, differently each time."""

    def __init__(self, glyphs: Tensor, *, generator: torch.Generator) -> None:
        """Part glyphs, `(n, 4, h, w) uint8` premultiplied, into regions of like colour."""
        parted = [part(glyph) for glyph in glyphs]
        self._regions = torch.stack([regions for regions, _ in parted])
        self._palettes = torch.stack([palette for _, palette in parted])
        self._alpha = glyphs[:, 3:].float() / 255
        self._generator = generator

    def draw(self, chosen: Tensor, *, keeps_colour: Tensor) -> Tensor:
        """Draw the chosen glyphs, `(m,) int64`, as `(m, 4, h, w) uint8`, premultiplied.

        `keeps_colour`, `(m,) bool`, says which of them would mean something else in other colours.
        """
        palettes = self._palettes[chosen]
        varied = self._vary(palettes)
        palettes = torch.where(keeps_colour.view(-1, 1, 1), palettes, varied)
        regions = self._regions[chosen].long()
        count, height, width = regions.shape
        places = regions.view(count, 1, -1).expand(-1, 3, -1)
        colour = palettes.transpose(1, 2).gather(2, places).view(count, 3, height, width)
        alpha = self._alpha[chosen]
        lined = torch.rand(count, 1, 1, 1, generator=self._generator) < _LINED_SHARE
        line = self._lines(colour, alpha) * lined
        ink = torch.rand(count, 1, 1, 1, generator=self._generator) * 0.2
        alpha = torch.maximum(alpha, line)
        colour = colour.lerp(ink.expand_as(colour), line)
        return torch.cat([colour * alpha, alpha], 1).mul_(255).round_().to(torch.uint8)

    def _vary(self, palettes: Tensor) -> Tensor:
        """Choose other colours for each region: brighter, purer, shifted; `(m, regions, 3)`."""
        count = len(palettes)
        together = torch.randn(count, 1, 3, generator=self._generator) * 0.08
        apart = torch.randn(palettes.shape, generator=self._generator) * 0.08
        purity = torch.rand(count, 1, 1, generator=self._generator) * 1.0 + 0.5
        grey = palettes.mean(2, keepdim=True)
        return (grey + (palettes - grey) * purity + together + apart).clamp(0, 1)

    def _lines(self, colour: Tensor, alpha: Tensor) -> Tensor:
        """Where dark lines run, `(m, 1, h, w)` in 0..1: round the glyph, and between unlike regions."""
        count = len(colour)
        across = functional.pad((colour.diff(dim=3)).abs().amax(1, keepdim=True), (0, 1))
        down = functional.pad((colour.diff(dim=2)).abs().amax(1, keepdim=True), (0, 0, 0, 1))
        unlike = torch.rand(count, 1, 1, 1, generator=self._generator) * 0.4 + 0.1
        inner = ((torch.maximum(across, down) > unlike) & (alpha > 0.5)).float()
        round_it = functional.max_pool2d(alpha, 3, stride=1, padding=1) - (alpha > 0.5).float()
        thin = torch.maximum(inner, round_it.clamp(0, 1))
        wide = functional.max_pool2d(thin, 3, stride=1, padding=1)
        widest = functional.max_pool2d(thin, 5, stride=1, padding=2)
        width = torch.rand(count, 1, 1, 1, generator=self._generator)
        return torch.where(width < 0.25, thin, torch.where(width < 0.92, wide, widest))


def part(glyph: Tensor) -> tuple[Tensor, Tensor]:
    """Part one glyph, `(4, h, w) uint8`: regions `(h, w) uint8`, their colours `(regions, 3) float32`."""
    pixels = glyph.permute(1, 2, 0).numpy()
    drawn = Image.fromarray(pixels, "RGBa").convert("RGBA")
    # What is not drawn takes the drawing's mean colour, so that it asks for no region of its own.
    opaque = pixels[..., 3] > 128
    mean = np.asarray(drawn)[opaque][:, :3].mean(0) if opaque.any() else np.zeros(3)
    page = Image.new("RGBA", drawn.size, (*(int(level) for level in mean), 255))
    page.alpha_composite(drawn)
    smooth = page.convert("RGB").filter(ImageFilter.MedianFilter(3))
    parted = smooth.quantize(_REGIONS, method=Image.Quantize.MEDIANCUT, kmeans=4)
    regions = np.asarray(parted)
    colours = np.zeros((_REGIONS, 3), dtype=np.float32)
    palette = np.asarray(parted.getpalette() or [], dtype=np.float32).reshape(-1, 3)[:_REGIONS] / 255
    colours[: len(palette)] = palette
    # Shading parts a surface into steps; steps that hardly differ are one surface.
    for later in range(1, len(palette)):
        apart = np.abs(colours[:later] - colours[later]).max(1)
        if apart.min() < _SEEN:
            colours[later] = colours[int(apart.argmin())]
    return torch.from_numpy(regions.copy()), torch.from_numpy(colours)
