"""Folders that other tools read: ImageFolder of Hugging Face, COCO, YOLO, FiftyOne.

Each has its images, the file that its tool reads, and a metadata.jsonl or metadata.csv, which Clipper reads.
What does not belong here: where the files go (`writing.py`).
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from clipper.errors import ClipperError
from clipper.export.formats.boxes import are_exported, coco_boxes, detections
from clipper.export.formats.dataset import Selection
from clipper.export.formats.names import Names, safe_part
from clipper.export.formats.writing import MARK, MISSING, Document, Item, Picture, Placed, Placing

if TYPE_CHECKING:
    import numpy as np

# Names that an export gives to its own files, which no image may take.
_TAKEN = (
    MARK, MISSING, "metadata.json", "metadata.jsonl", "metadata.csv", "metadata.parquet", "annotations.json",
    "samples.json", "data.yaml", "README.md",
)  # fmt: skip
_SPLITS = {"validation": "val", "valid": "val", "dev": "val", "testing": "test", "training": "train"}
# Names that FiftyOne uses itself in each sample.
_OF_FIFTYONE = frozenset({"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"})
FILE_NAME = "file_name"
# Without it, `datasets` takes an image called test-tube.jpg for one to test with.
_CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: train
    path: "**"
---
"""


@dataclass
class Plan:
    """What is exported, and how. `label` and `split` name columns, "" for none."""

    selection: Selection
    label: str = ""
    split: str = ""
    images: Placing = "copy"
    table: Literal["jsonl", "csv"] = "jsonl"
    placed: Placed = field(default_factory=Placed)

    def check_single(self, format_name: str) -> None:
        """Check that the label column has one value an image.

        Raises:
            ClipperError: it has lists, or there is no such column.
        """
        if not self.label:
            raise ClipperError(f"{format_name} needs labels; name their column with --label")
        known = {**self.selection.dataset.columns, **self.selection.dataset.insight_columns}
        if self.label == self.selection.tags_name or (
            self.label in known and known[self.label].type.startswith("list[")
        ):
            raise ClipperError(
                f"{self.label} has several values an image, and {format_name} takes one; coco takes several"
            )
        self.selection.labels(self.label, self.selection.rows[:0])

    def placed_blocks(self) -> "Iterator[np.ndarray]":
        """Yield the rows that were placed, some at a time."""
        import numpy as np

        for rows in self.selection.blocks():
            yield np.array([row for row in rows.tolist() if row in self.placed.names], np.int64)


def image_folder(plan: Plan) -> Iterator[Item]:
    """Yield Hugging Face's ImageFolder: images under their ids, and their metadata beside them."""
    if plan.label:
        plan.check_single("an ImageFolder")
    yield from _pictures(plan, lambda rows: _ids(plan, rows))
    yield Document("README.md", [_CARD, f"# {plan.selection.dataset.title}\n"])
    yield from _closing(plan, label=plan.label)


def coco(plan: Plan) -> Iterator[Item]:
    """Yield a COCO dataset: images/ and annotations.json.

    Its annotations are the objects of label files; without these, or with the label of another column, they
    are about whole images.
    """
    dataset = plan.selection.dataset
    boxed = are_exported(dataset, plan.label)
    if boxed:
        classes = sorted(dataset.object_categories)
    else:
        classes = plan.selection.classes(plan.label) if plan.label else []
    yield from _pictures(plan, lambda rows: [f"images/{image_id}" for image_id in _ids(plan, rows)])
    yield Document("annotations.json", _coco_json(plan, classes, boxed=boxed))
    yield from _closing(plan)


