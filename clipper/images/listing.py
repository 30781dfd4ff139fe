"""What the files of an images folder are: images, metadata beside them, or others.

What does not belong here: walking through a folder (`images/folder.py`), and reading any file.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clipper.images.files.found import BLOCK, FoundImage, FoundImages, joined, table_of
from clipper.images.files.places import Contents, key_in_tar
from clipper.images.formats import OTHER_ENDINGS, READABLE_ENDINGS, UNREADABLE_ENDINGS, ending_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

# A file that changed so shortly before it was listed may change again without a new time.
RACY_NS = 2_000_000_000
# A longer ending is counted as none: it is hardly an ending.
MAX_ENDING_LENGTH = 8
NO_ENDING = "no ending"
LINKED_FOLDERS = "links to folders"
# Files that describe the images of their folder and below; of two in one folder, the first wins.
METADATA_NAMES = ("metadata.json", "metadata.parquet", "metadata.csv", "metadata.tsv", "metadata.jsonl")
# Endings of a file that describes the one image beside it, and has its name, with or without ending.
SIDECAR_ENDINGS = (".json", ".txt", ".caption", ".cls")
# What Google's Takeout puts between an image's name and `.json`.
_TAKEOUT = "supplemental-metadata"
_OF_TAKEOUT = re.compile(r"(?s)(.+?)\.(\w{2,5})(?:\.([a-z-]+))?(\(\d+\))?")
# Endings of files that may hold labels of other tools, such as COCO's.
LABEL_ENDINGS = frozenset({".json", ".xml", ".txt", ".csv", ".tsv", ".yaml", ".yml", ".names", ".labels"})
# Endings of tables and lists that may describe images, whatever they are called ...
_TABLE_ENDINGS = frozenset(
    {
        ".csv",
        ".tsv",
        ".xlsx",
        ".xlsm",
        ".xls",
        ".ods",
        ".parquet",
        ".jsonl",
        ".ndjson",
        ".json",
        ".feather",
        ".arrow",
        ".xmp",
    }
)
# ... and of files that do if they are called so.
_TEXT_ENDINGS = frozenset(
    {".txt", ".xml", ".yaml", ".yml", ".dat", ".npy", ".npz", ".pkl", ".mat", ".db", ".sqlite", ".gz", ".zip"}
)
_TELLING_WORDS = ("metadata", "label", "caption", "annotation", "class", "attr", "prompt", "tags")
# Folders with labels of one image each are called so.
_TELLING_FOLDERS = ("label", "annot")
_OF_ONE_IMAGE = frozenset({".txt", ".xml"})
# Files of a home, which lie beside its images where the home is the images folder.
_OF_A_HOME = frozenset(
    {
        "cluster_names.json",
        "labels.json",
        "tag_colours.json",
        "tags.json",
        "views.json",
        "vocabulary.txt",
        "word_columns.json",
    }
)


@dataclass
class Listing:
    """The files of a folder.

    `tables` are the files that describe the images of their folder and below, the strongest first. `sidecars`
    describe one image each. `unread` are the paths of files that look like metadata and are not read, and of
    folders of them, which end with `/`.
    `others` counts all other files by their ending, the unread ones too. `homes` are folders that are homes.
    `archives` is what lies in each archive, by its name. `unlisted` are those of the other files whose ending
    says nothing, by how it is counted: they may be images too, and `ImageFolder.list_files` opens them.
    `beside` are the files, sidecars or others, that may hold labels by their ending.
    `began_ns` is when the listing began, in nanoseconds since 1970.

    The images that `add_image` and `add_images` add are among `images` once the listing is settled.
    """

    images: FoundImages = field(default_factory=lambda: FoundImages.of([]))
    others: Counter[str] = field(default_factory=Counter)
    tables: list[FoundImage] = field(default_factory=list)
    sidecars: list[FoundImage] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    homes: set[str] = field(default_factory=set)
    archives: dict[str, Contents] = field(default_factory=dict)
    unlisted: dict[str, list[FoundImage]] = field(default_factory=dict)
    beside: list[FoundImage] = field(default_factory=list)
    began_ns: int = 0
    _images: list[FoundImage] = field(default_factory=list, repr=False)
    _tables: "list[pa.Table]" = field(default_factory=list, repr=False)
    _unread_folders: set[str] = field(default_factory=set, repr=False)
    _beside: "dict[str, Callable[[], FoundImage]]" = field(default_factory=dict, repr=False)

    def add(self, path: str, describe: "Callable[[], FoundImage]") -> None:
        """Add a file; `describe` is called for a file that is read."""
        if is_hidden(path):
            return
        ending = ending_of(path)
        if has_image_ending(path):
            self.add_image(describe())
        elif is_metadata_name(path):
            self.tables.append(describe())
        elif ending in SIDECAR_ENDINGS:
            self._beside[path] = describe  # which images there are is not known yet
        else:
            self._count(path, describe)
            if ending not in OTHER_ENDINGS:
                self.unlisted.setdefault(ending_to_show(path), []).append(describe())

    def add_image(self, image: FoundImage) -> None:
        """Add an image."""
        self._images.append(image)
        if len(self._images) == BLOCK:
            self._tables.append(table_of(self._images))
            self._images = []

    def add_images(self, table: "pa.Table") -> None:
        """Add images in the columns of `FoundImages`."""
        self._tables.append(table)

    def promote(self, label: str, image: FoundImage) -> None:
        """Count one of the other files as an image; `label` is how it was counted."""
        self.add_image(image)
        self.others[label] -= 1

    def settle(self) -> None:
        """Sort the files once all are there, and find the images that have a file of their own."""
        self.images = joined([self.images.table, *self._tables, table_of(self._images)])
        self._images, self._tables = [], []
        self.tables.sort(key=lambda table: _strength(table.id))
        if self._beside:
            owners = {path: image_of_sidecar(path) for path in self._beside}
            wanted = set(owners.values())
            named: set[str] = set()
            for name in self.images.names():
                named.update({name, name.rpartition(".")[0]} & wanted)
            for image in self.images if self.archives else ():
                named.update({key_in_tar(image.id, image.place) or ""} & wanted)
            for path, describe in self._beside.items():
                if owners[path] in named:
                    self.sidecars.append(describe())
                    self.beside.append(self.sidecars[-1])
                else:
                    self._count(path, describe)
            self._beside = {}
        self.sidecars.sort(key=lambda sidecar: sidecar.id)
        self.beside.sort(key=lambda file: file.id)
        self.unread += sorted(self._unread_folders)
        self._unread_folders = set()
        self.unread.sort(key=lambda path: (path.count("/"), path))

    def maybe_images(self) -> FoundImages:
        """Return the images, and the files that may be images although their ending says nothing."""
        unlisted = {file.id: file for files in self.unlisted.values() for file in files}
        if unlisted:
            known = unlisted.keys() & self.images.names()  # a promoted one is among the images, too
            more = [file for name, file in unlisted.items() if name not in known]
            return joined([self.images.table, table_of(more)])
        return self.images

    def _count(self, path: str, describe: "Callable[[], FoundImage]") -> None:
        ending = ending_of(path)
        if ending in LABEL_ENDINGS:
            self.beside.append(describe())
        self.others[ending_to_show(path)] += 1
        folder, _, name = path.rpartition("/")
        if name in _OF_A_HOME and folder in self.homes:
            return
        is_telling = any(word in name.lower() for word in _TELLING_WORDS)
        if ending in _TABLE_ENDINGS or (ending in _TEXT_ENDINGS and is_telling):
            self.unread.append(path)
        elif ending in _OF_ONE_IMAGE and any(word in folder.lower() for word in _TELLING_FOLDERS):
            self._unread_folders.add(f"{folder}/")  # of thousands of files, one name


def is_hidden(path: str) -> bool:
    """Whether a file or a folder above it has a name that begins with a dot."""
    return path.startswith(".") or "/." in path


def has_image_ending(path: str) -> bool:
    """Whether a file's ending is that of an image, readable or not."""
    ending = ending_of(path)
    return ending in READABLE_ENDINGS or ending in UNREADABLE_ENDINGS


