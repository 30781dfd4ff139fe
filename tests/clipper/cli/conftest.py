"""A folder of photos."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def photos(tmp_path: Path, model_folder: Path) -> Path:
    """A folder of nine images of the sample, two of them in a sub-folder."""
    folder = tmp_path / "my photos 🐈"
    (folder / "trip" / "day one").mkdir(parents=True)
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::200][:9]
    for i, file in enumerate(files):
        shutil.copy(file, folder / ("trip/day one" if i < 2 else ".") / file.name)
    return folder
