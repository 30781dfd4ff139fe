"""A home that an earlier Clipper indexed is opened and kept by this one.

What it lacks, a part that the earlier Clipper did not have, is added by the first run. Decoder 2 reads all
files again, and embeds those anew of which it gives other pixels.

The earlier Clipper is a commit of this repository, run in a process of its own. After a change that is meant
to make a part again, name the commit of that change here.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import colour_profiles
import numpy as np
import pytest
from homes import opened, positions
from PIL import Image

import clipper
from clipper.indexing.staging.workspace import Step

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EARLIER = "2467a1a89186fefb1214fb5ae0db46ac6d09c403"
# Read now: the fixtures take settings out of the environment.
HISTORY_IS_REQUIRED = bool(os.environ.get("CLIPPER_REQUIRE_HISTORY"))

Index = Callable[[Path], dict[str, Step]]

# Two runs and a tag, as people come to have them; prints what a reader then gets.
INDEX_TWICE = """
import json, sys
from pathlib import Path
import clipper
from clipper import indexing, tags
from clipper.home import Home
from clipper.settings import Settings

earlier, home = map(Path, sys.argv[1:])
assert Path(clipper.__file__).is_relative_to(earlier), clipper.__file__
indexing.index(Settings.load(home))
atlas = clipper.open(home)
tags.give(Home(home), "keep", [atlas.hashes[atlas.row("b/1.jpg")]])
atlas.close()
(home / "images" / "b" / "1.jpg").rename(home / "images" / "c" / "renamed.jpg")
indexing.index(Settings.load(home))
atlas = clipper.open(home)
rows = range(len(atlas.ids))
print(json.dumps({
    "positions": {atlas.ids[row]: atlas.xy[row].tolist() for row in rows},
    "metadata": {atlas.ids[row]: atlas.metadata(row) for row in rows},
    "found": list(atlas.search("red heart", k=5)["id"]),
    "failures": sorted(atlas.failures["id"]),
}, default=str))
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it was at the earlier commit."""
    archived = ["git", "-C", ROOT, "archive", EARLIER, "clipper"]
    try:
        package = subprocess.run(archived, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        why = f"the earlier commit {EARLIER[:7]} is not in this copy of the repository ({error})"
        if HISTORY_IS_REQUIRED:
            pytest.fail(f"CLIPPER_REQUIRE_HISTORY is set, and {why}")
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def indexed_earlier(
    earlier: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """A home with something of everything, indexed twice by the earlier Clipper, and what it showed of it."""
    home = tmp_path_factory.mktemp("kept") / "home"
    fill(home, model_folder)
    ran = subprocess.run(
        [sys.executable, "-c", INDEX_TWICE, earlier, home],
        env=os.environ | {"PYTHONPATH": str(earlier)},
        cwd=earlier,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return home, json.loads(ran.stdout)


@pytest.fixture
def home(indexed_earlier: tuple[Path, dict[str, object]], tmp_path: Path) -> Path:
    """A copy of that home, which a test may change."""
    return Path(shutil.copytree(indexed_earlier[0], tmp_path / "home", symlinks=True))


@pytest.fixture
def shown(indexed_earlier: tuple[Path, dict[str, object]]) -> dict[str, object]:
    """What the earlier Clipper showed of that home."""
    return indexed_earlier[1]


def fill(home: Path, model_folder: Path) -> None:
    """Folders, photos with EXIF and a place, other colours, metadata, a copy, and files that are none."""
    images = home / "images"
    for number, file in enumerate(sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::60][:30]):
        target = images / "abc"[number % 3] / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as image:
            image.save(target, exif=photo_exif(number) if number < 5 else b"")
    shutil.copy2(images / "a" / "3.jpg", images / "c" / "copy.jpg")
    with Image.open(images / "a" / "6.jpg") as image:
        image.save(images / "c" / "wide.png", icc_profile=colour_profiles.rgb("wide"))
    (images / "broken.jpg").write_bytes(b"no image")
    (images / "dangling.jpg").symlink_to("nowhere.jpg")
    (images / "notes.txt").write_text("left alone")
    entries = {str(n): {"mood": "calm", "rank": n, "words": ["one", "two"]} for n in range(20)}
    (images / "metadata.json").write_text(json.dumps(entries))
    (images / "metadata.csv").write_text("file_name,size\na/0.jpg,7\nb/4.jpg,2.5\nnobody.jpg,1\n")
    (home / "clipper.toml").write_text(f'images = "images"\nmodel = "{model_folder}"\ngps = true\n')


def photo_exif(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8769)[0x9003] = f"2024:05:0{number + 1} 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0 + number, 15.0, 0.0)})
    return exif.tobytes()


def files(home: Path) -> dict[str, bytes]:
    """Every file of the store and its bytes; the lock is opened by each run."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in (home / "store").rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_reader_gets_from_an_earlier_home_what_the_earlier_reader_got(home: Path, shown: dict[str, object]):
    before = files(home)
    atlas = clipper.open(home)
    rows = range(len(atlas.ids))
    assert len(atlas.ids) == 32
    assert {atlas.ids[row]: atlas._engine.xy[row].tolist() for row in rows} == shown["positions"]
    metadata = {atlas.ids[row]: atlas._engine.metadata(row) for row in rows}
    assert json.loads(json.dumps(metadata, default=str)) == shown["metadata"]
    assert metadata["c/renamed.jpg"]["tags"] == ["keep"]
    assert list(atlas.search("red heart", k=5)["id"]) == shown["found"]
    assert sorted(atlas.failures["id"]) == shown["failures"] == ["broken.jpg", "dangling.jpg"]
    atlas.close()
    assert files(home) == before


