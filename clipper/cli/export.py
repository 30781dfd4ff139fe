"""The command that writes a dataset for other tools.

What does not belong here: the formats (`export/`).
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from clipper.cli.options import Home, Json, read_filter
from clipper.cli.output import one_line, print_json
from clipper.settings import Settings


def export(
    target: Annotated[Path, typer.Argument(help="A folder; a file for parquet, csv and paths.")],
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
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Write images and their metadata as a folder or a table for other tools."""
    from clipper.atlas import Atlas

    with Atlas(Settings.load(home)) as atlas:
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
    if as_json:
        print_json({"path": str(done.path), "images": done.images, "lost": done.lost})
        return
    typer.echo(f"{done.images:,} images in {one_line(str(done.path))}")
    for image_id, why in list(done.lost.items())[:10]:
        typer.echo(f"  left out {one_line(image_id)}: {one_line(why)}", err=True)
    if len(done.lost) > 10:  # noqa: PLR2004 - as many as shown above
        typer.echo(f"  and {len(done.lost) - 10:,} more", err=True)
