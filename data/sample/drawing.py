"""Drawing: an emoji's glyph as RGBA, a soft background, and the two composed into one picture.

Knows nothing of files, names or training. Everything random comes from the caller's generator.
"""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
# The font's bitmaps exist in this one size; anything else has to be resampled.
_BITMAP_SIZE = 109
_GLYPH_BOX = (136, 128)

# Hues of the backgrounds, in turns: chosen by eye to sit beside each other on a map.
_HUES = (0.02, 0.07, 0.11, 0.15, 0.27, 0.38, 0.47, 0.53, 0.58, 0.63, 0.70, 0.77, 0.87, 0.95)
_GREY_SHARE = 0.10
_DEEP_SHARE = 0.12


def load_font(path: Path = FONT) -> ImageFont.FreeTypeFont:
    """Open the colour font with the layout engine that joins flags and sequences."""
    return ImageFont.truetype(str(path), size=_BITMAP_SIZE, layout_engine=ImageFont.Layout.RAQM)


def draw_glyph(characters: str, *, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw one emoji on nothing: RGBA, 136 wide and 128 high."""
    glyph = Image.new("RGBA", _GLYPH_BOX, (0, 0, 0, 0))
    ImageDraw.Draw(glyph).text((0, 0), characters, font=font, embedded_color=True)
    return glyph


def _background_colours(
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Pick the two ends of a gradient, both `(3,) float64` in 0..255."""
    hue = float(random.choice(_HUES)) + float(random.normal(0, 0.012))
    grey = random.random() < _GREY_SHARE
    if random.random() < _DEEP_SHARE:
        saturation, value, step = float(random.uniform(0.45, 0.62)), 0.40, 0.14
    else:
        saturation, value, step = float(random.uniform(0.10, 0.30)), 0.93, 0.06
    if grey:
        saturation *= 0.15
    turn = float(random.uniform(-0.06, 0.06))
    light = colorsys.hsv_to_rgb(hue % 1.0, saturation * 0.8, min(1.0, value + step))
    dark = colorsys.hsv_to_rgb((hue + turn) % 1.0, saturation * 1.15, value - step)
    return np.asarray(light) * 255, np.asarray(dark) * 255


def draw_background(*, size: int, random: np.random.Generator) -> Image.Image:
    """Draw a soft gradient, `size` pixels square, RGB: linear, or light from one side."""
    light, dark = _background_colours(random)
    rows, columns = np.mgrid[0:size, 0:size] / (size - 1)
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * np.pi)
        along = (columns - 0.5) * np.cos(angle) + (rows - 0.5) * np.sin(angle)
        amount = along / 1.3 + 0.5
    else:
        centre_x, centre_y = random.uniform(0.2, 0.8), random.uniform(0.05, 0.5)
        amount = np.hypot(columns - centre_x, rows - centre_y) / 1.1
    amount = np.clip(amount, 0.0, 1.0)[..., None]
    pixels = light * (1.0 - amount) + dark * amount
    return Image.fromarray(np.rint(pixels).astype(np.uint8), "RGB")


def _place_glyph(glyph: Image.Image, *, size: int, random: np.random.Generator) -> Image.Image:
    """Turn, scale and shift a glyph on an empty square of `size` pixels, RGBA."""
    angle = float(np.clip(random.normal(0, 4.0), -10, 10))
    scale = float(random.uniform(0.78, 0.96)) * size / glyph.width
    turned = glyph.rotate(angle, resample=Image.Resampling.BICUBIC, expand=True)
    width, height = round(turned.width * scale), round(turned.height * scale)
    turned = turned.resize((width, height), Image.Resampling.LANCZOS)
    left = (size - width) / 2 + random.uniform(-0.035, 0.035) * size
    top = (size - height) / 2 + random.uniform(-0.035, 0.035) * size
    layer = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    layer.paste(turned, (round(left), round(top)))
    return layer


def compose(glyph: Image.Image, *, size: int, random: np.random.Generator) -> Image.Image:
    """Put a glyph with a soft shadow on a soft background: RGB, `size` pixels square."""
    layer = _place_glyph(glyph, size=size, random=random)
    picture = draw_background(size=size, random=random).convert("RGBA")
    shade = layer.getchannel("A").filter(ImageFilter.GaussianBlur(size * 0.03))
    shade = shade.point(lambda level: int(level * 0.34))
    shadow = Image.new("RGBA", (size, size), (24, 20, 40, 255))
    shadow.putalpha(shade)
    # A shadow that falls a little downwards; the picture's border cuts it.
    picture.alpha_composite(
        shadow.transform((size, size), Image.Transform.AFFINE, (1, 0, 0, 0, 1, -size * 0.025))
    )
    picture.alpha_composite(layer)
    return picture.convert("RGB")
