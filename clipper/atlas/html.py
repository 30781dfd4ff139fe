"""An atlas as a notebook shows it: title, counts, and a sheet of thumbnails.

What does not belong here: the viewer's page.
"""

import base64
from html import escape

from clipper.atlas.published import Published

# Thumbnails of the sheet, and their side in pixels.
SHEET, SIDE = 24, 64


def summary(atlas: Published) -> str:
    """Return an HTML fragment; all text in it is escaped, and the pictures are part of it."""
    step = max(1, -(-len(atlas) // SHEET))
    pictures = "".join(_picture(atlas, row) for row in range(0, len(atlas), step))
    failed = len(atlas.failures)
    facts = [
        counted(len(atlas), "image"),
        *([f"{counted(failed, 'file')} that could not be used"] if failed else []),
        counted(len(atlas.columns), "metadata column"),
        escape(str(atlas.snapshot.model["name"])),
        f"{atlas.indexed_at:%Y-%m-%d %H:%M} UTC",
    ]
    return (
        f'<div style="font-family: system-ui, sans-serif; max-width: {12 * (SIDE + 6)}px">'
        f'<div style="font-size: 1.2em; font-weight: 600">{escape(atlas.title)}</div>'
        f'<div style="opacity: 0.7; margin: 2px 0 8px">{" · ".join(facts)}</div>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 6px">{pictures}</div></div>'
    )


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: "1 image", "1,870 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def thumbnail_url(atlas: Published, row: int) -> str:
    """Return an image's thumbnail as an address that holds it."""
    return f"data:image/webp;base64,{base64.b64encode(atlas.thumbnail(row)).decode()}"


def _picture(atlas: Published, row: int) -> str:
    name = escape(atlas.ids[row], quote=True)
    return (
        f'<img src="{thumbnail_url(atlas, row)}" alt="{name}" title="{name}" '
        f'style="width: {SIDE}px; height: {SIDE}px; object-fit: contain; border-radius: 6px">'
    )
