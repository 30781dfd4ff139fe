"""An atlas outside of Clipper: folders and tables for other tools, a page, a picture of the map.

What does not belong here: what is written (`export/`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clipper.atlas.engine import SearchEngine
from clipper.errors import UnknownImageError
from clipper.export import run
from clipper.export.drawing import png
from clipper.export.formats.dataset import EXCLUDED, Selection
from clipper.export.formats.folders import Plan
from clipper.export.page.build import write_folder_page, write_single_page
from clipper.export.run import Exported
from clipper.store import tags

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class Exports:
    """The part of `clipper.Atlas` that writes a dataset for others."""

    _engine: SearchEngine

    def export(
        self,
        target: str | Path,
        *,
        format: str = "imagefolder",  # noqa: A002 - as the command calls it
        label: str | None = None,
        split: str | None = None,
        ids: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | None = None,
        images: Literal["copy", "link", "paths"] = "copy",
        metadata: Literal["jsonl", "csv"] = "jsonl",
        every_column: bool = False,
        excluded: bool = False,
        force: bool = False,
    ) -> Exported:
        """Write images with their metadata for another tool; Clipper reads the folders, too.

        The export is there as a whole or not at all. Images whose tag is `excluded` stay out.

        Examples:
            >>> done = atlas.export("/tmp/flags", format="coco", label="group", where={"group": "Flags"})
            >>> done.images
            269

        Args:
            target: the folder; a file for `parquet`, `csv` and `paths`.
            format: `imagefolder` (Hugging Face), `parquet` (with the images in it), `coco`, `yolo` (folders
                of classes), `fiftyone`, `csv`, or `paths`.
            label: the column of the classes; `yolo` needs one.
            split: for `yolo`, the column that says train, val or test.
            ids: the images, in this order; None for all.
            where: a filter, as `search` takes it.
            images: `copy` them, `link` them to save space, or name them by their `paths`.
            metadata: the file beside the images; a CSV table keeps lists as text.
            every_column: write also what Clipper reads from the files, and its scores.
            excluded: write also the images that are excluded.
            force: replace an earlier export.

        Returns:
            `path`, `images` (how many), and `lost`: why others could not be exported, by id.

        Raises:
            ClipperError: there is something at `target`, or the format cannot hold what is asked for.
            UnknownImageError: an id is not in the atlas.
        """
        selection = select(self._engine, ids=ids, where=where, excluded=excluded, every_column=every_column)
        plan = Plan(selection, label=label or "", split=split or "", images=images, table=metadata)
        return run.export(plan, Path(target), format_name=format, force=force)

    def export_page(
        self,
        target: str | Path,
        *,
        single_file: bool = False,
        ids: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | None = None,
        excluded: bool = False,
        force: bool = False,
    ) -> None:
        """Write a page with the map, charts and search that needs no server: open it from a disk or the web.

        Examples:
            >>> atlas.export_page("/tmp/flags.html", single_file=True, where={"group": "Flags"})

        Args:
            target: a folder, in which `index.html` is the page; a file with `single_file`.
            single_file: write one file, for 20,000 images at most.
            ids: the images; None for all.
            where: a filter, as `search` takes it.
            excluded: show also the images that are tagged `excluded`.
            force: replace an earlier export.

        Raises:
            ClipperError: there is something at `target`, or there are too many images for one file.
            UnknownImageError: an id is not in the atlas.
        """
        selection = select(self._engine, ids=ids, where=where, excluded=excluded)
        write = write_single_page if single_file else write_folder_page
        write(self._engine, selection, Path(target).expanduser(), force=force)

    def plot(
        self,
        color: str | None = None,
        *,
        size: tuple[float, float] = (180, 130),
        dpi: float = 150,
        dark: bool = False,
        names: bool = True,
        legend: bool = True,
        path: str | Path | None = None,
    ) -> "Image.Image":
        """Draw the map as a still picture with its legend, for a notebook or for print.

        Examples:
            >>> atlas.plot(color="group", size=(100, 80)).size
            (591, 472)

        Args:
            color: a column, or `cluster`; None: the column that the viewer begins with; "": all alike.
            size: width and height in millimetres.
            dpi: pixels of an inch; 300 for print.
            dark: whether the ground is dark.
            names: whether the clusters' names are on the map.
            legend: whether title and legend are beside it.
            path: also write it there, as SVG if the name ends so, else as PNG; an earlier file is replaced.

        Raises:
            ClipperError: there is no such column, it cannot colour a map, or the picture would be too large.
        """
        drawn = run.draw_map(
            self._engine, colour=color, size=size, dpi=dpi, dark=dark, names=names, legend=legend
        )
        if path is not None:
            run.save_map(drawn, Path(path), force=True)
        return png.draw(drawn)


def select(
    engine: SearchEngine,
    *,
    ids: Sequence[str] | None = None,
    where: Mapping[str, Any] | str | None = None,
    excluded: bool = False,
    every_column: bool = False,
) -> Selection:
    """Return the images that an export is about; see `Exports.export`.

    Raises:
        ClipperError: the filter is not understood.
        UnknownImageError: an id is not in the atlas.
    """
    import numpy as np

    given = tags.by_image(tags.read(engine.home))
    hashes = engine.hashes
    rows = np.arange(len(engine)) if ids is None else np.array(_rows(engine, ids), np.int64)
    if where is not None:
        rows = rows[engine.passing(where)[rows]]
    if not excluded and given:
        rows = rows[[EXCLUDED not in given.get(hashes[row], ()) for row in rows.tolist()]]

    def tags_of(some: "np.ndarray") -> list[list[str]]:
        return [given.get(hashes[row], []) for row in some.tolist()]

    return Selection(engine, rows, tags_of, tagged=bool(given), every_column=every_column)


def _rows(engine: SearchEngine, ids: Sequence[str]) -> list[int]:
    for image_id in ids:
        if image_id not in engine:
            raise UnknownImageError(image_id)
    return [engine.row(image_id) for image_id in dict.fromkeys(ids)]
