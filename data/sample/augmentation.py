"""Varying drawings so that a model learns what is drawn and not how: whole batches, in torch.

Geometry, a glyph's colours and lines, what stands behind it, and what a camera or an encoder
would do to it, imitating other people's ways of drawing the same thing. All pictures here are
`(n, channels, size, size) float32` in 0..1; all randomness comes from the generator handed in.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Change = Callable[[Tensor], Tensor]
_LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


class Augmenter:
    """Makes varied pictures of `size` pixels square from glyphs and from finished pictures."""

    def __init__(self, *, size: int, generator: torch.Generator) -> None:
        """Keep the size of the pictures to make and where randomness comes from."""
        self._size = size
        self._generator = generator

    def redraw(self, glyphs: Tensor, *, may_mirror: Tensor, keeps_colour: Tensor) -> Tensor:
        """Make strongly varied pictures, `(n, 3, size, size)` in -1..1.

        `glyphs` are `(n, 4, h, w) uint8`, premultiplied; `may_mirror` `(n,) bool` says which of them
        keep their meaning when mirrored, and `keeps_colour` which of them lose it in other colours.
        """
        count = len(glyphs)
        warped = self._warp(glyphs.float().div_(255), self._strong_grid(count, may_mirror))
        alpha = warped[:, 3:].clamp(0, 1)
        colour = (warped[:, :3] / alpha.clamp_min(1e-3)).clamp(0, 1)
        colour = torch.where(keeps_colour.view(-1, 1, 1, 1), colour, self._recolour(colour))
        colour = self._draw_lines(colour, alpha)
        background = self._backgrounds(count, colour)
        alpha, colour = self._outline(alpha, colour)
        return self._finish(background.lerp(colour, alpha)) * 2 - 1

    def jitter(self, pictures: Tensor) -> Tensor:
        """Vary finished pictures `(n, 3, size, size)` in -1..1 only a little."""
        count = len(pictures)
        scale = self._uniform(count, 0.92, 1.08)
        angle = self._normal(count, 0.05)
        grid = self._affine_grid(scale, scale, angle, 0.04)
        moved = self._where(0.7, pictures, lambda some: self._warp(some, grid[: len(some)], padding="border"))
        brightness = self._normal(count, 0.08).view(-1, 1, 1, 1)
        contrast = self._uniform(count, 0.85, 1.15).view(-1, 1, 1, 1)
        return (moved * contrast + brightness).clamp(-1, 1)

    # Randomness

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator)

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        return self._rand(count) * (high - low) + low

    def _normal(self, count: int, scale: float) -> Tensor:
        return torch.randn(count, generator=self._generator) * scale

    def _where(self, share: float, pictures: Tensor, change: Change) -> Tensor:
        """Apply a change to a random share of a batch; the others stay."""
        chosen = torch.nonzero(self._rand(len(pictures)) < share).squeeze(1)
        if len(chosen) == 0:
            return pictures
        return pictures.index_copy(0, chosen, change(pictures[chosen]))

    # Geometry

    def _affine_grid(self, scale_x: Tensor, scale_y: Tensor, angle: Tensor, shift: float) -> Tensor:
        """Give sampling positions `(n, size, size, 2)` that scale, turn and shift."""
        count = len(angle)
        matrix = torch.zeros(count, 2, 3)
        matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos() / scale_x, angle.sin() / scale_x
        matrix[:, 1, 0], matrix[:, 1, 1] = -angle.sin() / scale_y, angle.cos() / scale_y
        matrix[:, :, 2] = (self._rand(count, 2) * 2 - 1) * shift
        shape = [count, 1, self._size, self._size]
        return functional.affine_grid(matrix, shape, align_corners=False)

    def _strong_grid(self, count: int, may_mirror: Tensor) -> Tensor:
        """Scale, turn, mirror, bend and tilt: `(n, size, size, 2)`."""
        scale = self._uniform(count, 0.62, 1.18)
        aspect = torch.exp(self._normal(count, 0.10))
        flip = torch.where(may_mirror & (self._rand(count) < 0.35), -1.0, 1.0)
        grid = self._affine_grid(flip * scale * aspect, scale / aspect, self._normal(count, 0.16), 0.16)
        # A few random vectors, smoothly joined: what one hand draws rounder, another draws taller.
        bend = torch.randn(count, 2, 4, 4, generator=self._generator)
        bend = bend * self._uniform(count, 0.0, 0.10).view(-1, 1, 1, 1)
        bend = functional.interpolate(bend, size=self._size, mode="bicubic", align_corners=True)
        tilt = (torch.randn(count, 1, 1, 2, generator=self._generator) * 0.08 * grid).sum(-1)
        return grid * (1 + tilt.unsqueeze(-1)) + bend.permute(0, 2, 3, 1)

    @staticmethod
    def _warp(pictures: Tensor, grid: Tensor, *, padding: str = "zeros") -> Tensor:
        return functional.grid_sample(
            pictures, grid, mode="bilinear", padding_mode=padding, align_corners=False
        )

    # A glyph's own colours and lines

    def _recolour(self, colour: Tensor) -> Tensor:
        """Mix, swap, flatten and grey the colours of some glyphs."""
        colour = self._where(0.6, colour, self._mix_channels)
        colour = self._where(0.35, colour, self._gamma)
        colour = self._where(0.25, colour, self._posterise)
        colour = self._where(0.10, colour, _grey)
        return self._where(0.04, colour, lambda some: 1 - some)

    def _mix_channels(self, colour: Tensor) -> Tensor:
        """Turn hue and saturation by a random matrix near the identity, keeping greys grey."""
        count = len(colour)
        strength = self._uniform(count, 0.02, 0.35).view(-1, 1, 1)
        noise = torch.randn(count, 3, 3, generator=self._generator) * strength
        matrix = torch.eye(3) + noise - noise.mean(2, keepdim=True)
        return torch.einsum("nij,njhw->nihw", matrix, colour).clamp(0, 1)

    def _gamma(self, colour: Tensor) -> Tensor:
        power = torch.exp(self._normal(len(colour) * 3, 0.35)).view(-1, 3, 1, 1)
        return colour.clamp_min(1e-4).pow(power)

    def _posterise(self, colour: Tensor) -> Tensor:
        """Flatten shading to a few levels a channel."""
        smooth = functional.avg_pool2d(colour, 3, stride=1, padding=1, count_include_pad=False)
        levels = torch.randint(2, 5, (len(colour), 1, 1, 1), generator=self._generator)
        return torch.round(smooth * levels) / levels

    def _draw_lines(self, colour: Tensor, alpha: Tensor) -> Tensor:
        """Darken inner edges of some glyphs; leave of a few of them nothing but the lines."""
        both = torch.cat([colour, alpha], 1)
        both = self._where(0.30, both, self._ink)
        return self._where(0.06, both, lambda some: self._ink(some, paper=True))[:, :3]

    def _ink(self, both: Tensor, *, paper: bool = False) -> Tensor:
        colour, alpha = both[:, :3], both[:, 3:]
        largest = functional.max_pool2d(colour, 3, stride=1, padding=1)
        smallest = -functional.max_pool2d(-colour, 3, stride=1, padding=1)
        strength = self._uniform(len(both), 1.0, 3.0).view(-1, 1, 1, 1)
        contrast = (largest - smallest).amax(1, keepdim=True)
        line = ((contrast - 0.12) * strength).clamp(0, 1)
        fill = torch.ones_like(colour) if paper else colour
        ink = self._rand(len(both), 1, 1, 1) * 0.35
        return torch.cat([fill.lerp(ink.expand_as(colour), line), alpha], 1)

    def _outline(self, alpha: Tensor, colour: Tensor) -> tuple[Tensor, Tensor]:
        """Draw round some glyphs: a dark line, a white border, or any other colour."""
        both = torch.cat([colour, alpha], 1)
        both = self._where(0.25, both, lambda some: self._ring(some, 3))
        both = self._where(0.10, both, lambda some: self._ring(some, 5))
        return both[:, 3:], both[:, :3]

    def _ring(self, both: Tensor, width: int) -> Tensor:
        colour, alpha = both[:, :3], both[:, 3:]
        grown = functional.max_pool2d(alpha, width, stride=1, padding=width // 2)
        shade = self._rand(len(both), 3, 1, 1) * 0.25
        kind = self._rand(len(both), 1, 1, 1)
        shade = torch.where(kind < 0.25, 1 - shade, shade)
        shade = torch.where(kind > 0.85, self._rand(len(both), 3, 1, 1), shade)
        inside = (alpha / grown.clamp_min(1e-3)).clamp(0, 1)
        return torch.cat([shade.expand_as(colour).lerp(colour, inside), grown], 1)

    # What stands behind, and what happens to a finished picture

    def _backgrounds(self, count: int, colour: Tensor) -> Tensor:
        """Make white, black, plain, gradient and cluttered backgrounds: `(n, 3, size, size)`."""
        corners = self._rand(count, 3, 2, 2)
        plain = corners[:, :, :1, :1].expand(-1, -1, 2, 2)
        kind = self._rand(count, 1, 1, 1)
        pale = 1 - self._rand(count, 3, 1, 1) * 0.3
        corners = torch.where(kind < 0.25, plain, corners)
        corners = torch.where(kind > 0.40, pale + (corners - 0.5) * 0.12, corners)
        corners = torch.where(kind > 0.65, torch.ones_like(corners), corners)
        corners = torch.where(kind > 0.94, corners * 0.06, corners).clamp(0, 1)
        smooth = functional.interpolate(corners, size=self._size, mode="bilinear", align_corners=True)
        clutter = functional.avg_pool2d(colour.roll(1, 0), 7, stride=1, padding=3)
        return torch.where(self._rand(count, 1, 1, 1) < 0.06, clutter, smooth)

    def _finish(self, pictures: Tensor) -> Tensor:
        """Blur, pixelate, cover, light and grain some pictures."""
        pictures = self._where(0.15, pictures, self._blur)
        pictures = self._where(0.10, pictures, self._pixelate)
        pictures = self._where(0.20, pictures, self._cover)
        pictures = self._where(0.06, pictures, _grey)
        pictures = self._where(0.5, pictures, self._light)
        pictures = self._where(0.15, pictures, self._grain)
        return pictures.clamp(0, 1)

    def _blur(self, pictures: Tensor) -> Tensor:
        soft = functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
        return pictures.lerp(soft, self._rand(len(pictures), 1, 1, 1))

    def _pixelate(self, pictures: Tensor) -> Tensor:
        """Lose detail as a small or much compressed picture does."""
        small = functional.interpolate(pictures, scale_factor=0.5, mode="area")
        return functional.interpolate(small, size=self._size, mode="bilinear")

    def _cover(self, pictures: Tensor) -> Tensor:
        """Hide one rectangle, a sixth to nearly half of the side each way."""
        count = len(pictures)
        half = self._rand(count, 2, 1) * 0.14 + 0.08
        middle = self._rand(count, 2, 1)
        steps = torch.linspace(0, 1, self._size).view(1, 1, -1)
        inside = (steps - middle).abs() < half
        hidden = inside[:, 0, :, None] & inside[:, 1, None, :]
        return torch.where(hidden.unsqueeze(1), self._rand(count, 3, 1, 1), pictures)

    def _light(self, pictures: Tensor) -> Tensor:
        contrast = self._uniform(len(pictures), 0.6, 1.3).view(-1, 1, 1, 1)
        brightness = self._normal(len(pictures), 0.10).view(-1, 1, 1, 1)
        return ((pictures - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)

    def _grain(self, pictures: Tensor) -> Tensor:
        noise = torch.randn(pictures.shape, generator=self._generator)
        return pictures + noise * self._uniform(len(pictures), 0.01, 0.08).view(-1, 1, 1, 1)


def _grey(pictures: Tensor) -> Tensor:
    """Take the colour away: ITU-R BT.601 luminance in all three channels."""
    return (pictures * _LUMINANCE).sum(1, keepdim=True).expand_as(pictures)
