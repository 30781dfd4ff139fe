"""Charts that are filters, in the panel and in the legend: what is pressed shows everywhere."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask, changed, colour_by, settled, within_a_minute
from panel_server import serving
from playwright.sync_api import expect

from clipper.indexing import run
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]


def passing(page: Any) -> int:
    return int(page.locator(".filters .passing b").inner_text().replace(",", ""))


def block(page: Any, column: str) -> Any:
    return page.locator(f"section.facet[aria-label='{column}']")


def open_panel(page: Any) -> None:
    page.get_by_role("tab", name="Filter").click()
    page.wait_for_selector(".facet")


def wait_for_passing(page: Any, *, other_than: int) -> int:
    for _ in within_a_minute(page, every=30):
        if page.locator(".filters .passing b").count() and passing(page) != other_than:
            return passing(page)
    raise AssertionError("no filter took effect")


def test_charts_filter_the_map_the_counts_and_the_results(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    before = settled(page, quiet=300)
    open_panel(page)
    block(page, "group").get_by_text("Animals & Nature").click()
    expect(page.locator(".filters .passing b")).to_have_text("152")
    before = changed(page, before)
    legend = page.locator(".legend .line:not(.off)").all_inner_texts()
    assert [line.split() for line in legend] == [["Animals", "&", "Nature", "152"]]
    expect(block(page, "subgroup")).to_contain_text("0 / 258")
    ends = block(page, "bytes").get_by_role("slider")
    ends.first.focus()
    page.keyboard.press("Shift+ArrowRight")
    narrower = wait_for_passing(page, other_than=152)
    assert narrower < 152
    expect(ends.first).to_have_attribute("aria-valuenow", "5")
    block(page, "name").get_by_role("searchbox").fill("CAT")
    few = wait_for_passing(page, other_than=narrower)
    page.get_by_role("tab", name="Results").click()
    page.wait_for_selector(f".results h3:has-text('{few} images')")
    expect(page.locator(".results .label")).to_have_count(few)
    names = page.locator(".results .label").all_inner_texts()
    assert all("cat" in name.lower() for name in names)
    page.get_by_label(re.compile("Remove the filter name")).click()
    expect(page.locator(".filters .passing b")).to_have_text(str(narrower))
    page.get_by_text("Clear filters").click()
    page.wait_for_selector(".filters .passing", state="detached")
    changed(page, before)
    assert seen.errors == []


@pytest.mark.slow
def test_a_brush_is_drawn_moved_and_taken_away(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    open_panel(page)
    plot = block(page, "bytes").locator(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], y, steps=4)
    page.mouse.up()
    some = wait_for_passing(page, other_than=1870)
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], y, steps=4)
    page.mouse.up()
    wait_for_passing(page, other_than=some)
    page.mouse.click(box["x"] + 0.7 * box["width"], y)
    page.wait_for_selector(".filters .passing", state="detached")
    assert seen.errors == []


@pytest.mark.slow
def test_the_legend_hides_and_isolates_and_similarity_colours_every_image(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.locator(".legend .toggle", has_text="Flags").click()
    expect(page.locator(".filters .passing b")).to_have_text("1,601")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # "only", beside it
    expect(page.locator(".filters .passing b")).to_have_text("269")
    page.get_by_text("Clear filters").click()
    page.wait_for_selector(".filters .passing", state="detached")
    colour_by(page, "Search similarity")
    page.wait_for_selector(".legend .hint:has-text('Search for something')")
    before = settled(page, quiet=300)
    ask(page, "red heart")
    page.wait_for_selector(".results h2:has-text('red heart')")
    before = changed(page, before)
    box = page.locator(".legend .plot").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.5 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], y, steps=4)
    page.mouse.up()
    page.wait_for_url("**cut=0.*,0.*")
    for _ in within_a_minute(page):  # each step of the drag filters
        listed = wait_for_passing(page, other_than=1870)
        if f"{listed:,} of 1,870 images" in page.locator(".results .heading .muted").inner_text():
            break
    else:
        raise AssertionError("the heading and the filter count differently")
    before = changed(page, before)
    page.get_by_label("Remove the filter Similarity").click()
    page.wait_for_selector(".filters .passing", state="detached")
    changed(page, before)
    assert seen.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1024, 768), (420, 800), (360, 640)])
def test_the_panel_and_the_header_fit_smaller_windows(
    visit: Visit, viewer_url: str, width: int, height: int
) -> None:
    seen = visit(viewer_url, width=width, height=height)
    page = seen.page
    open_panel(page)
    block(page, "group").locator(".value").first.click()
    wait_for_passing(page, other_than=1870)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    side = page.locator(".side").bounding_box()
    for part in (".filtering", ".filters", ".side [role=tablist]"):
        box = page.locator(part).first.bounding_box()
        assert box["x"] >= side["x"] - 1
        assert box["x"] + box["width"] <= width + 1
    assert page.locator(".filtering").bounding_box()["height"] > 120
    for button in page.locator("header button:visible").all():
        box = button.bounding_box()
        assert box["x"] + box["width"] <= width, button.get_attribute("aria-label")
    assert seen.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Pacific/Kiritimati", 14)])
def test_times_of_files_are_shown_in_the_zone_of_the_browser_and_say_so(
    visit: Visit, small_home: Path, zone: str, hours: int
) -> None:
    noon = int(datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp())
    for i, path in enumerate(sorted((small_home / "images").iterdir())):
        os.utime(path, (noon + i, noon + i))
    run.index(Settings.load(small_home))
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer", zone=zone)
        open_panel(seen.page)
        modified = block(seen.page, "File modified")
        expect(modified.locator("h3")).to_contain_text(zone)
        first = datetime(2024, 3, 1, 12, tzinfo=UTC) + timedelta(hours=hours)
        expect(modified).to_contain_text(first.strftime("%Y-%m-%d %H:%M"))
        assert (seen.errors, seen.elsewhere) == ([], [])
