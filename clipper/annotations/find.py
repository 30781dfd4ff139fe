"""Find label files: beside the images, or where the setting `labels` says, and of which format they are.

What does not belong here: reading them (`read.py`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from clipper.annotations.formats import tables, yolo
from clipper.errors import SettingsError
from clipper.images.folder import ImageFolder
from clipper.images.formats import ending_of
from clipper.images.listing import FoundImage

Kind = Literal["coco", "yolo", "voc", "boxes"]
NAMES: dict[Kind, str] = {
    "coco": "COCO",
    "yolo": "YOLO",
    "voc": "Pascal VOC",
    "boxes": "a table of boxes",
}
_HEAD = 65_536  # bytes of a file that show what it is
_COCO = re.compile(rb'^(\xef\xbb\xbf)?\s*\{.*?"(images|annotations|categories)"\s*:\s*\[', re.DOTALL)
# More JSON files than this in one folder describe an image each, and are no COCO files.
_MOST_JSON = 50
# If the images folder has such a name, labels may lie in a folder beside it.
_IMAGES_NAME = re.compile(r"(images?|imgs?|jpegimages|(train|val|valid|validation|test)\d*)", re.IGNORECASE)
_LABEL_FOLDERS = frozenset({"labels", "annotations"})
_YAML_NAMES = frozenset({"data.yaml", "data.yml", "dataset.yaml", "dataset.yml"})
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


def find_labels(
    folder: ImageFolder,
    beside: Sequence[FoundImage],
    *,
    setting: str | Sequence[str],
    home: "Callable[[str], str]",
    stems: Callable[[], frozenset[str]],
) -> list[LabelFiles]:
    """Find label files.

    Args:
        folder: the images folder.
        beside: the files in it that may be labels.
        setting: "auto" finds them beside the images; "off" finds none; else the path or URL of a file or a
            folder, or several, each relative to the home or to the images folder.
        home: makes a path of the setting absolute, from the home.
        stems: returns the images' paths below the folder, without their endings.

    Raises:
        SettingsError: a path of the setting is not there, or holds no labels.
    """
    if setting == "off":
        return []
    if setting == "auto":
        found = list(_Search(folder, beside, stems=stems).found())
        neighbour = _beside_folder(folder)
        return found + (list(_Search(*neighbour, stems=frozenset).found()) if neighbour else [])
    given = [setting] if isinstance(setting, str) else setting
    return [files for one in given for files in _named(one, folder, beside, home)]


def _named(
    location: str, folder: ImageFolder, beside: Sequence[FoundImage], home: "Callable[[str], str]"
) -> list[LabelFiles]:
    """Return the label files that a path of the setting names."""
    for base in (home(location).rstrip("/"), folder.path(location).rstrip("/")):
        search = _within(base, folder, beside) or _elsewhere(base, folder.max_bytes)
        if search is None:
            continue
        if found := list(search.found()):
            return found
        raise SettingsError(f"labels: {base} holds no labels of COCO, YOLO or VOC, and no table of boxes")
    raise SettingsError(
        f"labels: {location!r} is neither in the home nor in the images folder; check the path"
    )


def _within(base: str, folder: ImageFolder, beside: Sequence[FoundImage]) -> "_Search | None":
    """Search a file or a folder of the images folder, whose listing is known."""
    root = folder.location.rstrip("/")
    if not base.startswith(f"{root}/"):
        return _Search(folder, beside, stems=frozenset, named=True) if base == root and beside else None
    inside = base[len(root) + 1 :]
    files = [file for file in beside if file.id == inside or file.id.startswith(f"{inside}/")]
    if not files:
        return None
    return _Search(
        folder,
        list({file.id: file for file in [*files, *_helpers(beside)]}.values()),
        stems=frozenset,
        named=True,
    )


def _elsewhere(base: str, max_bytes: int) -> "_Search | None":
    """Search a file or a folder outside of the images folder."""
    above, _, name = base.rpartition("/")
    parent = ImageFolder(above or "/", max_bytes=max_bytes)
    files, folders = parent.list_here()
    if name in folders:
        root = ImageFolder(base, max_bytes=max_bytes)
        return _Search(root, root.list_files().beside, stems=frozenset, named=True)
    chosen = [file for file in files if file.id == name]
    return _Search(parent, [*chosen, *_helpers(files)], stems=frozenset, named=True) if chosen else None


def _beside_folder(folder: ImageFolder) -> tuple[ImageFolder, list[FoundImage]] | None:
    """Return the folder above the images folder with its label files, if the images folder is called so.

    Many datasets have a folder `images` and beside it one of labels.
    """
    above, _, name = folder.location.rstrip("/").rpartition("/")
    if not above or above.endswith(":/") or not _IMAGES_NAME.fullmatch(name):
        return None
    root = ImageFolder(above, max_bytes=folder.max_bytes)
    files, folders = root.list_here()
    found = [file for file in files if file.id.lower() in _YAML_NAMES or file.id == "classes.txt"]
    found += [file for file in files if file.id == "_annotations.coco.json"]
    for inner in sorted(folders):
        if inner.lower() in _LABEL_FOLDERS:
            listed = ImageFolder(f"{above}/{inner}", max_bytes=folder.max_bytes).list_files().beside
            found += [FoundImage(f"{inner}/{file.id}", file.bytes, file.mtime_ns) for file in listed]
    return root, found


@dataclass
class _Search:
    """Sorts the files of one folder by format. With `named`, a person said that they are labels."""

    folder: ImageFolder
    files: Sequence[FoundImage]
    stems: Callable[[], frozenset[str]]
    named: bool = False
    _by_ending: dict[str, list[FoundImage]] = field(default_factory=lambda: defaultdict(list))

    def found(self) -> Iterator[LabelFiles]:
        for file in self.files:
            self._by_ending[ending_of(file.id)].append(file)
        yield from self._coco()
        yield from self._voc()
        yield from self._yolo()
        yield from self._tables()

    def _coco(self) -> Iterator[LabelFiles]:
        files = self._by_ending[".json"]
        many = Counter(_folder(file.id) for file in files)
        for file in files:
            # `a.json` and `a.jpg.json` describe the image `a.jpg`.
            beside = not self.named and {_stem(file.id), _stem(_stem(file.id))} & self.stems()
            if many[_folder(file.id)] > _MOST_JSON or beside:
                continue
            head = self.folder.read_head(file, _HEAD)
            if _COCO.search(head) and (self.named or _are_cocos_own(head)):
                yield LabelFiles("coco", file.id, self.folder, [file], named=self.named)

    def _voc(self) -> Iterator[LabelFiles]:
        yield from self._groups("voc", self._by_ending[".xml"], "annotations", self._is_voc, ())

    def _is_voc(self, file: FoundImage) -> bool:
        return b"<annotation" in self.folder.read_head(file, 1024)

    def _yolo(self) -> Iterator[LabelFiles]:
        helpers = _helpers(self.files)
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

        Outside of a folder of labels a file counts if an image has its name. A group is read if one of its
        first files that are not empty is of the format: an empty one may be the image without objects.
        """
        groups: defaultdict[str, list[FoundImage]] = defaultdict(list)
        for file in files:
            parts = file.id.split("/")[:-1]
            lower = [part.lower() for part in parts]
            if folder_name in lower:
                groups["/".join(parts[: lower.index(folder_name) + 1])].append(file)
            elif self.named or _stem(file.id) in self.stems():
                groups[_folder(file.id)].append(file)
        for folder, group in groups.items():
            filled = [file for file in group if file.bytes][:_TRIED]
            found = sum(is_kind(file) for file in filled)
            # Beside images there may be captions, one of which begins with numbers.
            is_sure = self.named or folder_name in folder.lower().split("/")
            if found and (is_sure or 2 * found > len(filled)):
                yield LabelFiles(kind, folder or self._own_name(), self.folder, group, helpers)

    def _tables(self) -> Iterator[LabelFiles]:
        files = self._by_ending[".csv"]
        helpers = [file for file in files if _name(file.id).startswith(_DESCRIPTIONS)]
        for file in files:
            shape = None if file in helpers else tables.shape_of(self.folder.read_head(file, _HEAD))
            if shape and (self.named or shape.category is not None):
                yield LabelFiles("boxes", file.id, self.folder, [file], helpers)

    def _own_name(self) -> str:
        return _name(self.folder.location.rstrip("/")) or self.folder.location


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


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_TRIED = 20  # files of a group that are looked at to know its format


def _helpers(files: Sequence[FoundImage]) -> list[FoundImage]:
    """Return the files that name the classes of YOLO."""
    return [
        file
        for file in files
        if ending_of(file.id) in (*yolo.YAML_ENDINGS, ".names", ".labels")
        or _name(file.id) in yolo.CLASS_FILES
    ]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _stem(path: str) -> str:
    return path.rpartition(".")[0]
