"""The command that takes a dataset out of Clipper: for other tools, as a page, as a picture.

What does not belong here: the formats (`export/`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clipper.cli.options import Home, Json, Model, read_filter
from clipper.cli.output import one_line, print_json
from clipper.errors import ClipperError
from clipper.settings import Settings

if TYPE_CHECKING:
    from clipper.export.run import Exported

_SHOWN = 10  # images that could not be exported
_FILES = {".csv": "csv", ".parquet": "parquet"}  # the formats of files that are called so


def export(
    target: Annotated[
        Path | None, typer.Argument(help="A folder; a file for parquet, csv and paths.")
    ] = None,
    format_name: Annotated[
        Literal["imagefolder", "parquet", "coco", "yolo", "fiftyone", "csv", "paths"],
        typer.Option("--format", help="What it is for."),
    ] = "imagefolder",
    label: Annotated[str, typer.Option(help="The column of the classes.", metavar="COLUMN")] = "",
    split: Annotated[
        str, typer.Option(help="For yolo, the column of train, val and test.", metavar="COLUMN")
    ] = "",
    where: Annotated[
        str | None, typer.Option(help="Only the images that pass this filter.", metavar="JSON")
    ] = None,
    images: Annotated[
        Literal["copy", "link", "paths"],
        typer.Option(help="Copy the images, link them, or name them by their paths."),
    ] = "copy",
    metadata: Annotated[
        Literal["jsonl", "csv"], typer.Option(help="The file of metadata beside the images.")
    ] = "jsonl",
    every_column: Annotated[
        bool, typer.Option("--every-column", help="Also what Clipper finds: file facts and scores.")
    ] = False,
    excluded: Annotated[
        bool, typer.Option("--excluded", help="Also the images that are tagged `excluded`.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page that needs no server, as a folder.", metavar="FOLDER"),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write the page of --html as one file.")
    ] = False,
    png: Annotated[Path | None, typer.Option("--png", help="Draw the map as pixels.", metavar="FILE")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the map as SVG.", metavar="FILE")] = None,
    colour: Annotated[
        str | None,
        typer.Option("--color", help="What the map is coloured by: a column or `cluster`.", metavar="COLUMN"),
    ] = None,
    size: Annotated[
        str, typer.Option(help="Of a picture: width and height in millimetres.", metavar="WxH")
    ] = "180x130",
    dpi: Annotated[int, typer.Option(help="Of a picture: dots an inch.", min=20, max=2400)] = 300,
    dark: Annotated[bool, typer.Option("--dark", help="Of a picture: on a dark ground.")] = False,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="Of a picture: without the clusters' names.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    model: Model = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Write images and metadata for other tools, or the map as a picture."""
    from clipper.atlas import Atlas
    from clipper.export import run

    if (target, html, png, svg) == (None,) * 4:
        raise ClipperError("name what to write: a folder or a file, --html FOLDER, --png FILE or --svg FILE")
    drawings = [(path, ending) for path, ending in ((png, ".png"), (svg, ".svg")) if path is not None]
    if wrong := next((path for path, ending in drawings if path.suffix.lower() != ending), None):
        raise ClipperError(f"{wrong} must end with {'.svg' if wrong == svg else '.png'}")
    called = target.suffix.lower() if target is not None else ""
    if called in _FILES and format_name not in {_FILES[called], "paths"}:
        raise ClipperError(
            f"{target} is called as a {called} file, and --format is {format_name}; write --format "
            f"{_FILES[called]}, or choose another name"
        )
    with Atlas(Settings.load(home), model=model) as atlas:
        for path, _ in drawings:
            drawn = run.draw_map(
                atlas._engine,  # noqa: SLF001 - of this package
                colour=colour,
                size=_sides(size),
                dpi=dpi,
                dark=dark,
                names=not no_names,
            )
            run.save_map(drawn, path, force=force)
            if not as_json:
                typer.echo(f"the map in {one_line(str(path))}: {drawn.width:,} x {drawn.height:,} pixels")
        if html is not None:
            atlas.export_page(
                html, single_file=single_file, where=read_filter(where), excluded=excluded, force=force
            )
            if not as_json:
                typer.echo(f"the page in {one_line(str(html if single_file else html / 'index.html'))}")
        if target is None:
            return
        done = atlas.export(
            target,
            format=format_name,
            label=label or None,
            split=split or None,
            where=read_filter(where),
            images=images,
            metadata=metadata,
            every_column=every_column,
            excluded=excluded,
            force=force,
        )
    _tell(done, as_json=as_json)


def _tell(done: "Exported", *, as_json: bool) -> None:
    """Print what was exported, and what could not be."""
    if as_json:
        print_json({"path": str(done.path), "images": done.images, "lost": done.lost})
        return
    typer.echo(f"{done.images:,} images in {one_line(str(done.path))}")
    for image_id, why in list(done.lost.items())[:_SHOWN]:
        typer.echo(f"  left out {one_line(image_id)}: {one_line(why)}", err=True)
    if len(done.lost) > _SHOWN:
        typer.echo(f"  and {len(done.lost) - _SHOWN:,} more", err=True)


def _sides(size: str) -> tuple[float, float]:
    """Read a size such as 180x130.

    Raises:
        ClipperError: it is none.
    """
    try:
        width, height = map(float, size.lower().split("x"))
    except ValueError:
        width = height = 0.0
    if not (1 <= width <= 10_000 and 1 <= height <= 10_000):  # noqa: PLR2004 - ten metres
        raise ClipperError(f"--size {size} is no size; write millimetres like 180x130")
    return width, height