def describes_images(path: str) -> bool:
    """Whether a file may be one that describes images, by its name: metadata or labels."""
    ending = ending_of(path)
    return is_metadata_name(path) or ending in SIDECAR_ENDINGS or ending in LABEL_ENDINGS


def is_metadata_name(path: str) -> bool:
    """Whether a file is called as one that describes the images of its folder, in upper or lower case."""
    return path.rpartition("/")[2].lower() in METADATA_NAMES


def image_of_sidecar(path: str) -> str:
    """Return the path of the image that a file describes, with or without its ending.

    Google's Takeout writes `a.jpg.supplemental-metadata.json`, cut where that is long, and for `a(1).jpg`
    `a.jpg.supplemental-metadata(1).json` or `a.jpg(1).json`.
    """
    stem, _, ending = path.rpartition(".")
    if ending.lower() == "json" and (found := _OF_TAKEOUT.fullmatch(stem)):
        name, image_ending, cut, number = found.groups()
        if has_image_ending(f"{name}.{image_ending}") and _TAKEOUT.startswith(cut or "") and (cut or number):
            return f"{name}{number or ''}.{image_ending}"
    return stem


def ending_to_show(path: str) -> str:
    """Return a file's ending as a report shows it; "no ending" for one that hardly is one."""
    ending = ending_of(path)
    is_plain = ending[1:].isalnum() and ending.isascii() and len(ending) <= MAX_ENDING_LENGTH
    return ending if is_plain else NO_ENDING


def _strength(path: str) -> tuple[int, int, str]:
    """Return the order of the tables: the deepest, then by name, then by path."""
    name = path.rpartition("/")[2]
    return -path.count("/"), METADATA_NAMES.index(name.lower()), path
