"""Find or make the home for a folder of images, and write its clipper.toml.

What does not belong here: reading settings (`settings.py`).
"""

import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from clipper.errors import BusyError, SettingsError
from clipper.images.archives.location import archives_within, names_archives, root_of
from clipper.mirror import copy as copies
from clipper.models import source
from clipper.settings import (
    CONFIG_NAME,
    DEFAULT_IMAGES,
    HIDDEN_HOME,
    Settings,
    absolute_location,
    find_home,
    is_url,
)


@contextmanager
def prepare_home(images: str, home: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield the home for a folder of images, and the name that its clipper.toml gives to the folder.

    The home named; else that of `CLIPPER_HOME`, one found from here that is this folder's, or `.clipper`
    within it. Its clipper.toml notes the folder, so that later runs, schedule and viewer find the same one.
    A home that is made here is gone again where the run ends before anything came of it: it would be found
    in place of others.

    Raises:
        SettingsError: the folder is none, or the home is another's.
    """
    home, location = _home_for(images, home)
    is_new = not (home / CONFIG_NAME).exists() if copies.of(home) else not home.exists()
    try:
        yield home, _write_images(location, home)
    except BusyError:
        raise  # another run began at the same moment, and the home is its
    except BaseException:
        if is_new and not any((home / "store" / part).exists() for part in ("facts", "embeddings")):
            shutil.rmtree(home, ignore_errors=True)
        raise


def _home_for(images: str, home: Path | None) -> tuple[Path, str]:
    """Return the home to use for a folder of images, and the location of that folder."""
    if not images.strip():
        raise SettingsError("the images folder's name is empty; `clipper index .` is this folder")
    location = absolute_location(images)
    if not is_url(images) and not Path(location).is_dir() and not names_archives(location):
        wrong = "is not a folder, and no archive of images" if Path(location).exists() else "does not exist"
        raise SettingsError(f"the images folder {location} {wrong}")
    if home is None and (Path(location) / CONFIG_NAME).is_file():
        raise SettingsError(
            f"{location} is an atlas's home; index it with `clipper index --home {quote(location)}`"
        )
    home = home or _found_for(location)
    if home is None and is_url(images):
        raise SettingsError(f"name a home for the atlas of {images} with --home HOME")
    folder = _folder_of(location)
    home = home or Path(folder) / HIDDEN_HOME
    if not is_url(images) and not (home / CONFIG_NAME).exists() and folder == location:
        within = archives_within(Path(folder))
        location = f"{location}/{within}" if within else location
    return home, location


def _found_for(location: str) -> Path | None:
    """Return the home that the environment names, or one found from here that belongs to this folder."""
    try:
        home = find_home()
        if os.environ.get("CLIPPER_HOME"):
            return home
        noted = _noted(home / CONFIG_NAME) or {}
    except SettingsError:
        return None
    return home if _is_same(Settings.load(home).locate_images(_images_of(noted)), location) else None


def _folder_of(location: str) -> str:
    """Return the folder of a location: itself, or the one in which its archives lie."""
    return root_of(location) if names_archives(location) else location


def _is_same(noted: str, location: str) -> bool:
    """Whether a home's images are those of a location; of archives, their folder may be named."""
    return location in (noted, _folder_of(noted))


def _write_images(location: str, home: Path) -> str:
    """Write the images folder into a new clipper.toml; return the name that clipper.toml gives to it."""
    config = home / CONFIG_NAME
    noted = _noted(config)
    if noted is None:
        folder = _folder_of(location)
        # Beside the home: a relative name, so that both can be moved together.
        name = ".." + location.removeprefix(folder) if home.resolve().parent == Path(folder) else location
        _note(config, "images", name)
    else:
        name = _images_of(noted)
        belongs = Settings.load(home).locate_images(name)
        if not _is_same(belongs, location):
            raise SettingsError(
                f"{config} belongs to the images in {belongs}; "
                "name another home with --home, or change `images` there"
            )
    return name


def note_model(settings: Settings) -> None:
    """Write the first model or models named for a home into its clipper.toml, if they can be found.

    Raises:
        ModelError: it is nowhere, or none that can be read.
        SettingsError: the home cannot be written.
    """
    config = settings.home / CONFIG_NAME
    if "model" in (_noted(config) or {}):
        return
    names = [_lasting_name(each) for each in settings.models]
    _note(config, "model", names[0] if len(names) == 1 else names)


def _lasting_name(settings: Settings) -> str:
    """Return the name by which any later run finds a model; raise if it cannot be found now."""
    source.find(settings)
    named = settings.model if isinstance(settings.model, str) else settings.model_name
    local, home = Path(named).expanduser(), settings.home.resolve()
    if not local.is_dir():
        return named
    if local.resolve().is_relative_to(home):  # it moves with the home
        return local.resolve().relative_to(home).as_posix()
    return str(local.resolve())


def _images_of(noted: dict[str, Any]) -> str:
    """Return the images folder as a clipper.toml names it."""
    return str(noted.get("images", DEFAULT_IMAGES))


def _note(config: Path, key: str, value: str | list[str]) -> None:
    """Add a setting to a clipper.toml; make the file if needed."""
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        before = config.read_text("utf-8") if config.exists() else ""
        gap = "\n" if before and not before.endswith("\n") else ""
        config.write_text(f"{before}{gap}{key} = {json.dumps(value, ensure_ascii=False)}\n", "utf-8")
    except OSError as error:
        raise SettingsError(
            f"{config.parent} cannot be written ({error.strerror}); name another home with --home HOME"
        ) from error


def _noted(config: Path) -> dict[str, Any] | None:
    """Read a clipper.toml without the environment; return None if there is no file."""
    if not config.exists():
        return None
    Settings.load(config.parent)  # its error names the file
    return tomllib.loads(config.read_text("utf-8"))
