"""Finding one's way on the map: the small map, the scale, the end of zooming, and words where they help."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import arrived, clean, ranges, settled, soon, within_a_minute
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]


def unit(page: object) -> float:
    seen = ranges(page)
    return (seen["x1"] - seen["x0"]) / seen["w"]


@pytest.mark.slow
def test_the_first_words_go_for_good_once_a_person_has_moved_the_map(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    words = page.locator(".guide-over .hint")
    expect(words).to_be_visible()
    expect(words).to_have_text("Drag to move, scroll to zoom, click an image")
    for key, are_there in ("b", False), ("Escape", True):  # with a tool in hand a drag does something else
        page.keyboard.press(key)
        expect(words).to_be_visible(visible=are_there)
    box = page.locator(".clipper-map").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6)
    page.mouse.wheel(0, -240)
    expect(words).to_be_hidden()
    page.reload()
    page.wait_for_selector(".results .card")
    settled(page)
    expect(words).to_be_hidden()
    clean(seen)


def test_the_small_map_shows_the_part_in_view_and_a_drag_on_it_moves_the_view(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    small = page.locator(".minimap")
    expect(small).to_be_hidden()
    before = ranges(page)
    for _ in range(3):
        page.get_by_label("Zoom in").click()
        before = arrived(page, before)
    expect(small).to_be_visible()
    frame, box = small.locator(".frame").bounding_box(), small.bounding_box()
    assert frame["width"] < 0.5 * box["width"]
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 30, steps=4)
    page.mouse.up()
    after = arrived(page, before)
    assert after["x0"] < before["x0"]
    assert after["y1"] > before["y1"]
    assert after["x1"] - after["x0"] == pytest.approx(before["x1"] - before["x0"])
    frame = small.locator(".frame")
    middle = "el => el.getBoundingClientRect().x + el.getBoundingClientRect().width / 2"
    soon(page, lambda: abs(frame.evaluate(middle) - (box["x"] + 20)) < 3)
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    expect(small).to_be_hidden()
    clean(seen)


@pytest.mark.slow
def test_a_narrow_map_has_no_small_map(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url, width=420, height=860).page
    settled(page)
    page.get_by_label("Zoom in").click()
    settled(page)
    expect(page.locator(".minimap")).to_be_hidden()


@pytest.mark.slow
def test_the_scale_says_how_alike_images_are_at_a_distance_more_so_the_nearer_one_comes(
    visit: Visit, viewer_url: str
) -> None:
    page = visit(viewer_url).page
    settled(page)
    scale = page.locator(".scale .figure")
    expect(scale).to_have_text(re.compile(r"similarity ≈ 0\.\d\d"))
    far = float(scale.inner_text().split()[-1])
    before = ranges(page)
    for _ in range(3):
        page.get_by_label("Zoom in").click()
        before = arrived(page, before)
    for _ in within_a_minute(page):
        if float(scale.inner_text().split()[-1]) > far + 0.1:
            return
    raise AssertionError("nearer images are not more alike")


@pytest.mark.slow
def test_zooming_ends_where_nothing_more_is_to_be_seen_both_ways(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    settled(page)
    first = unit(page)
    box = page.locator(".clipper-map").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.55)
    for _ in range(40):
        page.mouse.wheel(0, -400)
        page.wait_for_timeout(30)
    settled(page)
    deepest = unit(page)
    assert 20 < first / deepest < 200
    for _ in range(60):
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(30)
    settled(page)
    assert unit(page) / first == pytest.approx(1.6, abs=0.3)


@pytest.mark.slow
def test_where_nothing_is_in_view_a_word_says_so_and_leads_back(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    first = ranges(page)
    none = page.locator(".map-area .none")
    expect(none).to_be_hidden()
    box = page.locator(".clipper-map").bounding_box()
    for _ in range(2):
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.9)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + box["height"] * 0.01, steps=5)
        page.mouse.up()
    expect(none).to_contain_text("No images here")
    none.get_by_role("button").click()
    expect(none).to_be_hidden()
    for _ in within_a_minute(page):
        if ranges(page) == pytest.approx(first):
            break
    clean(seen)


@pytest.mark.parametrize(("width", "height"), [(640, 360), pytest.param(1280, 800, marks=pytest.mark.slow)])
def test_every_tool_of_the_map_is_in_view(visit: Visit, viewer_url: str, width: int, height: int) -> None:
    page = visit(viewer_url, width=width, height=height).page
    settled(page)
    pane = page.locator(".map-area").bounding_box()
    for button in page.locator(".map-buttons button").all():
        box = button.bounding_box()
        assert box["x"] >= pane["x"]
        assert box["x"] + box["width"] <= pane["x"] + pane["width"]
        assert box["y"] >= pane["y"]
        assert box["y"] + box["height"] <= pane["y"] + pane["height"]
