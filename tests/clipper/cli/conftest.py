"""The command in this process, and a folder of photos."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clipper import cli

InProcess = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Run `clipper ...` in this process, through its entry point: exit code, output, errors."""

    def run(*words: object, cwd: Path | None = None) -> tuple[int, str, str]:
        if cwd:
            monkeypatch.chdir(cwd)
        monkeypatch.setattr("sys.argv", ["clipper", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def photos(tmp_path: Path, model_folder: Path) -> Path:
    """A folder of nine images of the sample, two of them in a sub-folder."""
    folder = tmp_path / "my photos 🐈"
    (folder / "trip" / "day one").mkdir(parents=True)
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::200][:9]
    for i, file in enumerate(files):
        shutil.copy(file, folder / ("trip/day one" if i < 2 else ".") / file.name)
    return folder
