"""Find label files: beside the images, or where the setting `labels` says.

What does not belong here: of which format they are (`kinds.py`), and reading them (`read.py`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from glob import has_magic
from itertools import accumulate

from clipper.annotations.formats.yolo import is_data_yaml
from clipper.annotations.kinds import LabelFiles, Search, helpers_of
from clipper.annotations.match import parts_in
from clipper.errors import RefusedError, SettingsError, StorageError
from clipper.images.files.found import FoundImage
from clipper.images.folder import ImageFolder
from clipper.images.remote import changed_ns, filesystem
from clipper.network.storage import ask
from clipper.settings import is_url

# If the images folder has such a name, labels may lie in a folder beside it.
_IMAGES_NAME = re.compile(r"(images?|imgs?|jpegimages|(train|val|valid|validation|test)\d*)", re.IGNORECASE)
_LABEL_FOLDERS = frozenset({"labels", "annotations"})


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
            folder, a pattern of them, or several, each relative to the home or to the images folder.
        home: makes a path of the setting absolute, from the home.
        stems: returns the images' paths below the folder, without their endings.

    Raises:
        SettingsError: a path of the setting is not there, or holds no labels.
    """
    if setting == "off":
        return []
    if setting == "auto":
        found = list(Search(folder, beside, stems=stems).found())
        neighbour = _around(folder)
        return found + (list(Search(*neighbour, stems=frozenset).found()) if neighbour else [])
    given = [setting] if isinstance(setting, str) else setting
    return [files for one in given for files in _named(one, folder, beside, home)]


def _named(
    location: str, folder: ImageFolder, beside: Sequence[FoundImage], home: "Callable[[str], str]"
) -> list[LabelFiles]:
    """Return the label files that a path or a pattern of the setting names."""
    bases = [location] if is_url(location) else [home(location), folder.path(location)]
    for base in (base.rstrip("/") for base in bases):
        search = _within(base, folder, beside) or _elsewhere(base, folder.max_bytes)
        searches = [search] if search else _matching(base, folder, beside) if has_magic(base) else []
        if not searches:
            continue
        if found := [files for each in searches for files in each.found()]:
            return found
        raise SettingsError(f"labels: {base} holds no labels of COCO, YOLO or VOC, and no table of boxes")
    where = "not there" if is_url(location) else "neither in the home nor in the images folder"
    raise SettingsError(f"labels: {location!r} is {where}; check the path")


def _matching(base: str, folder: ImageFolder, beside: Sequence[FoundImage]) -> "list[Search]":
    """Search the files and folders that match a pattern such as `annotations/*.json`."""
    root = folder.location.rstrip("/")
    if base.startswith(f"{root}/"):
        pattern = _pattern(base[len(root) + 1 :])
        paths = ((file, accumulate(file.id.split("/"), "{}/{}".format)) for file in beside)
        inside = [file for file, folders in paths if any(map(pattern.match, folders))]
        return [_inside(folder, beside, inside)] if inside else []
    files, path = filesystem(base)
    try:
        found = ask(base, lambda: files.glob(path, detail=True), doing="listed")
    except (OSError, ValueError, RefusedError):
        return []
    scheme, mark, _ = base.rpartition("://")
    searches, by_folder = [], defaultdict(set)
    for name, entry in found.items():
        location = name if "://" in name else f"{scheme}{mark}{name}"
        if entry.get("type") == "directory":
            searches.append(_elsewhere(location, folder.max_bytes))
        else:
            above, _, own = location.rpartition("/")
            by_folder[above].add(own)
    for above, names in by_folder.items():
        parent = ImageFolder(above, max_bytes=folder.max_bytes)
        here, _ = parent.list_here()
        chosen = [file for file in here if file.id in names]
        searches.append(Search(parent, _with_helpers(chosen, here), stems=frozenset, named=True, around=here))
    return [search for search in searches if search]


def _pattern(text: str) -> re.Pattern[str]:
    from fsspec.utils import glob_translate

    try:
        return re.compile(glob_translate(text))
    except (ValueError, re.error) as error:  # such as `**.json`
        raise SettingsError(f"labels: {text!r} is no pattern: {error}") from error


