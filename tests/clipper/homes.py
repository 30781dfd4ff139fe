"""What tests do with a small home: look into it, change its images and metadata."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from clipper.atlas import Atlas
from clipper.atlas.engine import SearchEngine
from clipper.indexing import run
from clipper.settings import Settings

HEAVY = ("torch", "transformers", "chromadb", "umap", "numba")  # what a run with nothing to do does not load


def indexed(home: Path, model_folder: Path) -> Path:
    """A home whose images are there, indexed for the first time."""
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = "{model_folder}"\n')
    run.index(Settings.load(aged(home)))
    return home


def opened(home: Path) -> Atlas:
    return Atlas(Settings.load(home))


def engine_of(home: str | Path) -> SearchEngine:
    """What the viewer and the command read of a home, by rows."""
    return SearchEngine(Settings.load(home))


def positions(home: Path) -> dict[str, tuple[float, float]]:
    atlas = opened(home)
    return dict(zip(atlas.ids, map(tuple, atlas._engine.xy.tolist()), strict=True))


def written(home: Path) -> dict[str, tuple[int, int]]:
    """Every file of the store, with its inode and time; the lock is opened each time."""
    return {
        str(path.relative_to(home)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (home / "store").rglob("*")
        if path.is_file() and path.name != "lock"
    }


def aged(home: Path) -> Path:
    """The home, with images of an hour ago: a run hashes again, and notes, what was written just before."""
    for path in (home / "images").rglob("*"):
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 3_600_000_000_000))
    return home


def metadata(home: Path, entries: Mapping[str, object]) -> None:
    (home / "images" / "metadata.json").write_text(json.dumps(entries))


def images(home: Path) -> list[Path]:
    return sorted((home / "images").glob("*.jpg"))


def draw(path: Path, colour: str, size: tuple[int, int] = (64, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path
