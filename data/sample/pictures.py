"""The drawings a model is trained on, as tensors: the font's glyphs and the committed JPEGs.

Loads and resizes; what is varied in them is augmentation's work.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from data.sample.drawing import draw_glyph, load_font

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from data.sample.catalogue import Emoji

GLYPH_SIZE = 80


def image_processor(*, size: int) -> CLIPImageProcessor:
    """Make CLIP's ordinary image processor for pictures of `size` pixels square."""
    return CLIPImageProcessor(
        do_resize=True,
        size={"shortest_edge": size},
        resample=3,
        do_center_crop=True,
        crop_size={"height": size, "width": size},
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
        do_convert_rgb=True,
    )


def load_glyphs(catalogue: Sequence[Emoji]) -> Tensor:
    """Draw every emoji on nothing: `(n, 4, 80, 80) uint8`, colours premultiplied by alpha."""
    font = load_font()
    glyphs = torch.empty((len(catalogue), 4, GLYPH_SIZE, GLYPH_SIZE), dtype=torch.uint8)
    for index, emoji in enumerate(catalogue):
        drawn = draw_glyph(emoji.characters, font=font)
        square = Image.new("RGBA", (drawn.width, drawn.width), (0, 0, 0, 0))
        square.paste(drawn, (0, (drawn.width - drawn.height) // 2))
        small = square.convert("RGBa").resize((GLYPH_SIZE, GLYPH_SIZE), Image.Resampling.BICUBIC)
        glyphs[index] = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1)
    return glyphs


def load_images(paths: Sequence[Path], *, processor: CLIPImageProcessor) -> Tensor:
    """Read pictures as the model will see them: `(n, 3, size, size) float32` in -1..1."""
    batches = []
    for start in range(0, len(paths), 256):
        pictures = [_open_rgb(path) for path in paths[start : start + 256]]
        batches.append(processor(images=pictures, return_tensors="pt")["pixel_values"])
    return torch.cat(batches)


def _open_rgb(path: Path) -> Image.Image:
    """Open a picture; what is transparent becomes white, as on a page."""
    with Image.open(path) as picture:
        if picture.mode == "RGB":
            return picture.copy()
        rgba = picture.convert("RGBA")
    page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    page.alpha_composite(rgba)
    return page.convert("RGB")