def _inside(folder: ImageFolder, beside: Sequence[FoundImage], chosen: Sequence[FoundImage]) -> "Search":
    return Search(folder, _with_helpers(chosen, beside), stems=frozenset, named=True, around=beside)


def _with_helpers(chosen: Sequence[FoundImage], files: Sequence[FoundImage]) -> list[FoundImage]:
    """Return the chosen files, and the files that name the classes of YOLO."""
    return list({file.id: file for file in [*chosen, *helpers_of(files)]}.values())


def _within(base: str, folder: ImageFolder, beside: Sequence[FoundImage]) -> "Search | None":
    """Search a file or a folder of the images folder, whose listing is known."""
    root = folder.location.rstrip("/")
    if not base.startswith(f"{root}/"):
        return Search(folder, beside, stems=frozenset, named=True) if base == root and beside else None
    inside = base[len(root) + 1 :]
    files = [file for file in beside if file.id == inside or file.id.startswith(f"{inside}/")]
    return _inside(folder, beside, files) if files else None


def _elsewhere(base: str, max_bytes: int) -> "Search | None":
    """Search a file or a folder outside of the images folder."""
    above, _, name = base.rpartition("/")
    parent = ImageFolder(above or "/", max_bytes=max_bytes)
    files, folders = parent.list_here()
    if name in folders:
        root = ImageFolder(base, max_bytes=max_bytes)
        return Search(root, root.list_files().beside, stems=frozenset, named=True)
    chosen = [file for file in files if file.id == name]
    if not chosen and parent.remote:  # a server may have files, and no lists of them
        chosen = _alone(base, name)
    return (
        Search(parent, _with_helpers(chosen, files), stems=frozenset, named=True, around=files)
        if chosen
        else None
    )


def _alone(location: str, name: str) -> list[FoundImage]:
    """Describe a remote file that no list of its folder has."""
    files, path = filesystem(location)
    try:
        entry = ask(location, lambda: files.info(path))
    except StorageError:
        raise
    except Exception:  # noqa: BLE001 - each file system has errors of its own
        return []
    size = int(entry.get("size") or 0)
    return [FoundImage(name, size, changed_ns(entry))] if entry.get("type") != "directory" else []


def _around(folder: ImageFolder) -> tuple[ImageFolder, list[FoundImage]] | None:
    """Return a folder above the images folder, and the label files in it, if the images folder is called so.

    Many datasets have a folder `images` and beside it one of labels. In others both lie in the parts of a
    split, `train/images` and `train/labels`, or the parts lie in both: `images/train` and `labels/train`.
    """
    above, _, name = folder.location.rstrip("/").rpartition("/")
    if not above or above.endswith(":/") or not _IMAGES_NAME.fullmatch(name):
        return None
    upper, _, middle = above.rpartition("/")
    root = ImageFolder(above, max_bytes=folder.max_bytes)
    found, own = _labels_in(root), parts_in(name)
    if upper and not upper.endswith(":/") and _IMAGES_NAME.fullmatch(middle):
        root = ImageFolder(upper, max_bytes=folder.max_bytes)
        found = [replace(file, id=f"{middle}/{file.id}") for file in found]
        found += _labels_in(root, part=name)
        own |= parts_in(middle)
    if own:  # labels of another part may name images as this one does
        found = [file for file in found if not (parts := parts_in(file.id)) or parts & own]
    return root, found


def _labels_in(here: ImageFolder, *, part: str = "") -> list[FoundImage]:
    """Return what may be labels directly in a folder, and in its folders of labels; of `labels` one part."""
    files, folders = here.list_here()
    found = [file for file in files if is_data_yaml(file.id) or file.id == "classes.txt"]
    found += [file for file in files if file.id == "_annotations.coco.json"]
    for inner in sorted(folders):
        if inner.lower() not in _LABEL_FOLDERS:
            continue
        place = inner
        if part and inner.lower() == "labels":
            place = f"{inner}/{part}"
            _, parts = ImageFolder(f"{here.location}/{inner}", max_bytes=here.max_bytes).list_here()
            if part not in parts:
                continue
        listed = ImageFolder(f"{here.location}/{place}", max_bytes=here.max_bytes).list_files().beside
        found += [FoundImage(f"{place}/{file.id}", file.bytes, file.mtime_ns) for file in listed]
    return found
