"""The layouts of archives, metadata and labels of which `formats.py` reads one each."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


@dataclass(frozen=True)
class Layout:
    """One way in which people lay out images, metadata or labels.

    `files` are a folder's, by their paths; images are drawn where they are empty, the first has 40 x 30
    pixels.
    `expected` are values that images must have when the folder is indexed: id -> column -> value.
    """

    name: str
    files: Mapping[str, bytes]
    expected: Mapping[str, Mapping[str, Any]]
    how: str


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()


def _arrow(columns: Mapping[str, list[Any]]) -> bytes:
    table, buffer = pa.table(dict(columns)), io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def _picture(number: int) -> Image.Image:
    return Image.new("RGB", (40 + number, 30), (50 * number, 90, 160))


def _png(number: int) -> bytes:
    buffer = io.BytesIO()
    _picture(number).save(buffer, "PNG")
    return buffer.getvalue()


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _pages() -> bytes:
    buffer = io.BytesIO()
    _picture(0).save(buffer, "TIFF", save_all=True, append_images=[_picture(1)])
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_TWO = {"a.png": b"", "b.png": b""}
_YEARS = {"a.png": {"year": 2010}, "b.png": {"year": 2011}}
_CELLS = {
    "image": [{"bytes": _png(i), "path": f"{name}.png"} for i, name in enumerate("ab")],
    "year": [2010, 2011],
}
_PACKED = {f"{name}.{ending}": data for i, name in enumerate("ab") for ending, data in (
    ("png", _png(i)), ("json", _json({"year": 2010 + i})),
)}  # fmt: skip

ARCHIVES = (
    Layout(
        "`.tar`",
        {"shards/0.tar": _tar(_PACKED)},
        _YEARS,
        "as WebDataset packs it: `a.png` and what describes it",
    ),
    Layout("`.zip`", {"all.zip": _zip(_PACKED)}, _YEARS, "each image in it"),
    Layout(
        "`.parquet`",
        {"train.parquet": _parquet(_CELLS)},
        _YEARS,
        "each row, as Hugging Face's datasets write it",
    ),
    Layout("`.arrow`", {"train.arrow": _arrow(_CELLS)}, _YEARS, "the same, as `save_to_disk` writes it"),
)
METADATA = (
    Layout(
        "`metadata.json`",
        _TWO | {"metadata.json": b'{"a": {"year": 2010}, "b.png": {"year": 2011}}'},
        _YEARS,
        "an object for each image, by its name, its path without ending, or its path",
    ),
    Layout(
        "`metadata.json`, a list",
        _TWO | {"metadata.json": b'[{"image": "a.png", "year": 2010}, {"image": "b.png", "year": 2011}]'},
        _YEARS,
        "a list of objects, or a table as pandas writes it",
    ),
    Layout(
        "`metadata.csv`",
        _TWO | {"metadata.csv": "My photos\nfile_name;year\na.png;2010\nb.png;2011\n".encode("utf-16")},
        _YEARS,
        "a row for each image; comma, semicolon, tab or `|`; also of Excel and R",
    ),
    Layout(
        "`metadata.tsv`",
        _TWO | {"metadata.tsv": b"year\tphoto\n2010\ta.png\n2011\tb.png\n"},
        _YEARS,
        "the same with tabs; the column whose values match names the images",
    ),
    Layout(
        "`metadata.jsonl`",
        _TWO | {"metadata.jsonl": b'{"file_name": "a.png", "year": 2010}\n'},
        {"a.png": {"year": 2010}},
        "an object a line, as in Hugging Face's ImageFolder",
    ),
    Layout(
        "`metadata.parquet`",
        _TWO | {"metadata.parquet": _parquet({"file_name": ["a.png", "b.png"], "year": [2010, 2011]})},
        _YEARS,
        "a row for each image",
    ),
    Layout(
        "`train/metadata.csv`",
        {"train/a.png": b"", "val/a.png": b""}
        | {
            f"{part}/metadata.csv": f"file_name,year\na.png,{year}\n".encode()
            for part, year in (
                ("train", 2010),
                ("val", 2011),
            )
        },
        {"train/a.png": {"year": 2010, "split": "train"}, "val/a.png": {"year": 2011, "split": "val"}},
        "any of these in any folder describes the images below it",
    ),
    Layout(
        "`a.json`, `a.txt`, `a.caption`, `a.cls`",
        _TWO
        | {
            "a.json": b'{"year": 2010}',
            "a.txt": b"a blue square",
            "b.caption": b"another one",
            "b.cls": b"3",
        },
        {
            "a.png": {"year": 2010, "caption": "a blue square"},
            "b.png": {"caption": "another one", "label": 3},
        },
        "the values of one image, its caption, and its class",
    ),
    Layout(
        "folders",
        {"cats/a.png": b"", "dogs/b.png": b""},
        {"cats/a.png": {"folder": "cats"}, "dogs/b.png": {"folder": "dogs"}},
        "the name of the folder becomes the column `folder`",
    ),
)

_OBJECTS = {"a.png": {"objects": ["cat"], "object_count": 1, "largest_object": 0.25}}
_COCO = {
    "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 5, 20, 15]}],
    "categories": [{"id": 3, "name": "cat"}],
}
_CAPTIONS = _COCO | {"annotations": [{"id": 1, "image_id": 7, "caption": "a cat"}], "categories": []}
_SEGMENTS = [{"id": 1, "category_id": 3, "bbox": [10, 5, 20, 15]}]
_PANOPTIC = _COCO | {"annotations": [{"image_id": 7, "file_name": "a.png", "segments_info": _SEGMENTS}]}
_VIA = (
    b"filename,region_shape_attributes,region_attributes\n"
    b'a.png,"{""x"":10,""y"":5,""width"":20,""height"":15}","{""kind"":""cat""}"\n'
)
_HUGGING_FACE = {"bbox": [[10, 5, 20, 15]], "category": ["cat"]}
_VOC = b"""<annotation><filename>a.png</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>20</ymax></bndbox></object>
</annotation>"""
_OPEN_IMAGES = b"ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/01,0.25,0.75,0.25,0.75\n"
LABELS = (
    Layout("COCO", _TWO | {"instances.json": _json(_COCO)}, _OBJECTS, "a JSON file: categories and boxes"),
    Layout(
        "COCO captions",
        _TWO | {"captions.json": _json(_CAPTIONS)},
        {"a.png": {"caption": "a cat"}},
        "a JSON file: the column `caption`",
    ),
    Layout(
        "COCO panoptic",
        _TWO | {"panoptic.json": _json(_PANOPTIC)},
        _OBJECTS,
        "a JSON file: the segments of each image",
    ),
    Layout(
        "YOLO",
        {"images/a.png": b"", "images/b.png": b"", "labels/a.txt": b"0 0.5 0.5 0.5 0.5\n"}
        | {"data.yaml": b"names: [cat]\n"},
        {"images/a.png": _OBJECTS["a.png"]},
        "a text file for each image, and `data.yaml` or `classes.txt` with the names",
    ),
    Layout("Pascal VOC", _TWO | {"a.xml": _VOC}, _OBJECTS, "an XML file for each image"),
    Layout(
        "Open Images",
        _TWO | {"boxes.csv": _OPEN_IMAGES, "class-descriptions.csv": b"/m/01,cat\n"},
        _OBJECTS,
        "a CSV with a row for each box; tables of TensorFlow and others too",
    ),
    Layout(
        "RetinaNet",
        _TWO | {"annotations.csv": b"a.png,10,5,30,20,cat\nb.png,,,,,\n"},
        _OBJECTS | {"b.png": {"object_count": 0}},
        "a CSV without a header; those of AutoML and Make Sense too",
    ),
    Layout("VIA", _TWO | {"via.csv": _VIA}, _OBJECTS, "a CSV with shapes as JSON"),
    Layout(
        "`metadata.jsonl`, objects",
        _TWO | {"metadata.jsonl": _json({"file_name": "a.png", "objects": _HUGGING_FACE})},
        _OBJECTS,
        "as in Hugging Face's ImageFolder; in tables of images, too",
    ),
    Layout(
        "ImageFolder",
        {
            f"{part}/{name}/{i}.png": b""
            for i, (part, name) in enumerate(
                (part, name) for part in ("train", "val") for name in ("cat", "dog")
            )
        },
        {
            "train/cat/0.png": {"split": "train", "label": "cat"},
            "val/dog/3.png": {"split": "val", "label": "dog"},
        },
        "a folder for each class, in a folder for each part of a split",
    ),
)
LAYOUTS: Mapping[str, tuple[Layout, ...]] = {"Archives": ARCHIVES, "Metadata": METADATA, "Labels": LABELS}
