"""What the folders of an image say of it: its folder, the part of a split, and its class.

What does not belong here: listing files (`folder.py`), and joining metadata (`metadata/join.py`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

COLUMNS = FOLDER, SPLIT, LABEL = ("folder", "split", "label")
PART_NAMES = frozenset((
    "train", "training", "trn", "val", "valid", "validation", "dev", "devel", "test", "testing", "tst",
    "eval", "evaluation", "holdout",
))  # fmt: skip
# Folders between a part of a split and its images that are no class.
_NO_CLASSES = frozenset(("images", "image", "imgs", "img", "jpegimages", "data"))
_YEAR = re.compile(r"[_-]?(19|20)\d\d$")
# A split's folder is looked for among so many folders of a path: deeper ones are the images' own business.
_DEPTH = 4


def of_folders(folders: Sequence[str]) -> list[dict[str, str]]:
    """Return what each of the different folders of images says, without what it does not say.

    `folder` is the whole path of folders. `split` is the folder called train, val, test, ... as it is
    written, if two or more parts of a split lie at one depth. `label` is the one folder below it, as in the
    ImageFolder of PyTorch and Hugging Face, if no image lies deeper and there are two or more.
    """
    at = _depth(folders)
    labels = _labels(folders, at)
    found = []
    for folder in folders:
        said = {FOLDER: folder} if folder else {}
        part = _part(folder, at)
        if part:
            said[SPLIT] = part
            if labels and labels[folder]:
                said[LABEL] = labels[folder]
        found.append(said)
    return found


def _depth(folders: Sequence[str]) -> int | None:
    """Return the least depth at which folders are called as two parts of a split or more; None without."""
    parts: Counter[tuple[int, str]] = Counter()
    for folder in folders:
        for depth, name in enumerate(islice(folder.split("/"), _DEPTH)):
            if _is_part(name):
                parts[depth, name] += 1
    depths = Counter(depth for depth, _ in parts)
    return min((depth for depth, count in depths.items() if count > 1), default=None)


def _part(folder: str, at: int | None) -> str:
    """Return the part of the split that a folder lies in; "" for none."""
    names = folder.split("/")
    return names[at] if at is not None and at < len(names) and _is_part(names[at]) else ""


def _is_part(name: str) -> bool:
    """Whether a folder is called as a part of a split, or as one of a year, such as train2017."""
    return _YEAR.sub("", name.casefold()) in PART_NAMES


def _labels(folders: Sequence[str], at: int | None) -> dict[str, str] | None:
    """Return the class of each folder, "" for none; None if the folders below the parts are no classes."""
    if at is None:
        return None
    inner = {folder: folder.split("/")[at + 1 :] if _part(folder, at) else [] for folder in folders}
    names = {below[0] for below in inner.values() if below}
    deep = any(len(below) > 1 for below in inner.values())
    if deep or len(names) < 2 or {name.casefold() for name in names} & _NO_CLASSES:  # noqa: PLR2004 - one class tells nothing
        return None
    return {folder: below[0] if below else "" for folder, below in inner.items()}
