"""Finds the homes that `clipper view` shows together, and gives each a name for its address.

What does not belong here: the cards that show the homes (`viewer/server/cards.py`).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from clipper.errors import SettingsError
from clipper.mirror import copy as copies
from clipper.settings import CONFIG_NAME, HIDDEN_HOME, is_url, locate_home, sees_file, sees_folder

MOST_HOMES = 200
LONGEST_NAME = 60
# What the server has at the first place of a path besides atlases.
TAKEN = frozenset({"static", "viewer", "compare", "card", "liveness", "login", "logout", "favicon", "ws"})


def is_home(folder: Path) -> bool:
    """Return whether a folder is a home, or has one inside as `.clipper`."""
    return sees_file(folder / CONFIG_NAME) or sees_folder(folder / "store") or sees_folder(_hidden(folder))


def names_home(path: str) -> bool:
    """Return whether what a person typed is a home, not a folder of homes; a URL always is one."""
    return is_url(path) or is_home(Path(path).expanduser().resolve())


def find_homes(paths: Sequence[str]) -> list[Path]:
    """Return the homes that are named, and those one level deep in named folders; each once.

    A single path that is a home is returned even if nothing is in it yet.

    Raises:
        SettingsError: a path is no folder, or a folder has no home in it; or there are too many homes.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if is_url(path):
            found[locate_home(path)] = None
            continue
        folder = Path(path).expanduser().resolve()
        inside = [folder] if is_home(folder) else _homes_in(folder)
        found |= dict.fromkeys(_hidden(each) if sees_folder(_hidden(each)) else each for each in inside)
    if len(found) > MOST_HOMES:
        raise SettingsError(f"{len(found)} homes are more than {MOST_HOMES}; name the ones to show")
    return list(found)


def name_homes(homes: Iterable[Path]) -> dict[str, Path]:
    """Return the homes by a name of small letters, digits and hyphens, which no two share."""
    named: dict[str, Path] = {}
    for home in homes:
        copy = copies.of(home)
        at = PurePosixPath(copy.url) if copy else home
        folder = at.parent if at.name == HIDDEN_HOME else at
        name = wanted = _slug(folder.name)
        number = 1
        while name in named or name in TAKEN:
            number += 1
            name = f"{wanted}-{number}"
        named[name] = home
    return named


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain)[:LONGEST_NAME].strip("-") or "atlas"


def _hidden(folder: Path) -> Path:
    return folder / HIDDEN_HOME


def _homes_in(folder: Path) -> list[Path]:
    try:
        inside = sorted(each for each in folder.iterdir() if sees_folder(each) and is_home(each))
    except OSError as error:
        raise SettingsError(f"{folder} cannot be read: {error.strerror}") from error
    if not inside:
        raise SettingsError(
            f"{folder} is no home, and has none in it; "
            "make one with `clipper index FOLDER-OF-IMAGES --home HOME`"
        )
    return inside
