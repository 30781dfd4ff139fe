"""Images and names stand for the clusters of the map: they appear, stay, answer, and can be left out."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import changed, ranges, settled, within_a_minute
from panel_server import serving
from PIL import Image
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]


@pytest.fixture
def named_url(sample_copy: Path) -> Iterator[str]:
    """A sample whose clusters a test may name."""
    with serving(sample_copy) as address:
        yield f"{address}/viewer"


# The boxes of names and of cards, in pixels of the page.
BOXES = """els => els.filter((el) => el.offsetParent !== null).map((el) => {
    const {left, right, top, bottom} = el.getBoundingClientRect()
    return [left, right, top, bottom]
})"""


def names(page: Any) -> Any:
    return page.locator(".names-over .name")


def touch(one: list[float], other: list[float]) -> bool:
    return one[0] < other[1] and one[1] > other[0] and one[2] < other[3] and one[3] > other[2]


def layer(page: Any, label: str) -> Any:
    return page.get_by_role("switch", name=label, exact=True)


def test_names_appear_and_one_selects_its_cluster(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    expect(names(page).first).to_be_visible()
    settled(page)
    shown = names(page).evaluate_all(BOXES)
    assert len(shown) >= 4
    cards = page.locator(".legend-card, .map-buttons").evaluate_all(BOXES)
    assert not [1 for i, box in enumerate(shown) for other in [*shown[:i], *cards] if touch(box, other)]
    name = page.locator(".names-over .name:visible").first
    count = int(name.get_attribute("aria-label").rsplit(", ", 1)[1].split()[0].replace(",", ""))
    name.click()
    page.wait_for_selector(".chosen .card")
    expect(page.locator(".chosen h2")).to_contain_text(f"{count:,} image")
    page.wait_for_function("location.search.includes('cluster')")
    assert seen.errors == []


@pytest.mark.slow
def test_enter_on_a_name_selects_its_cluster_and_a_link_repeats_it(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    expect(names(page).first).to_be_visible()
    settled(page)  # a finer picture brings other names
    page.locator(".names-over .name:visible").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".chosen .card")
    page.wait_for_function("location.search.includes('cluster')")
    chosen = page.locator(".chosen h2").inner_text()
    other = visit(page.url).page
    expect(other.locator(".chosen h2")).to_have_text(chosen)


@pytest.mark.slow
def test_a_cluster_is_renamed_in_place_and_another_page_shows_it(visit: Visit, named_url: str) -> None:
    seen, other = visit(f"{named_url}?colour=:cluster"), visit(f"{named_url}?colour=:cluster")
    page = seen.page
    settled(page)
    page.locator(".names-over .name:visible").first.click()
    title = page.locator(".chosen .cluster-name")
    expect(title).to_have_text(re.compile("."))
    found = title.inner_text()
    title.click()
    page.keyboard.type("not this")
    page.keyboard.press("Escape")
    expect(title).to_have_text(found)
    page.get_by_role("button", name=f"Rename {found}").click()
    page.keyboard.type("<i>my</i> own")
    page.keyboard.press("Enter")
    expect(title).to_have_text("<i>my</i> own")
    expect(page.get_by_role("button", name="Rename <i>my")).to_be_focused()
    for one in (page, other.page):
        expect(one.locator(".names-over .name", has_text="<i>my</i> own")).to_be_visible()
        expect(one.locator(".legend", has_text="<i>my</i> own")).to_be_visible()
    title.click()
    page.get_by_label("Name of the cluster").fill("")
    page.keyboard.press("Enter")
    expect(title).to_have_text(found)
    expect(page.locator(".chosen .card").first).to_be_visible()
    assert (seen.errors, other.errors) == ([], [])


@pytest.mark.slow
def test_the_map_moves_when_dragged_or_wheeled_on_a_name(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    expect(names(page).first).to_be_visible()
    settled(page)
    before, box = ranges(page), page.locator(".names-over .name:visible").first.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] - 30, steps=5)
    page.mouse.up()
    settled(page)
    moved, now = ranges(page), page.locator(".names-over .name:visible").first.bounding_box()
    assert moved["x0"] != before["x0"]
    assert moved["x1"] - moved["x0"] == pytest.approx(before["x1"] - before["x0"])
    assert page.locator(".chosen .card").count() == 0
    page.mouse.move(now["x"] + 10, now["y"] + 10)
    page.mouse.wheel(0, -240)
    for _ in within_a_minute(page):
        if ranges(page)["x1"] - ranges(page)["x0"] < 0.95 * (moved["x1"] - moved["x0"]):
            return
    raise AssertionError("the wheel did not zoom")


@pytest.mark.slow
def test_images_and_names_can_be_left_out_and_the_address_says_so(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    expect(names(page).first).to_be_visible()
    both = settled(page)
    layer(page, "Names").click()
    expect(names(page)).to_have_count(0)
    page.wait_for_function("location.search.includes('names=0')")
    layer(page, "Images").click()
    changed(page, both)
    page.wait_for_function("location.search.includes('faces=0')")
    other = visit(f"{viewer_url}?names=0").page
    expect(layer(other, "Names")).to_have_attribute("aria-checked", "false")
    expect(layer(other, "Images")).to_have_attribute("aria-checked", "true")
    expect(names(other)).to_have_count(0)
    layer(other, "Names").click()
    expect(names(other).first).to_be_visible()
    other.wait_for_function("!location.search.includes('names=0')")


@pytest.mark.slow
@pytest.mark.parametrize("zoom", [0, 3])
def test_no_image_comes_or_goes_while_the_map_is_dragged(visit: Visit, viewer_url: str, zoom: int) -> None:
    page = visit(f"{viewer_url}?names=0", width=1200, height=760).page
    box = page.locator(".clipper-map").bounding_box()
    middle = box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.45
    page.mouse.move(*middle)
    for _ in range(zoom):
        page.mouse.wheel(0, -240)
        page.wait_for_timeout(150)

    def drag(right: int, down: int) -> None:
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + right, middle[1] + down, steps=6)
        page.mouse.up()
        page.mouse.move(5, 5)  # no card lies over the images

    drag(20, 10)
    expect(page.locator(".guide-over .hint")).to_be_hidden()  # it lay over the images until the first drag
    before = looked_at(page, box)
    for right, down in ((64, 0), (-23, -40), (0, 57)):
        drag(right, down)
        for _ in within_a_minute(page, every=500):  # the card of what the pointer left may go late
            now = looked_at(page, box)
            change = largest_change(before, np.roll(now, (-down, -right), (0, 1)), margin=70)
            if change < 12:
                break
        assert change < 12
        before = now


def looked_at(page: Any, box: dict[str, float]) -> np.ndarray:
    """The right half of the map as it is on the screen, at rest; the cards are elsewhere or small."""
    clip = {"x": box["x"] + box["width"] / 2, "y": box["y"], "width": box["width"] / 2 - 60, "height": 480}
    last = b""
    for _ in within_a_minute(page, every=300):
        settled(page)
        seen = page.screenshot(clip=clip)
        if seen == last:
            return np.asarray(Image.open(io.BytesIO(seen)).convert("RGB"), float)
        last = seen
    raise AssertionError("the map never looked the same twice")


def largest_change(one: np.ndarray, other: np.ndarray, *, margin: int) -> float:
    """The mean difference of the squares of 16 pixels that differ the most, away from the edges."""
    change = np.abs(one - other).mean(axis=2)[margin:-margin, margin:-margin]
    height, width = (side // 16 * 16 for side in change.shape)
    squares = change[:height, :width].reshape(height // 16, 16, width // 16, 16)
    return float(squares.mean(axis=(1, 3)).max())
