"""Read the label files that were found, each by the reader of its format, and digest what they hold.

What does not belong here: finding them (`find.py`), and joining their labels (`combine.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from clipper.annotations.formats import tables, yolo
from clipper.annotations.formats.coco import read_coco, read_results
from clipper.annotations.formats.coco_json import NoCocoError
from clipper.annotations.formats.labels import Gathered, Labels, Problems
from clipper.annotations.formats.rows import read_lines
from clipper.annotations.formats.voc import read_voc
from clipper.annotations.kinds import NAMES, LabelFiles
from clipper.errors import ImagesError
from clipper.hashing import content_hash, digest
from clipper.images.files.found import FoundImage


@dataclass(frozen=True)
class Read:
    """The labels of all files, and a digest of the files' bytes and names."""

    labels: list[Labels]
    digest: str


# Yields the path of each file and its bytes, or the reason why it cannot be read.
ReadEach = Callable[[LabelFiles, Sequence[FoundImage]], Iterable[tuple[str, bytes | str]]]


@dataclass
class _Reader:
    """Reads files, and keeps the path and the digest of each."""

    read_each: ReadEach
    digests: list[tuple[str, str]] = field(default_factory=list)


def _from_folder(files: LabelFiles, wanted: Sequence[FoundImage]) -> Iterable[tuple[str, bytes | str]]:
    return files.folder.read_each(wanted)


def read_labels(found: Sequence[LabelFiles], read_each: ReadEach = _from_folder) -> Read:
    """Read label files.

    A file an image that cannot be read is left out, with a note. A file with the labels of many images that
    is damaged ends the run, so that a typing error does not remove all labels from a published atlas.

    Args:
        found: the files.
        read_each: reads some of them.

    Raises:
        ImagesError: a COCO file, a table of boxes or a data.yaml is damaged.
    """
    reader = _Reader(read_each)
    labels = [_read(files, reader) for files in found]
    return Read(labels, digest([(files.kind, files.source) for files in found], reader.digests))


def describe(found: Sequence[LabelFiles]) -> list[str]:
    """Say which label files are read."""
    return [
        f"labels of {NAMES[files.kind]} in {files.source}"
        + (f": {len(files.files):,} files" if len(files.files) > 1 else "")
        for files in found
    ]


def _read(files: LabelFiles, reader: _Reader) -> Labels:
    lost = Problems()
    contents = _contents(files, files.files, reader, lost)
    if files.kind == "voc":
        labels = read_voc(contents, source=files.source)
    elif files.kind == "yolo":
        classes = _classes(files, reader, lost)
        labels = yolo.read_yolo(
            ((path, data, _nearest(path, classes)) for path, data in contents), source=files.source
        )
    else:
        labels = _read_one(files, contents, reader, lost)
    labels.problems.extend(lost)
    return labels


def _read_one(
    files: LabelFiles, contents: Iterator[tuple[str, bytes]], reader: _Reader, lost: Problems
) -> Labels:
    """Read a file with the labels of many images."""
    (file,) = files.files
    source = files.folder.path(file.id)
    data = next((data for _, data in contents), None)
    if data is None:
        raise ImagesError(f'{source} {lost.reason}; repair it, or set labels = "off"')
    if files.kind == "coco":
        try:
            return read_coco(data, name=file.id, source=source)
        except NoCocoError as error:
            if files.named:
                raise
            lost.add("file(s) only begin like COCO", "left out", [f"{file.id}: {error}"])
            return Gathered(files.source, "pixels").labels()
    if files.kind == "lines":
        return read_lines(data, name=file.id)
    if files.kind == "results":
        references = (text for _, text in _contents(files, files.helpers, reader, lost))
        return read_results(data, references, name=file.id, source=source)
    named: dict[str, str] = {}
    for _, text in _contents(files, files.helpers, reader, lost):
        named |= tables.read_class_descriptions(text)
    return tables.read_boxes(data, name=file.id, source=source, classes=named)


def _contents(
    files: LabelFiles, wanted: Sequence[FoundImage], reader: _Reader, lost: Problems
) -> Iterator[tuple[str, bytes]]:
    """Yield the path and bytes of each file that can be read; digest them."""
    limit = files.folder.max_bytes
    for file in wanted:
        if file.bytes > limit:
            lost.reason = f"has {file.bytes:,} bytes, more than the limit of {limit:,} (max_bytes)"
            lost.add("file(s) cannot be read", "left out", [f"{file.id} {lost.reason}"])
            reader.digests.append((file.id, ""))
    for path, data in reader.read_each(files, [file for file in wanted if file.bytes <= limit]):
        if isinstance(data, str):
            lost.add("file(s) cannot be read", "left out", [f"{path} {data}"])
            lost.reason = data
            reader.digests.append((path, ""))
        else:
            reader.digests.append((path, content_hash(data).hex()))
            yield path, data


def _classes(files: LabelFiles, reader: _Reader, lost: Problems) -> dict[str, yolo.ClassNames]:
    """Return the names of classes by the folder in which they are written; YAML before lists."""
    found: dict[str, yolo.ClassNames] = {}
    lists: dict[str, yolo.ClassNames] = {}
    # Of two in a folder, data.yaml counts, then the others by name.
    helpers = sorted(files.helpers, key=lambda file: (not yolo.is_data_yaml(file.id), file.id))
    for path, data in _contents(files, helpers, reader, lost):
        folder = path.rpartition("/")[0]
        if not path.lower().endswith(yolo.YAML_ENDINGS):
            lists[folder] = yolo.read_class_list(data)
            continue
        try:
            names = yolo.read_yaml(data, files.folder.path(path))
        except ImagesError as error:
            if yolo.is_data_yaml(path):
                raise
            lost.add("file(s) are not valid YAML", "they name no classes", [f"{path}: {error}"])
            continue
        if names and found.setdefault(folder, names).names != names.names:
            lost.add(
                "file(s) name other classes than one beside them", "left out", [f"{path} in {folder or '.'}"]
            )
    return lists | found


def _nearest(path: str, classes: dict[str, yolo.ClassNames]) -> yolo.ClassNames:
    """Return the names of the folder of a file, or of the nearest one above; else the only ones there are."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in classes:
            return classes[folder]
    return next(iter(classes.values())) if len(classes) == 1 else yolo.ClassNames()
