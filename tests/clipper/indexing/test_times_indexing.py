"""Times and shared columns through real runs: what EXIF and a source say, as every reader files it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from homes import engine_of, indexed, written
from made_images import picture

import clipper
from clipper.atlas.frames import column_axis
from clipper.atlas.own_filter import part_filter, passing
from clipper.export.drawing.colours import colour_by

DAYS = [f"2024-03-{day:02d}" for day in range(1, 11)]


def photo(path: Path, taken: str, *, offset: str = "", iso: int = 0) -> None:
    image = picture()
    image.paste((17 * iso % 251, hash_of(path.name), 9), (0, 0, 9, 9))
    exif = image.getexif()
    exposure = exif.get_ifd(0x8769)
    exposure[0x9003] = taken
    if offset:
        exposure[0x9011] = offset
    if iso:
        exposure[0x8827] = iso
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)


def hash_of(name: str) -> int:
    return sum(name.encode()) % 251


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """Ten photos of eight in the morning on ten days, each second one with an offset; tables of dates."""
    home = tmp_path_factory.mktemp("travelled") / "home"
    for i, day in enumerate(DAYS):
        offset = ("+09:00" if i % 4 == 1 else "-08:00") if i % 2 else ""
        photo(home / "images" / f"{i}.jpg", f"{day.replace('-', ':')} 08:00:00", offset=offset, iso=100 + i)
    rows = [f"{i}.jpg,{3 * i + 1}/3/2024,{i}" for i in range(10)]
    (home / "images" / "metadata.csv").write_text("\n".join(["file_name,scanned,batch", *rows]) + "\n")
    return indexed(home, model_folder)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """Six photos, and a scan of which metadata.json says in words what EXIF says of the others."""
    home = tmp_path_factory.mktemp("scanned") / "home"
    for i in range(6):
        photo(home / "images" / f"{i}.jpg", f"2024:03:0{i + 1} 08:00:00", iso=100 * 2**i)
    picture().resize((90, 70)).save(home / "images" / "scan.jpg")
    told = {"iso": "Portra 400", "width": "9 cm", "taken_at": "spring 1998"}
    (home / "images" / "metadata.json").write_text(json.dumps({"scan": told}))
    return indexed(home, model_folder)


def test_python_has_the_wall_clock_and_the_instant_beside_it(travelled: Path):
    with clipper.open(travelled) as atlas:
        table = atlas.metadata.sort_index()
    assert table["taken_at"].dt.strftime("%Y-%m-%d %H:%M").tolist() == [f"{day} 08:00" for day in DAYS]
    assert table["taken_at_utc"].isna().tolist() == [True, False] * 5
    assert table["taken_at_utc"].iloc[1] == pd.Timestamp("2024-03-01T23:00Z")
    assert table["taken_at_utc"].iloc[3] == pd.Timestamp("2024-03-04T16:00Z")
    assert "scanned_utc" not in table


@pytest.mark.parametrize("day", range(10))
def test_a_filter_of_a_day_finds_the_photo_of_that_day(travelled: Path, day: int):
    engine = engine_of(travelled)
    found = passing(engine, part_filter(engine, f"taken_at = {DAYS[day]}")[0])
    assert [engine.ids[row] for row in np.flatnonzero(found)] == [f"{day}.jpg"]
    engine.close()


def test_maps_and_axes_of_a_time_go_by_the_wall_clock(travelled: Path):
    engine = engine_of(travelled)
    days = np.array([engine.ids.index(f"{i}.jpg") for i in range(10)])
    axis = column_axis(engine, engine.columns["taken_at"], jitter=np.zeros(len(engine)))
    assert np.diff(axis.values[days]).tolist() == [86_400] * 9
    colours = colour_by(engine, "taken_at")
    assert colours.texts == (DAYS[0], DAYS[-1])
    engine.close()


def test_dates_of_a_table_are_times_and_the_run_says_how_it_read_them(travelled: Path):
    with clipper.open(travelled) as atlas:
        assert atlas.columns["scanned"].role == "time"
        assert atlas.metadata["scanned"]["4.jpg"] == pd.Timestamp("2024-03-13")
        assert atlas.columns["batch"].type == "int"


def notes_of(steps: dict[str, Any]) -> list[str]:
    return list(steps["image_metadata"].notes)


def test_one_scan_in_words_leaves_what_exif_says_of_the_others(
    scanned: Path, run_index: Callable[[Path], dict[str, Any]]
):
    with clipper.open(scanned) as atlas:
        table = atlas.metadata
        assert table["iso"].dtype == "Int64"
        assert table["iso"].dropna().tolist() == [100 * 2**i for i in range(6)]
        assert table["width"]["scan.jpg"] == 90
        assert atlas.columns["taken_at"].role == "time"
        assert table["taken_at"].notna().sum() == 6
        told = {name: table[f"metadata_{name}"]["scan.jpg"] for name in ("iso", "width", "taken_at")}
        assert told == {"iso": "Portra 400", "width": "9 cm", "taken_at": "spring 1998"}
    before = written(scanned)
    notes = notes_of(run_index(scanned))
    assert written(scanned) == before
    for name in ("iso", "width", "taken_at"):
        assert sum(f"'metadata_{name}'" in note and "metadata.json" in note for note in notes) == 1