def part_of(name: str) -> str:
    """The folder of the store that a file is in."""
    inner = Path(name).parts[Path(name).parts.index("store") + 1 :]
    return "collection" if inner[0] == "collection" else inner[-2]


def test_a_run_over_an_earlier_home_makes_what_it_lacks_and_moves_nothing(
    home: Path, shown: dict[str, object], run_index: Index
):
    before = files(home)
    assert len(before) > 10
    steps = run_index(home)
    counts = {name: step.counts for name, step in steps.items()}
    new = {part: counts[part]["new"] for part in ("clip_embeddings", "thumbnails", "image_facts")}
    # "broken.jpg" is tried again. Of "wide.png" the colours were wrong.
    assert new == {"clip_embeddings": 1, "thumbnails": 31, "image_facts": 32}
    assert counts["clip_embeddings"]["reused"] == 30
    scanned = counts["image_manifest"]
    assert [scanned[name] for name in ("added", "changed", "moved", "removed")] == [0, 0, 0, 0]
    assert [counts["chroma_collection"][name] for name in ("written", "deleted")] == [1, 0]
    assert counts["image_neighbours"]["new"] == 31
    assert counts["atlas"]["published"] is True
    after = files(home)
    # The two files that name the parts, and Chroma's database, which notes that it was opened.
    noted = {"current.json", "staged.json", "chroma.sqlite3"}
    replaced = [name for name in before.keys() & after.keys() if after[name] != before[name]]
    assert {Path(name).name for name in replaced} <= noted
    lost = {Path(name).parts[1] for name in before.keys() - after.keys()}
    assert lost == {"snapshots", "facts", "thumbnails", "metadata", "projection", "collection"}
    parts = {"neighbours", "scores", "clusters", "cluster_names", "duplicates", "label_issues", "drift"}
    added = parts | {"measures", "signatures", "snapshots"}
    assert {Path(name).parts[1] for name in after.keys() - before.keys()} == added | lost | {"embeddings"}
    again = run_index(home)
    assert again["image_neighbours"].counts["new"] == 0
    assert again["atlas"].counts["published"] is False
    assert files(home) == after
    assert _unchanged(positions(home)) == _unchanged(shown["positions"])


@pytest.mark.slow
def test_a_file_that_is_added_to_an_earlier_home_is_all_that_is_embedded_and_nothing_else_moves(
    home: Path, shown: dict[str, object], run_index: Index
):
    Image.new("RGB", (64, 48), "teal").save(home / "images" / "new.png")
    steps = run_index(home)
    assert steps["clip_embeddings"].counts["new"] == 2
    assert steps["chroma_collection"].counts["written"] == 2
    found = positions(home)
    assert len(found) == 33
    assert _unchanged(found) == _unchanged(shown["positions"])


def test_what_had_other_pixels_is_embedded_placed_and_searched_anew(home: Path, run_index: Index):
    def vector() -> np.ndarray:
        atlas = opened(home)
        row = atlas._engine.row("c/wide.png")
        return np.array(atlas._engine.vectors[row : row + 1][0])

    before = vector()
    run_index(home)
    after = vector()
    assert np.abs(before - after).max() > 1e-3
    (home / "store" / "embeddings").rename(home / "embeddings of two decoders")
    shutil.rmtree(home / "store")
    (home / "images" / "c" / "renamed.jpg").rename(home / "images" / "b" / "1.jpg")
    run_index(home)
    assert np.abs(after - vector()).max() < 1e-4  # as in a home that never knew the earlier decoder


def _unchanged(places: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: list(place) for name, place in places.items() if name not in ("c/wide.png", "new.png")}