def yolo(plan: Plan) -> Iterator[Item]:
    """Yield YOLO's folders for classification: a folder for each class, in one for each part of the split."""
    plan.check_single("yolo")
    names = Names()
    folders = {
        label: names.of(safe_part(label.replace("/", "_"))) for label in plan.selection.classes(plan.label)
    }
    splits: dict[str, None] = {}

    def names_of(rows: "np.ndarray") -> list[str]:
        labels, parts = plan.selection.labels(plan.label, rows), _splits(plan, rows)
        splits.update(dict.fromkeys(parts))
        return [
            f"{part}/{folders[label[0]]}/{image_id}" if label else ""
            for image_id, label, part in zip(_ids(plan, rows), labels, parts, strict=True)
        ]

    yield from _pictures(plan, names_of)
    yield Document("data.yaml", _yolo_yaml(list(folders.values()), splits))
    yield from _closing(plan)


def fiftyone(plan: Plan) -> Iterator[Item]:
    """Yield a dataset as FiftyOne reads it (its type `FiftyOneDataset`, in the plain form without ids)."""
    if plan.label:
        plan.selection.labels(plan.label, plan.selection.rows[:0])
    yield from _pictures(plan, lambda rows: [f"data/{image_id}" for image_id in _ids(plan, rows)])
    about = {"name": plan.selection.dataset.title, "media_type": "image", "info": {"from": "Clipper"}}
    yield Document("metadata.json", [json.dumps(about, ensure_ascii=False)])
    yield Document("samples.json", _fiftyone_json(plan))
    yield from _closing(plan)


def _ids(plan: Plan, rows: "np.ndarray") -> list[str]:
    return [plan.selection.dataset.ids[row] for row in rows.tolist()]


def _pictures(plan: Plan, names_of: "Callable[[np.ndarray], list[str]]") -> Iterator[Picture]:
    """Yield each image under its name, "" for none; note the paths of images that stay."""
    dataset, names = plan.selection.dataset, Names(_TAKEN)
    for rows in plan.selection.blocks():
        for row, name in zip(rows.tolist(), names_of(rows), strict=True):
            if not name:
                plan.placed.lost[dataset.ids[row]] = f"has no value of {plan.label}"
            elif plan.images == "paths":
                plan.placed.at_home(dataset, row)
            else:
                yield Picture(names.of(name), row)


def _closing(plan: Plan, *, label: str = "") -> Iterator[Document]:
    """Yield the metadata that Clipper reads, and the list of lost images."""
    lines = _csv_lines(plan) if plan.table == "csv" else _json_lines(plan, label)
    yield Document(f"metadata.{plan.table}", lines)
    yield from plan.placed.missing()


def _json_lines(plan: Plan, label: str) -> Iterator[str]:
    for rows in plan.placed_blocks():
        labels = plan.selection.labels(label, rows) if label and label != "label" else None
        for at, values in enumerate(plan.selection.values(rows)):
            entry: dict[str, Any] = {FILE_NAME: plan.placed.names[int(rows[at])]}
            entry |= {_column(name): value for name, value in values.items()}
            if labels is not None and "label" not in plan.selection.columns:
                entry["label"] = next(iter(labels[at]), None)
            yield json.dumps(entry, ensure_ascii=False) + "\n"


def _csv_lines(plan: Plan) -> Iterator[str]:
    names = plan.selection.names
    yield csv_text([[FILE_NAME, *map(_column, names)]])
    for rows in plan.placed_blocks():
        yield csv_text(
            [plan.placed.names[int(row)], *(_cell(values.get(name)) for name in names)]
            for row, values in zip(rows, plan.selection.values(rows), strict=True)
        )


def csv_text(lines: "Sequence[Sequence[object]] | Iterator[Sequence[object]]") -> str:
    """Return lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _column(name: str) -> str:
    return f"metadata_{name}" if name == FILE_NAME else name


def _coco_json(plan: Plan, classes: Sequence[str], *, boxed: bool) -> Iterator[str]:
    """Yield a COCO file. An image's values are its `attributes`; annotations have a box if one is known."""
    about = {"description": plan.selection.dataset.title}
    categories = [{"id": number, "name": label} for number, label in enumerate(classes, 1)]
    yield f'{{"info": {_json(about)},\n"categories": {_json(categories)},\n"images": ['
    yield from _listed(_coco_images(plan))
    yield '\n],\n"annotations": ['
    if boxed:
        yield from _listed(_coco_objects(plan, classes))
    elif plan.label:
        yield from _listed(_coco_annotations(plan, classes))
    yield "\n]}\n"


