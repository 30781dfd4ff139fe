"""A folder that changes while somebody looks at its map, and what the server does then."""

import shutil
from pathlib import Path

from viewer.components.page.follower import Follower


def files(home: Path) -> list[Path]:
    return sorted((home / "images").glob("*.jpg"))


def drop(home: Path, name: str = "dropped.jpg") -> None:
    """Put an image of the sample, of which the small home has none, into the folder."""
    images = Path(__file__).resolve().parents[2] / "data" / "images"
    shutil.copy2(images / "red-heart.jpg", home / "images" / name)


def look(follower: Follower) -> None:
    """What the server does every second, and the browser's word that the moment is quiet."""
    follower.check()
    if follower.ready:
        follower._update({})
