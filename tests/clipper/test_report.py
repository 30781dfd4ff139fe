"""What a person may want to look at in a version, and the report that shows it on a page and to a program."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import engine_of, indexed
from PIL import Image

from clipper.atlas import report
from clipper.atlas.findings import find_all

Run = Callable[..., subprocess.CompletedProcess[str]]
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """A dataset in two parts, with a picture that is in both, a copy, and a hostile name."""
    home = tmp_path_factory.mktemp("leaking")
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::90][:16]
    for number, file in enumerate(files):
        part = home / "images" / ("train" if number % 2 else "val")
        part.mkdir(parents=True, exist_ok=True)
        (part / file.name).write_bytes(file.read_bytes())
    with Image.open(files[1]) as opened:
        opened.convert("RGB").resize((48, 48)).save(home / "images" / "val" / "smaller.png")
    (home / "images" / "train" / f"{HOSTILE}.jpg").write_bytes(files[3].read_bytes())
    return indexed(home, model_folder)


def test_copies_and_leaks_are_findings_with_the_one_to_keep_first(leaking: Path):
    atlas = engine_of(leaking)
    found = {finding.key: finding for finding in find_all(atlas)}
    assert list(found) == ["leaks:split", "duplicates", "copies", "pictures:tiny"]
    leak = found["leaks:split"]
    assert leak.title == "1 group of copies in more than one split: train, val"
    assert leak.notes == ("split: train", "split: val")
    assert found["duplicates"].title == "1 group of near-duplicates, 2 images"
    assert atlas.ids[found["duplicates"].rows[1]] == "val/smaller.png"
    assert found["copies"].keep is not None
    assert found["copies"].keep.tolist() == [True, False]
    assert found["copies"].notes[1] == "exact: the same bytes"


def test_in_a_dataset_without_copies_odd_pictures_and_doubtful_labels_are_found(sample_home: Path):
    atlas = engine_of(sample_home)
    found = {finding.key: finding for finding in find_all(atlas)}
    assert list(found) == ["labels:group", "labels:subgroup", "pictures:blown-out", "outliers"]
    assert found["labels:group"].title.endswith("images whose group looks wrong")
    assert "Travel & Places → Smileys & Emotion?" in " ".join(found["labels:group"].notes)
    assert "black-small-square.jpg" in {atlas.ids[row] for row in found["outliers"].rows}
    assert found["pictures:blown-out"].title == "1 picture is blown out"


def test_the_report_is_a_page_that_stands_alone_and_escapes_every_name(leaking: Path):
    page = report.page(engine_of(leaking))
    assert "1 group of near-duplicates, 2 images" in page
    assert page.count("data:image/webp;base64,") >= 6
    assert "http" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_build_server_fails_on_what_it_names_alone(leaking: Path, tmp_path: Path, clipper_command: Run):
    page = tmp_path / "report.html"
    done = clipper_command(
        "report", "--home", str(leaking), "--html", str(page), "--fail-on", "duplicates, leaks"
    )
    assert done.returncode == 1
    assert "1 group of copies in more than one split: train, val" in done.stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")
    done = clipper_command("report", "--home", str(leaking), "--json")
    assert done.returncode == 0
    keys = [finding["key"] for finding in json.loads(done.stdout)["findings"]]
    assert keys == ["leaks:split", "duplicates", "copies", "pictures:tiny"]
    done = clipper_command("report", "--home", str(leaking), "--fail-on", "ghosts")
    assert done.returncode == 1
    assert "there is no finding 'ghosts'; there are copies, drift, duplicates, labels" in done.stderr
