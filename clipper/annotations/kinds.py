"""Sort files by the format of labels that they hold: by their endings, folders and first bytes.

What does not belong here: where label files may lie (`find.py`), and reading them (`read.py`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from clipper.annotations.formats import yolo
from clipper.annotations.formats.table_shape import shape_of
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.images.formats import ending_of
from clipper.images.listing import is_metadata_name

Kind = Literal["coco", "results", "yolo", "voc", "boxes", "lines"]
NAMES: dict[Kind, str] = {
    "coco": "COCO",
    "results": "COCO's results",
    "yolo": "YOLO",
    "voc": "Pascal VOC",
    "boxes": "a table of boxes",
    "lines": "Hugging Face's ImageFolder",
}
_HEAD = 65_536  # bytes of a file that show what it is
_LONG_HEAD = 1 << 20  # of a COCO file that begins with thousands of categories
_COCO = re.compile(rb'^(\xef\xbb\xbf)?\s*\{.*?"(images|annotations|categories)"\s*:\s*\[', re.DOTALL)
_MAY_BE_COCO = re.compile(
    rb'^(\xef\xbb\xbf)?\s*\{\s*"(info|licenses|type|images|annotations|categories)"\s*:', re.DOTALL
)
_RESULTS = re.compile(rb"^(\xef\xbb\xbf)?\s*\[\s*\{")
_RESULT_KEYS = re.compile(rb'"(bbox|segmentation|caption|keypoints)"\s*:')
# `(?>...)` and `*+` give nothing back: without them, a hostile file would take hours.
_LINES = re.compile(rb'^(?>[^\n]*?"objects"\s*:\s*[\[{])[^\n]*"bbox"\s*:', re.MULTILINE)
_VOC = re.compile(
    rb"^(\xef\xbb\xbf)?(\s|<\?xml[^>]*>|<!DOCTYPE[^>]*>|<!--(?:(?!-->).)*+-->)*+<annotation[\s>]"
    rb".*?<(filename|folder|size|object)[\s/>]",
    re.DOTALL,
)
# A string, also one that is cut, or a bracket.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]')
# A line of YOLO's has a class and four numbers: a shorter text has none.
_LEAST_BYTES = 9
# More JSON files than this in one folder describe an image each, and are no COCO files.
_MOST_JSON = 50
_DESCRIPTIONS = "class-descriptions"


@dataclass(frozen=True)
class LabelFiles:
    """Label files of one format that are read together.

    Attributes:
        kind: the format.
        source: the file or the folder, for notes.
        folder: where they lie.
        files: with labels; the id of each is its path below `folder`.
        helpers: files that name the classes.
        named: whether a person said that these are labels.
    """

    kind: Kind
    source: str
    folder: ImageFolder
    files: Sequence[FoundImage]
    helpers: Sequence[FoundImage] = ()
    named: bool = False

    def stamps(self) -> list[tuple[str, str, int, int]]:
        """Return what shows whether a file changed: its path, size and time."""
        every = [*self.files, *self.helpers]
        return [(self.folder.location, file.id, file.bytes, file.mtime_ns) for file in every]


@dataclass
class Search:
    """Sorts the files of one folder by format.

    Attributes:
        folder: where they lie; their ids begin there.
        files: those that may be labels.
        stems: returns the images' paths in that folder without their endings.
        named: whether a person said that these are labels.
        around: other files there, in which the images of COCO's results may be listed.
    """

    folder: ImageFolder
    files: Sequence[FoundImage]
    stems: Callable[[], frozenset[str]]
    named: bool = False
    around: Sequence[FoundImage] = ()
    _by_ending: dict[str, list[FoundImage]] = field(default_factory=lambda: defaultdict(list))

    def found(self) -> Iterator[LabelFiles]:
        """Yield the label files. Files of one format and place come together."""
        for file in self.files:
            self._by_ending[ending_of(file.id)].append(file)
        yield from self._coco()
        yield from self._voc()
        yield from self._yolo()
        yield from self._tables()
        for file in self._by_ending[".jsonl"]:
            head = self.folder.read_head(file, _HEAD)
            if _LINES.search(head) and b'"file_name"' in head:
                yield LabelFiles("lines", file.id, self.folder, [file], named=self.named)

    @cached_property
    def _stems(self) -> frozenset[str]:
        return self.stems()

    def _coco(self) -> Iterator[LabelFiles]:
        files = self._by_ending[".json"]
        many = Counter(_folder(file.id) for file in files)
        for file in files:
            # `a.json` and `a.jpg.json` describe the image `a.jpg`.
            beside = not self.named and {_stem(file.id), _stem(_stem(file.id))} & self._stems
            if many[_folder(file.id)] > _MOST_JSON or beside:
                continue
            if kind := self._coco_kind(file):
                others = self._references(file) if kind == "results" else ()
                yield LabelFiles(kind, file.id, self.folder, [file], others, named=self.named)

    def _coco_kind(self, file: FoundImage) -> Kind | None:
        head = self.folder.read_head(file, _HEAD)
        if _RESULTS.match(head):
            # Found by itself, a detector's opinion would count beside what people labelled.
            is_result = self.named and b'"image_id"' in head and _RESULT_KEYS.search(head)
            return "results" if is_result else None
        for size in (_HEAD, _LONG_HEAD):
            if _COCO.search(head) and (self.named or _are_cocos_own(head)):
                return "coco"
            if size == _LONG_HEAD or len(head) < _HEAD or not _MAY_BE_COCO.match(head):
                return None
            head = self.folder.read_head(file, _LONG_HEAD)
        return None

    def _references(self, results: FoundImage) -> list[FoundImage]:
        """Return the COCO files that may say which images the ids of a file of results mean."""
        near = {file.id: file for file in [*self.files, *self.around] if ending_of(file.id) == ".json"}
        if len(near) > _MOST_JSON:
            near = {path: file for path, file in near.items() if _folder(path) == _folder(results.id)}
        return [file for file in list(near.values())[:_MOST_JSON] if self._coco_kind(file) == "coco"]

    def _voc(self) -> Iterator[LabelFiles]:
        yield from self._groups("voc", self._by_ending[".xml"], "annotations", self._is_voc, ())

    def _is_voc(self, file: FoundImage) -> bool:
        return bool(_VOC.search(self.folder.read_head(file, 4096)))

    def _yolo(self) -> Iterator[LabelFiles]:
        helpers = helpers_of(self.files)
        names = {file.id for file in helpers}
        texts = [file for file in self._by_ending[".txt"] if file.id not in names]
        yield from self._groups("yolo", texts, yolo.LABELS_FOLDER, self._is_yolo, helpers)

    def _is_yolo(self, file: FoundImage) -> bool:
        return yolo.looks_like_labels(self.folder.read_head(file, 4096))

    def _groups(
        self,
        kind: Kind,
        files: Sequence[FoundImage],
        folder_name: str,
        is_kind: Callable[[FoundImage], bool],
        helpers: Sequence[FoundImage],
    ) -> Iterator[LabelFiles]:
        """Group files with an image each by the folder of labels in their path, or else by their own folder.

        Outside of a folder of labels a text counts if an image has its name. A group is read if one of its
        first files that are not empty is of the format: an empty one may be the image without objects.
        """
        groups: defaultdict[str, list[FoundImage]] = defaultdict(list)
        near = _Near(helpers)
        for file in files:
            parts = file.id.split("/")[:-1]
            lower = [part.lower() for part in parts]
            if folder_name in lower:
                groups["/".join(parts[: lower.index(folder_name) + 1])].append(file)
            elif self.named or kind == "voc" or _stem(file.id) in self._stems:
                groups[_folder(file.id)].append(file)
        for folder, group in groups.items():
            filled = [file for file in group if file.bytes >= _LEAST_BYTES][:_TRIED]
            found = sum(is_kind(file) for file in filled)
            # Beside images there may be captions, one of which begins with numbers.
            is_sure = self.named or folder_name in folder.lower().split("/")
            if found and (is_sure or 2 * found > len(filled)):
                yield LabelFiles(kind, folder or self._own_name(), self.folder, group, near.of(folder))

    def _tables(self) -> Iterator[LabelFiles]:
        files = [*self._by_ending[".csv"], *self._by_ending[".tsv"]]
        helpers = [file for file in files if _is_class_list(_name(file.id).lower())]
        for file in files:
            shape = None if file in helpers else shape_of(self.folder.read_head(file, _HEAD))
            # A table of metadata may have boxes, too; columns such as `width` say more there.
            is_table = is_metadata_name(file.id)
            if shape and (self.named or shape.is_sure or (shape.category is not None and not is_table)):
                yield LabelFiles("boxes", file.id, self.folder, [file], helpers)

    def _own_name(self) -> str:
        return _name(self.folder.location.rstrip("/")) or self.folder.location


class _Near:
    """Files that name classes, by the folders that they are for: each of thousands may have its own."""

    def __init__(self, helpers: Sequence[FoundImage]) -> None:
        self._all = helpers
        self._here: defaultdict[str, list[FoundImage]] = defaultdict(list)
        self._below: defaultdict[str, list[FoundImage]] = defaultdict(list)
        for file in helpers:
            self._here[_folder(file.id)].append(file)
            for above in _above(_folder(file.id)):
                self._below[above].append(file)

    def of(self, folder: str) -> Sequence[FoundImage]:
        """Return the files in a folder, above and below it; if it has none, the files of the only folder."""
        above = (file for each in (folder, *_above(folder)) for file in self._here.get(each, ()))
        found = [*above, *self._below.get(folder, ())]
        return found if found or len(self._here) > 1 else self._all


def _above(folder: str) -> Iterator[str]:
    """Yield the folders above a folder; "" is the images folder."""
    while folder:
        folder = _folder(folder)
        yield folder


def _is_class_list(name: str) -> bool:
    return _DESCRIPTIONS in name or name == "classes.csv"


def _are_cocos_own(head: bytes) -> bool:
    """Whether a JSON object begins as COCO's do: with lists of images or annotations at its top."""
    keys = _top_keys(head.decode("utf-8", "replace"))
    has_images = "images" in keys and (b'"file_name"' in head or b'"coco_url"' in head)
    return has_images or ("annotations" in keys and b'"image_id"' in head)


def _top_keys(text: str) -> set[str]:
    """Return the keys of a JSON object that hold lists, as far as the text goes."""
    keys, depth, last = set(), 0, ""
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word[0] == '"':
            last = word[1:-1]
        elif word in "{[":
            if depth == 1 and word == "[":
                keys.add(last)
            depth += 1
        else:
            depth -= 1
    return keys


_TRIED = 20  # files of a group that are looked at to know its format


def helpers_of(files: Sequence[FoundImage]) -> list[FoundImage]:
    """Return the files that name the classes of YOLO."""
    return [
        file
        for file in files
        if ending_of(file.id) in (*yolo.YAML_ENDINGS, ".names", ".labels")
        or _name(file.id).lower() in yolo.CLASS_FILES
    ]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
