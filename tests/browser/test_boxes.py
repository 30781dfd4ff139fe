"""Boxes of objects over pictures: at the right place, in every view of an image, on and off."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import clean, soon, still
from panel_server import serving
from PIL import Image
from playwright.sync_api import expect

from clipper.indexing import run
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]
WIDE, PLAIN, MANY = "0-wide.jpg", "2-plain.jpg", 500


@pytest.fixture(scope="module")
def labelled_url(once_indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A home with an image of 400 x 200 pixels with three boxes, and one of 500 x 500 with 500."""
    home = tmp_path_factory.mktemp("labelled") / "home"
    shutil.copytree(once_indexed, home)
    Image.new("RGB", (400, 200), "teal").save(home / "images" / WIDE)
    Image.new("RGB", (500, 500), "olive").save(home / "images" / "1-many.jpg")
    Image.new("RGB", (300, 300), "navy").save(home / "images" / PLAIN)
    images = [
        {"id": 1, "file_name": WIDE, "width": 400, "height": 200},
        {"id": 2, "file_name": "1-many.jpg", "width": 500, "height": 500},
    ]
    boxes = [(1, 1, [40, 20, 200, 100]), (1, 1, [300, 100, 40, 40]), (1, 2, [0, 0, 50, 50])]
    boxes += [(2, 1, [i % 25 * 20, i // 25 * 25, 15, 15]) for i in range(MANY)]
    document = {
        "images": images,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "<b>dog</b>"}],
        "annotations": [{"image_id": i, "category_id": c, "bbox": b} for i, c, b in boxes],
    }
    (home / "images" / "coco.json").write_text(json.dumps(document))
    run.index(Settings.load(home))
    with serving(home) as address:
        yield f"{address}/viewer"


def opened(visit: Visit, url: str, image: str = WIDE, **how: Any) -> SimpleNamespace:
    seen = visit(f"{url}?open={image}", **how)
    expect(seen.page.locator(".sheet .boxes rect").first).to_be_attached()
    return seen


def place_of(box: Any, image: Any) -> list[float]:
    """The place of a box in shares of a picture that is 2 to 1 and fits into its element."""
    outer = still(image)  # a sheet that opens rises
    inner = box.bounding_box()
    height = min(outer["height"], outer["width"] / 2)
    left = outer["x"] + (outer["width"] - 2 * height) / 2
    top = outer["y"] + (outer["height"] - height) / 2
    return [
        (inner["x"] - left) / (2 * height),
        (inner["y"] - top) / height,
        inner["width"] / (2 * height),
        inner["height"] / height,
    ]


def test_boxes_lie_on_their_objects_in_the_sheet_and_over_the_page(visit: Visit, labelled_url: str):
    seen = opened(visit, labelled_url)
    page = seen.page
    there = pytest.approx([0.1, 0.1, 0.5, 0.5], abs=0.02)
    sheet = page.locator(".sheet .picture")
    soon(page, lambda: place_of(sheet.locator("rect:not(.under)").first, sheet.locator("img")) == there)
    expect(sheet.locator(".boxes")).to_have_attribute("aria-label", "3 objects: 2 cat, 1 <b>dog</b>")
    expect(sheet.locator("text")).to_have_text(["cat", "<b>dog</b>", "cat"])
    sheet.locator(".stage").click()
    large = page.locator("dialog.light .stage")
    expect(large.locator("rect:not(.under)")).to_have_count(3)
    soon(page, lambda: place_of(large.locator("rect:not(.under)").first, large.locator("img")) == there)
    letters = large.locator("text").first.bounding_box()["height"]
    for _ in range(3):
        page.keyboard.press("+")
    soon(page, lambda: place_of(large.locator("rect:not(.under)").first, large.locator("img")) == there)
    assert large.locator("text").first.bounding_box()["height"] == pytest.approx(letters, rel=0.1)
    clean(seen)


def test_a_picture_of_any_shape_is_whole_over_the_page(visit: Visit, labelled_url: str):
    for image in (WIDE, "1-many.jpg"):
        page = opened(visit, labelled_url, image).page
        page.locator(".sheet .picture button").click()
        stage = page.locator("dialog.light .stage")
        expect(stage.locator("img")).to_be_visible()
        outer, inner = stage.bounding_box(), stage.locator("img").bounding_box()
        assert [inner[side] for side in ("width", "height")] == pytest.approx(
            [outer[side] for side in ("width", "height")], abs=3
        )


def test_the_switch_hides_the_boxes_everywhere_and_is_remembered(visit: Visit, labelled_url: str):
    seen = opened(visit, labelled_url)
    page = seen.page
    switch = page.locator(".sheet").get_by_role("button", name="Boxes")
    switch.focus()
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".sheet .boxes")).to_be_hidden()
    page.reload()
    page.wait_for_selector(".sheet .full")
    expect(page.locator(".sheet .boxes")).to_be_hidden()
    page.locator(".sheet .stage").click()
    page.locator("dialog.light").get_by_role("button", name="Boxes").click()
    expect(page.locator("dialog.light .boxes")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".sheet .boxes")).to_be_visible()
    clean(seen)


def test_many_boxes_are_drawn_without_names(visit: Visit, labelled_url: str):
    seen = opened(visit, labelled_url, "1-many.jpg")
    expect(seen.page.locator(".sheet .boxes rect:not(.under)")).to_have_count(MANY)
    expect(seen.page.locator(".sheet .boxes text")).to_have_count(0)
    clean(seen)


def test_an_image_without_labels_has_no_boxes_and_no_switch(visit: Visit, labelled_url: str):
    seen = visit(f"{labelled_url}?open={PLAIN}")
    seen.page.wait_for_selector(".sheet .full")
    expect(seen.page.locator(".sheet .boxes rect")).to_have_count(0)
    expect(seen.page.locator(".sheet").get_by_role("button", name="Boxes")).to_have_count(0)
    clean(seen)


def test_the_switch_stands_over_images_that_are_compared(visit: Visit, labelled_url: str):
    seen = visit(labelled_url)
    page = seen.page
    cards = page.locator(".results .card")
    for at in (0, 1):
        cards.nth(at).click(modifiers=["Control"])
    page.get_by_role("tab", name="Selection").click()
    page.get_by_role("button", name="Compare").click()
    switch = page.locator("dialog.comparison[open]").get_by_role("button", name="Boxes")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    clean(seen)
