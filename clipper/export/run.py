"""Export images of an atlas in one of the formats, onto the disk or as pieces to send; or draw its map.

What does not belong here: what a format is (`formats/`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from clipper.errors import ClipperError
from clipper.export.drawing import figure, png, svg
from clipper.export.drawing.colours import colour_by, default_column
from clipper.export.formats import folders, tables
from clipper.export.formats.dataset import Mapped
from clipper.export.formats.folders import Plan
from clipper.export.formats.writing import Item, atomic_file, stream_zip, write_folder
from clipper.settings import is_url

FOLDERS: dict[str, Callable[[Plan], Iterator[Item]]] = {
    "imagefolder": folders.image_folder,
    "coco": folders.coco,
    "yolo": folders.yolo,
    "fiftyone": folders.fiftyone,
}
FILES: dict[str, Callable[[Plan], Iterator[bytes]]] = {
    "parquet": tables.parquet,
    "csv": tables.csv_table,
    "paths": tables.path_list,
}
FORMATS = (*FOLDERS, *FILES)
# Formats whose images must lie within the folder.
_HELD = frozenset({"imagefolder", "yolo"})


class Exported(NamedTuple):
    """What an export has: how many images, and why others could not be exported, by id."""

    path: Path
    images: int
    lost: dict[str, str]


def export(plan: Plan, target: Path, *, format_name: str, force: bool = False) -> Exported:
    """Write an export: it is there as a whole or not at all.

    Args:
        plan: what is exported.
        target: a folder or a file, by the format.
        format_name: one of `FORMATS`.
        force: replace an earlier export.

    Raises:
        ClipperError: the format does not exist or cannot hold what is asked for, there is something at
            `target`, or not one image can be exported.
    """
    check(plan, target, format_name)
    if format_name in FOLDERS:
        items = _at_least_one(FOLDERS[format_name](plan), plan)
        write_folder(target, items, plan.placed, plan.selection.dataset, images=plan.images, force=force)
    else:
        with atomic_file(target, force=force) as temporary, temporary.open("wb") as file:
            for piece in FILES[format_name](plan):
                file.write(piece)
            _require_one(plan)
    return Exported(target, len(plan.placed.names), plan.placed.lost)


def draw_map(
    atlas: Mapped,
    *,
    colour: str | None = None,
    size: tuple[float, float] = (180, 130),
    dpi: float = 150,
    dark: bool = False,
    names: bool = True,
    legend: bool = True,
) -> figure.Figure:
    """Lay out a picture of a map; None colours by the column that the viewer begins with.

    Raises:
        ClipperError: there is no such column, it cannot colour, or the picture would be too large.
    """
    colours = colour_by(atlas, default_column(atlas) if colour is None else colour)
    return figure.lay_out(atlas, colours, size=size, dpi=dpi, dark=dark, names=names, legend=legend)


def save_map(drawn: figure.Figure, target: Path, *, force: bool = False) -> None:
    """Write a picture of a map, as SVG if its name ends so, else as PNG.

    Raises:
        ClipperError: there is a file already, or it cannot be written.
    """
    with atomic_file(target, force=force) as temporary:
        if target.suffix.lower() == ".svg":
            temporary.write_text(svg.draw(drawn), "utf-8")
        else:
            dots = drawn.scale * 72
            png.draw(drawn).save(temporary, "PNG", dpi=(dots, dots), optimize=True)


def stream(plan: Plan, format_name: str) -> Iterator[bytes]:
    """Yield an export in pieces: the file of a format that is one, else a ZIP of its folder."""
    if format_name in FILES:
        return FILES[format_name](plan)
    return stream_zip(FOLDERS[format_name](plan), plan.placed, plan.selection.dataset)


def check(plan: Plan, target: Path, format_name: str) -> None:
    """Check that a plan can be exported.

    Raises:
        ClipperError: see `export`.
    """
    if format_name not in FORMATS:
        raise ClipperError(f"there is no format {format_name!r}; there are {', '.join(FORMATS)}")
    if plan.images == "paths" and format_name in _HELD:
        raise ClipperError(f"{format_name} holds its images; take --images copy or --images link")
    if plan.split and format_name != "yolo":
        raise ClipperError("only yolo has a folder for each part of a split; elsewhere it is a column")
    if not len(plan.selection.rows):
        raise ClipperError("no image is left to export")
    images = plan.selection.dataset.path(0).removesuffix(plan.selection.dataset.ids[0])
    inside = target.expanduser().resolve()
    if not is_url(images) and format_name in FOLDERS and inside.is_relative_to(Path(images).resolve()):
        raise ClipperError(f"{target} lies within the images folder, and would be indexed; choose another")


def _at_least_one(items: Iterator[Item], plan: Plan) -> Iterator[Item]:
    yield from items
    _require_one(plan)


def _require_one(plan: Plan) -> None:
    """Check that an image was exported.

    Raises:
        ClipperError: none was.
    """
    if not plan.placed.names:
        image_id, why = next(iter(plan.placed.lost.items()))
        raise ClipperError(f"not one image can be exported; {image_id} {why}")
