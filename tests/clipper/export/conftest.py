"""A home of 24 images in folders, with metadata of every type, hostile names, and tags; indexed once."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clipper.atlas import Atlas
from clipper.indexing import run
from clipper.settings import Settings

HOSTILE = '<img src=x onerror="alert(1)"> & Co.jpg'


@pytest.fixture(scope="session")
def exported_home(
    tmp_path_factory: pytest.TempPathFactory,
    home_at: Callable[[Path, int], Path],
    _no_settings_from_outside: None,
) -> Path:
    home = home_at(tmp_path_factory.mktemp("exported") / "home", 24)
    images = home / "images"
    files = sorted(images.glob("*.jpg"))
    (images / "a").mkdir()
    (images / "b").mkdir()
    files[0].rename(images / "a" / "same.jpg")
    files[1].rename(images / "b" / "same.jpg")
    files[2].rename(images / HOSTILE)
    files[3].rename(images / "test-tube.jpg")
    metadata = {
        file.relative_to(images).as_posix(): {
            "group": ["Fruit/Veg", "</script><b>Tools", "été"][number % 3],
            "year": 2000 + number,
            "score": number / 7,
            "done": number % 2 == 0,
            "words": ["red", f"=word {number % 4}"],
        }
        for number, file in enumerate(sorted(images.rglob("*.jpg")))
        if number != 5
    }
    (images / "metadata.json").write_text(json.dumps(metadata))
    run.index(Settings.load(home))
    with Atlas(Settings.load(home)) as atlas:
        atlas.tags.add(["a/same.jpg", HOSTILE], "keep")
        atlas.tags.add("b/same.jpg", "excluded")
    return home


@pytest.fixture
def atlas(exported_home: Path) -> Iterator[Atlas]:
    with Atlas(Settings.load(exported_home)) as opened:
        yield opened


@pytest.fixture
def changed_home(exported_home: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(exported_home, tmp_path / "changed", symlinks=True))