def _coco_images(plan: Plan) -> Iterator[dict[str, Any]]:
    number = 0
    for rows in plan.placed_blocks():
        sides = plan.selection.sides(rows)
        for row, values, (width, height) in zip(
            rows.tolist(), plan.selection.values(rows), sides, strict=True
        ):
            number += 1
            entry = {"id": number, "file_name": plan.placed.names[row].removeprefix("images/")}
            yield entry | {"width": width, "height": height, "attributes": values}


def _coco_annotations(plan: Plan, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    numbers = {label: number for number, label in enumerate(classes, 1)}
    image = number = 0
    for rows in plan.placed_blocks():
        for labels in plan.selection.labels(plan.label, rows):
            image += 1
            for label in labels:
                number += 1
                yield {"id": number, "image_id": image, "category_id": numbers[label]}


def _coco_objects(plan: Plan, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    numbers = {label: number for number, label in enumerate(classes, 1)}
    image = number = 0
    for rows in plan.placed_blocks():
        for row, sides in zip(rows.tolist(), plan.selection.sides(rows), strict=True):
            image += 1
            for one in coco_boxes(plan.selection.dataset.objects(row), numbers, sides):
                number += 1
                yield {"id": number, "image_id": image, **one}


def _splits(plan: Plan, rows: "np.ndarray") -> list[str]:
    """Return the part of the split that each row is in: "train" without a split."""
    if not plan.split:
        return ["train"] * len(rows)
    given = [(labels or ["train"])[0].lower() for labels in plan.selection.labels(plan.split, rows)]
    return [safe_part(_SPLITS.get(part, part).replace("/", "_")) for part in given]


def _yolo_yaml(folders: Sequence[str], splits: Mapping[str, None]) -> Iterator[str]:
    """Yield data.yaml; JSON's texts are YAML's. Without images to validate, those to train with serve."""
    parts = [part for part in ("train", "val", "test") if part in splits]
    yield "path: .\n"
    for part in dict.fromkeys(["train", "val", *parts]):
        yield f"{part}: {part if part in splits else next(iter(parts), 'train')}\n"
    yield "names:\n"
    yield from (f"  {number}: {_json(folder)}\n" for number, folder in enumerate(sorted(folders)))


def _fiftyone_json(plan: Plan) -> Iterator[str]:
    yield '{"samples": ['
    yield from _listed(_samples(plan))
    yield "\n]}\n"


def _samples(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield a sample for each image: Clipper's tags are FiftyOne's, labels are its `ground_truth`."""
    names: dict[str, str] = {}
    tags = plan.selection.tags_name
    for rows in plan.placed_blocks():
        labels = plan.selection.labels(plan.label, rows) if plan.label else [[] for _ in rows]
        for row, values, label in zip(rows.tolist(), plan.selection.values(rows), labels, strict=True):
            sample = {"filepath": plan.placed.names[row], "tags": values.pop(tags, [])}
            for name, value in values.items():
                sample[names.setdefault(name, "") or _field(name, names)] = value
            if are_exported(plan.selection.dataset, plan.label):
                sample["ground_truth"] = detections(plan.selection.dataset.objects(row))
            elif plan.label:
                sample["ground_truth"] = _classification(label)
            yield sample


def _classification(labels: Sequence[str]) -> dict[str, Any] | None:
    found = [{"_cls": "Classification", "label": label} for label in labels]
    if len(found) > 1:
        return {"_cls": "Classifications", "classifications": found}
    return found[0] if found else None


def _field(name: str, names: dict[str, str]) -> str:
    """Give a column a name that FiftyOne takes for a field, and that no other column has."""
    field_name = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "field"
    while field_name in names.values() or field_name in _OF_FIFTYONE or field_name == "ground_truth":
        field_name += "_"
    names[name] = field_name
    return field_name


def _listed(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    between = "\n"
    for entry in entries:
        yield between + _json(entry)
        between = ",\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
