"""Images that tests make, and how their pixels are compared."""

import io

import numpy as np
from PIL import Image

from clipper.images.decode import DecodedImage, decode


def picture(width: int = 60, height: int = 40) -> Image.Image:
    """Red left above, green right above, blue left below, white right below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 20, 20)
    pixels[: height // 2, width // 2 :] = (20, 200, 20)
    pixels[height // 2 :, : width // 2] = (20, 20, 220)
    pixels[height // 2 :, width // 2 :] = (250, 250, 250)
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes, *, max_pixels: int = 1_000_000, min_side: int = 32) -> DecodedImage:
    return decode(data, max_pixels=max_pixels, min_side=min_side)


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, row by row."""
    width, height = image.size
    return [
        tuple(image.getpixel((int(width * x), int(height * y)))) for y in (0.25, 0.75) for x in (0.25, 0.75)
    ]


def near(one: object, other: object, *, by: int = 12) -> bool:
    return bool(np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= by)
