"""Folders of images with label files, and what Clipper reads of them, without a model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from joined_metadata import entries_of, keys_of
from PIL import Image

from clipper.annotations.combine import Objects, combine
from clipper.annotations.find import find_labels
from clipper.annotations.read import read_labels
from clipper.annotations.source import source_of
from clipper.images.folder import ImageFolder
from clipper.settings import absolute_location

WIDTH, HEIGHT = 200, 100


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write images for names with their ending, text or bytes as they are, and JSON for anything else."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            Image.new("RGB", (WIDTH, HEIGHT), "grey").save(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def objects_in(
    folder: Path | str,
    setting: str | Sequence[str] = "auto",
    *,
    home: Path | None = None,
    orientation: int = 0,
) -> Objects:
    """Read the label files of a folder whose images all have one size, and join them."""
    images = ImageFolder(str(folder))
    listing = images.list_files()
    ids = [image.id for image in listing.images]
    stems = frozenset(image_id.rpartition(".")[0] for image_id in ids)
    found = find_labels(
        images,
        listing.beside,
        setting=setting,
        home=lambda path: absolute_location(path, base=home or Path(str(folder))),
        stems=lambda: stems,
    )
    sizes = np.tile([float(WIDTH), float(HEIGHT)], (len(ids), 1))
    turns = np.full(len(ids), orientation)
    return combine(read_labels(found).labels, ids, sizes, turns)


def entries(objects: Objects, folder: Path) -> dict[str, dict[str, Any]]:
    """The columns of each image that has some."""
    ids = [image.id for image in ImageFolder(str(folder)).list_images()]
    source = source_of(objects.images, pa.array(ids, pa.large_string()), name="labels")
    return dict(zip(keys_of(source), entries_of(source), strict=True))


def boxes(objects: Objects) -> list[tuple[Any, ...]]:
    """The objects: row of the image, category, and box in rounded shares; None without one."""
    found = []
    for row in objects.table.to_pylist():
        sides = [row[side] for side in ("left", "top", "width", "height")]
        box = None if sides[0] is None else tuple(round(side, 3) for side in sides)
        found.append((row["image"], row["category"], box))
    return found


def notes(objects: Objects) -> str:
    return "\n".join(objects.problems)


def coco(
    annotations: Sequence[Mapping[str, Any]], images: Sequence[Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A COCO document with the images 1: a.jpg and 2: b.jpg, and the categories 1: cat and 2: dog."""
    if images is None:
        images = [
            {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
            for number, name in ((1, "a.jpg"), (2, "b.jpg"))
        ]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return {"images": images, "annotations": annotations, "categories": categories, **more}
