"""Small pictures of a home's parts, for reports: a sheet of thumbnails, a preview of the map.

What does not belong here: the viewer's map, which is drawn with far more care.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipper.indexing.staging.workspace import Workspace
from clipper.store import facts
from clipper.store.parts import clusters
from clipper.store.tables import read_parquet

if TYPE_CHECKING:
    from PIL import Image

SHEET_COLUMNS, SHEET_ROWS, CELL = 12, 4, 64
PREVIEW = 360
_INK, _PAPER = (79, 70, 229), (250, 250, 252)


def thumbnail_sheet(work: Workspace) -> bytes:
    """Draw up to 48 thumbnails, evenly chosen from the whole dataset, as a PNG."""
    _, manifest = work.manifest()
    firsts = manifest.entries.first_of_each()
    keys = firsts.where(work.thumbnails.keys().mask(firsts.keys)).keys
    most = SHEET_COLUMNS * SHEET_ROWS
    return _sheet(work, keys[:: max(1, -(-len(keys) // most))][:most].to_pylist())


def faces_sheet(work: Workspace) -> bytes:
    """Draw up to 48 of the images that stand for the dataset, the first one first, as a PNG."""
    import numpy as np

    keys, found = clusters.read(work.home.part("clusters", work.require("clusters")))
    there = work.thumbnails.keys()
    first = [keys[row] for row in np.argsort(found.faces)[: SHEET_COLUMNS * SHEET_ROWS].tolist()]
    return _sheet(work, [key for key in first if key in there])


def _sheet(work: Workspace, chosen: Sequence[bytes]) -> bytes:
    """Draw the thumbnails of some contents, in rows of twelve, as a PNG."""
    from PIL import Image

    table, positions = work.thumbnails.positions(chosen)
    rows = max(1, -(-len(chosen) // SHEET_COLUMNS))
    sheet = Image.new("RGB", (SHEET_COLUMNS * CELL, rows * CELL), _PAPER)
    for place, position in enumerate(positions):
        with Image.open(io.BytesIO(table[facts.THUMBNAIL][position].as_py())) as image:
            image.thumbnail((CELL - 4, CELL - 4))
            top, left = divmod(place, SHEET_COLUMNS)
            sheet.paste(image, (left * CELL + 2, top * CELL + 2))
    return _png(sheet)


def map_previews(work: Workspace) -> bytes | dict[str, bytes]:
    """Draw the map as `map_preview` does; of several models the map of each, by the model's name."""
    models = work.each_model()
    if len(models) == 1:
        return map_preview(work)
    return {str(each.staged.model["name"]): map_preview(each) for each in models}


def map_preview(work: Workspace) -> bytes:
    """Draw the density of all points as a PNG of 360 by 360 pixels."""
    import numpy as np
    from PIL import Image

    version = work.require("projection")
    table = read_parquet(work.home.part("projection", version))
    places = np.stack([table[axis].to_numpy().astype(np.float64) for axis in ("x", "y")])
    # An audit reports points without a position; it runs after this picture was drawn.
    places = places[:, np.isfinite(places).all(axis=0)]
    x, y = places if places.size else np.zeros((2, 1))
    half = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6) * 0.52
    middles = [float(axis.min() + axis.max()) / 2 for axis in (y, x)]
    ranges = [[middle - half, middle + half] for middle in middles]
    counts, _, _ = np.histogram2d(y, x, bins=PREVIEW // 3, range=ranges)
    shade = (np.log1p(counts) / max(float(np.log1p(counts.max())), 1e-9))[::-1, :, None]
    strength = np.where(shade > 0, 0.35 + 0.65 * shade, 0.0)
    pixels = np.array(_PAPER) * (1 - strength) + np.array(_INK) * strength
    small = Image.fromarray(pixels.astype(np.uint8))
    return _png(small.resize((PREVIEW, PREVIEW), Image.Resampling.NEAREST))


def _png(image: "Image.Image") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
