"""Damaged files in a run: a column to filter by, or skipped, as the setting says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from homes import images, opened
from PIL import Image

from clipper.indexing.staging.workspace import Step

Index = Callable[[Path], dict[str, Step]]


@pytest.fixture
def cut_home(indexed_home: Path) -> Path:
    """A home with a file that ends early and one of which nothing is left, not indexed with them yet."""
    whole = images(indexed_home)[0].read_bytes()
    (indexed_home / "images" / "cut.jpg").write_bytes(whole[:-2])
    (indexed_home / "images" / "head.jpg").write_bytes(whole[:200])
    return indexed_home


def set_damaged(home: Path, value: str) -> None:
    config = home / "clipper.toml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("damaged")]
    config.write_text("\n".join([*lines, f'damaged = "{value}"', ""]))


def reasons(home: Path) -> dict[str, str]:
    failures = opened(home).failures
    return dict(zip(failures["id"], failures["reason"], strict=True))


def damages(home: Path) -> dict[str, str]:
    engine = opened(home)._engine
    told = {image_id: engine.metadata(row).get("damage") for row, image_id in enumerate(engine.ids)}
    return {image_id: words for image_id, words in told.items() if words}


def test_a_file_that_ends_early_is_on_the_map_and_its_damage_is_a_column(cut_home: Path, run_index: Index):
    assert "damage" not in opened(cut_home)._engine.columns
    steps = run_index(cut_home)
    assert damages(cut_home) == {"cut.jpg": "ends early"}
    assert set(reasons(cut_home)) == {"head.jpg"}
    assert steps["clip_embeddings"].counts["new"] == 1
    [note] = steps["image_facts"].notes
    assert "1 damaged file(s)" in note
    assert "cut.jpg" in note
    assert 'damaged = "skip"' in note
    columns = opened(cut_home)._engine.columns
    assert columns["damage"].type == "str"
    assert not [name for name in columns if name.startswith("_")]


def test_skipped_files_are_named_and_come_and_go_with_the_setting(cut_home: Path, run_index: Index):
    set_damaged(cut_home, "skip")
    steps = run_index(cut_home)
    assert steps["clip_embeddings"].counts["new"] == 0
    assert set(reasons(cut_home)) == {"cut.jpg", "head.jpg"}
    assert "ends early" in reasons(cut_home)["cut.jpg"]
    assert steps["image_facts"].failures.keys() == {"cut.jpg", "head.jpg"}
    assert not steps["image_facts"].notes
    again = run_index(cut_home)
    assert again["image_facts"].counts["new"] == again["clip_embeddings"].counts["new"] == 0
    assert set(reasons(cut_home)) == {"cut.jpg", "head.jpg"}
    set_damaged(cut_home, "index")
    assert run_index(cut_home)["clip_embeddings"].counts["new"] == 1
    assert damages(cut_home) == {"cut.jpg": "ends early"}
    set_damaged(cut_home, "skip")
    back = run_index(cut_home)
    assert back["image_facts"].counts["new"] == 0
    assert set(reasons(cut_home)) == {"cut.jpg", "head.jpg"}


def test_a_damaged_photo_is_still_compared_with_its_whole_copy(cut_home: Path, run_index: Index):
    run_index(cut_home)
    engine = opened(cut_home)._engine
    pair = engine.vectors[[engine.row("cut.jpg"), engine.row(images(cut_home)[0].name)]]
    assert float(np.dot(*pair)) > 0.9


def test_white_drawings_on_nothing_are_apart(indexed_home: Path, run_index: Index):
    for name, box in (("round", (8, 8, 120, 120)), ("thin", (60, 4, 68, 124))):
        image = Image.new("RGBA", (128, 128), (255, 255, 255, 0))
        image.paste((255, 255, 255, 255), box)
        image.save(indexed_home / "images" / f"{name}.png")
    run_index(indexed_home)
    engine = opened(indexed_home)._engine
    pair = engine.vectors[[engine.row("round.png"), engine.row("thin.png")]]
    assert float(np.dot(*pair)) < 0.99
    assert engine.needs_conversion(engine.row("round.png"))
