"""Everything answers everything: a selection, a typed filter and the charts show one part of the whole."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from helpers import clean, settled, within_a_minute
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]
EDGE = 3  # pixels: rounding


def open_panel(page: Any) -> None:
    page.get_by_role("tab", name="Filter").click()
    page.wait_for_selector(".facet")


def block(page: Any, column: str) -> Any:
    return page.locator(f"section.facet[aria-label='{column}']")


def value(page: Any, column: str, name: str) -> Any:
    return block(page, column).locator(".value").filter(has_text=name)


def widths(line: Any) -> list[float]:
    """The widths of a value's bars: of all its images, and of those in the part."""
    return line.locator(".fill i").evaluate_all(
        "bars => bars.map((bar) => bar.getBoundingClientRect().width)"
    )


def select_all_in_view(page: Any) -> int:
    """Draw a box over the middle of the map; return how many images it selects."""
    page.keyboard.press("b")
    box = page.locator(".outline-over").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    page.mouse.up()
    tab = page.get_by_role("tab", name="Selection")
    for _ in within_a_minute(page):
        count = tab.locator("span").last.inner_text().replace(",", "")
        if count.isdigit():
            return int(count)
    raise AssertionError("nothing was selected")


def test_a_selection_shows_in_legend_charts_and_status_as_part_of_the_whole(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page, quiet=300)
    chosen = select_all_in_view(page)
    open_panel(page)
    expect(page.locator(".counted")).to_contain_text(f"{chosen:,} selected of 1,870")
    expect(page.locator(".status .said")).to_contain_text(f"{chosen:,} of 1,870 images")
    lines = block(page, "group").locator(".value").all_inner_texts()
    parts = [int(text.split("\n")[-1].split("/")[0].replace(",", "")) for text in lines]
    assert sum(parts) == chosen
    # The server updates the legend after the panel.
    expect(page.locator(".legend .line .of").first).to_be_attached()
    legend = page.locator(".legend .line .count").all_inner_texts()
    assert [int(text.split("/")[0]) for text in legend] == parts
    assert any("/" in text for text in legend)
    for line in block(page, "group").locator(".value").all():
        whole, part = widths(line)
        assert part <= whole + EDGE
    first = block(page, "subgroup").locator(".name").all_inner_texts()
    page.get_by_role("switch", name="Over-represented first").click()
    expect(page.get_by_role("switch", name="Over-represented first")).to_have_attribute(
        "aria-checked", "true"
    )
    for _ in within_a_minute(page):
        if block(page, "subgroup").locator(".name").all_inner_texts() != first:
            break
    top = block(page, "subgroup").locator(".value").first
    assert float(top.get_attribute("title").split("; ")[1].split()[0]) > 1
    clean(seen)


def test_a_line_of_text_and_the_charts_are_one_filter(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    open_panel(page)
    line = page.get_by_role("combobox", name="Filter as a line of text")
    line.click()
    line.press_sequentially("gro")
    expect(page.get_by_role("option")).to_contain_text(["group", "subgroup"])
    line.press("Tab")
    expect(line).to_have_value("group ")
    line.press_sequentially("= an")
    expect(page.get_by_role("option")).to_have_text(["Animals & Nature152"])
    line.press("ArrowDown")
    expect(line).to_have_attribute("aria-activedescendant", "filter-option-0")
    line.press("Enter")
    expect(line).to_have_value('group = "Animals & Nature" ')
    line.press("Enter")
    expect(page.locator(".filters .passing b")).to_have_text("152")
    expect(value(page, "group", "Animals & Nature")).to_have_attribute("aria-pressed", "true")
    line.press_sequentially("and byts > 3000")
    line.press("Enter")
    expect(page.locator(".problem")).to_have_text("There is no column “byts”. Did you mean “bytes”?")
    expect(page.locator(".mirror u")).to_have_text("byts")
    expect(line).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".filters .passing b")).to_have_text("152")  # what is wrong changes nothing
    value(page, "group", "Food & Drink").click()
    expect(line).to_have_value('group in ("Animals & Nature", "Food & Drink")')
    expect(page.locator(".problem")).to_be_empty()
    expect(page.locator(".filters .passing b")).to_have_text("285")
    line.fill("")
    line.press("Enter")
    page.wait_for_selector(".filters .passing", state="detached")
    clean(seen)


def test_bars_are_clear_of_their_text_and_have_the_colours_of_the_map(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    open_panel(page)
    names = page.locator("section.facet").evaluate_all(
        "all => all.map((el) => el.getAttribute('aria-label'))"
    )
    assert names[0] == "group"
    assert names.index("name") > names.index("bytes") > names.index("subgroup")  # texts come last
    assert block(page, "group").locator(".value").count() == 9  # no "1 more"
    expect(block(page, "group").locator(".more")).to_be_hidden()
    swatches = page.locator(".legend .swatch").evaluate_all(
        "all => all.map((el) => getComputedStyle(el).backgroundColor)"
    )
    bars = block(page, "group").locator(".fill i:last-child")
    assert bars.evaluate_all("all => all.map((el) => getComputedStyle(el).backgroundColor)") == swatches
    for line in page.locator(".facet .value:visible").all()[:12]:
        text, bar = line.locator(".words-of").bounding_box(), line.locator(".fill").bounding_box()
        assert text["y"] + text["height"] <= bar["y"]
    clean(seen)
