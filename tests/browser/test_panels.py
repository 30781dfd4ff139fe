"""Room to work: panels are moved, resized, opened together and closed, and stay as a person left them."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask, clean, settled, within_a_minute
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]
SEVERAL = "~results,60/~filter,selection:~table,insights:55:34"  # groups beside each other, and one below
PANELS = {
    "Results": "results", "Filter": "filtering", "Selection": "chosen", "Insights": "insights-area",
    "Table": "table",
}  # fmt: skip


def arrange(page: Any, role: str, entry: str) -> None:
    """Choose an entry of the menu of arrangements and panels."""
    page.get_by_role("button", name="Arrange the panels").click()
    page.get_by_role(role, name=entry).click()


def width_of(page: Any, selector: str) -> float:
    return page.locator(selector).bounding_box()["width"]


@pytest.mark.slow
def test_the_splitter_makes_the_panel_wider_and_the_next_visit_finds_it_so(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    before, box = width_of(page, ".map-area"), page.locator(".side").bounding_box()
    page.mouse.move(box["x"] - 3, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] - 203, box["y"] + 300, steps=5)
    page.mouse.up()
    page.wait_for_function("location.search.includes('layout=')")
    assert before - width_of(page, ".map-area") == pytest.approx(200, abs=4)
    page.goto(viewer_url)
    page.wait_for_selector(".results .card")
    settled(page)
    assert before - width_of(page, ".map-area") == pytest.approx(200, abs=4)
    clean(seen)


def test_panels_are_open_together_beside_the_map_and_below_it(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.get_by_role("tab", name="Filter").click()
    page.get_by_role("button", name="Move or close Filter").click()
    page.get_by_role("menuitem", name="Open below the map").click()
    expect(page.locator(".under .facet").first).to_be_visible()
    expect(page.locator(".side .results")).to_be_visible()
    below, above = page.locator(".under").bounding_box(), page.locator(".map-area").bounding_box()
    assert below["y"] >= above["y"] + above["height"]
    page.get_by_role("tab", name="Selection").click()
    page.get_by_role("button", name="Move or close Selection").click()
    page.get_by_role("menuitem", name="Open in a column of its own").click()
    expect(page.locator(".side .chosen")).to_be_visible()
    expect(page.locator(".side .results")).to_be_visible()
    page.wait_for_function("/layout=.*selection.*filter/.test(location.search)")
    link = page.evaluate("location.href")
    other = visit(link).page  # another person, without this one's cookie
    for panel in (".side .results", ".side .chosen", ".under .filtering"):
        expect(other.locator(panel)).to_be_visible()
    clean(seen)


@pytest.mark.slow
def test_a_person_can_leave_the_map_alone_and_still_open_an_image(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    arrange(page, "menuitemradio", "Present")
    expect(page.locator(".side")).to_be_hidden()
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    wait_for_width(page, ".map-area", 1280)
    ask(page, "a cat")
    page.wait_for_function("location.search.includes('q=')")
    settled(page)
    expect(page.locator(".side")).to_be_hidden()  # a search does not take the map's room
    arrange(page, "menuitemcheckbox", "Results")
    page.locator(".results .card").first.click()
    expect(page.locator(".detail").first).to_be_visible()
    arrange(page, "menuitemcheckbox", "Results")
    expect(page.locator(".detail").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".side")).to_be_hidden()
    clean(seen)


def test_the_arrangements_are_chosen_by_keyboard(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.get_by_role("button", name="Arrange the panels").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".side .filtering")).to_be_visible()
    expect(page.locator(".side .results")).to_be_visible()
    page.get_by_role("button", name="Arrange the panels").click()
    expect(page.get_by_role("menuitemradio", name="Curate")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    clean(seen)


@pytest.mark.slow
def test_keys_and_the_menu_give_the_panels_more_room(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    first = width_of(page, ".side")
    page.keyboard.press("]")
    page.wait_for_function("location.search.includes('layout=')")
    wait_for_width(page, ".side", first + 64)
    page.keyboard.press("[")
    wait_for_width(page, ".side", first)
    page.get_by_role("button", name="Arrange the panels").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    for more in (64, 128):  # the menu stays open, and the entry keeps the focus
        page.keyboard.press("Enter")
        wait_for_width(page, ".side", first + more)
    expect(page.get_by_role("menuitem", name="Higher panels below")).to_be_hidden()
    page.keyboard.press("Escape")
    for _ in range(8):
        page.keyboard.press("[")
    wait_for_width(page, ".side", 264)  # the least
    page.keyboard.press("]")
    wait_for_width(page, ".side", 264 + 64)
    clean(seen)


def test_a_narrow_page_shows_one_panel_of_a_link_with_several_and_tabs_lead_to_the_others(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(f"{viewer_url}?layout={SEVERAL}&q=cat", width=420, height=800)
    expect(seen.page.locator(".results h2")).to_have_text("cat")  # an answer shows the results
    for shown in ("Results", "Table", "Filter", "Insights", "Selection", "Results"):
        seen.page.get_by_role("tab", name=shown).click()
        for name, part in PANELS.items():
            expect(seen.page.locator(f".group > .{part}")).to_be_visible(visible=name == shown)
    clean(seen)


@pytest.mark.slow
def test_keys_move_the_splitter_between_panels_and_the_next_visit_and_a_link_find_it_so(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(f"{viewer_url}?layout=~results/~filter,insights:~table:55:34", width=1440)
    page = seen.page
    splitter = page.get_by_role("separator", name="Between Results and Filter")
    expect(splitter).to_have_attribute("aria-valuenow", "50")
    expect(splitter).to_have_attribute("aria-orientation", "vertical")
    splitter.focus()
    before = width_of(page, ".side .results")
    room = width_of(page, ".side")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    expect(splitter).to_have_attribute("aria-valuenow", "60")
    wait_for_width(page, ".side .results", before + room / 10)
    page.wait_for_function("location.search.includes('results,60/')")
    expect(page.locator(".detail").first).to_be_hidden()  # nor do arrows open an image, as they do elsewhere
    for key, name in (("Home", "min"), ("End", "max")):
        page.keyboard.press(key)
        expect(splitter).to_have_attribute("aria-valuenow", splitter.get_attribute(f"aria-value{name}"))
    wait_for_width(page, ".side .filtering", 180)  # the least
    page.keyboard.press("ArrowLeft")
    expect(splitter).to_have_attribute("aria-valuenow", "72")
    page.wait_for_function("[location.search, document.cookie].every((text) => /results,7[12]/.test(text))")
    link = page.evaluate("location.href")
    page.goto(viewer_url)
    expect(splitter).to_have_attribute("aria-valuenow", "72")
    other = visit(link, width=1440).page  # another person, without this one's cookie
    wait_for_width(other, ".side .results", room * 0.72 - 3)  # half of the splitter is on its side
    clean(seen)


def test_keys_move_the_splitters_beside_the_map(visit: Visit, viewer_url: str) -> None:
    seen = visit(f"{viewer_url}?layout=~results,filter,insights:~table:40:34", width=1440)
    page = seen.page
    beside = page.get_by_role("separator", name="Between the map and Results")
    below = page.get_by_role("separator", name="Between the map and Table")
    expect(beside).to_have_attribute("aria-orientation", "vertical")
    expect(below).to_have_attribute("aria-orientation", "horizontal")
    expect(beside).to_have_attribute("aria-valuenow", "60")
    expect(below).to_have_attribute("aria-valuenow", "66")
    beside.focus()
    page.keyboard.press("ArrowLeft")
    expect(beside).to_have_attribute("aria-valuenow", "55")
    wait_for_width(page, ".side", 1440 * 0.45 - 3)
    below.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    expect(below).to_have_attribute("aria-valuenow", "61")
    beside.focus()
    page.keyboard.press("Home")
    wait_for_width(page, ".map-area", 280)  # the least
    page.keyboard.press("End")
    wait_for_width(page, ".side", 264)
    expect(page.locator(".detail").first).to_be_hidden()
    clean(seen)


def wait_for_width(page: Any, selector: str, width: float) -> None:
    for _ in within_a_minute(page):
        if width_of(page, selector) == pytest.approx(width, abs=5):
            return
    raise AssertionError(f"{selector} is {width_of(page, selector)} pixels wide, not {width}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height"), [(640, 360), (420, 800), (768, 1024), (1024, 700), (1440, 900), (2560, 1300)]
)
def test_every_control_is_within_the_page_at_every_width(
    visit: Visit, viewer_url: str, width: int, height: int
) -> None:
    seen = visit(viewer_url, width=width, height=height)
    page = seen.page
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Lasso", "Box", "Zoom in", "Zoom out", "Whole map", "Arrange the panels"):
        box = page.get_by_role("button", name=name).first.bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width, name
        assert box["y"] + box["height"] <= height, name
    expect(page.locator(".results .card").first).to_be_attached()
    clean(seen)
