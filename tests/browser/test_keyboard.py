"""The page without a mouse, and what is legible on it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
Visit = Callable[..., SimpleNamespace]

FOCUSED = """() => {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) { el = el.shadowRoot.activeElement }
  return el?.getAttribute("aria-label") ?? el?.textContent ?? ""
}"""


def contrast(one: str, other: str) -> float:
    """The contrast of two CSS colours, as WCAG 2.2 defines it (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""

    def luminance(colour: str) -> float:
        channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_whoever_opens_an_image_by_keyboard_is_in_its_sheet_and_comes_back(
    visit: Visit, viewer_url: str
) -> None:
    page = visit(viewer_url).page
    ask(page, "cat")
    page.wait_for_selector(".results h2:has-text('cat')")
    card = page.locator(".results .card").nth(2)
    card.focus()
    name = page.evaluate(FOCUSED)
    page.keyboard.press("Enter")
    page.wait_for_selector(".detail .sheet")
    page.wait_for_function(f"({FOCUSED})() !== {name!r}")
    reached: list[Any] = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert "Close details" in reached
    page.keyboard.press("Escape")
    page.wait_for_function(f"({FOCUSED})() === {name!r}")


@pytest.mark.slow
def test_a_list_of_images_is_one_stop_and_arrows_go_through_it(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    ask(page, "cat")
    page.wait_for_selector(".results h2:has-text('cat')")
    names = page.locator(".results .card").evaluate_all("(all) => all.map((el) => el.ariaLabel)")
    page.locator(".results .card").first.focus()
    for key, at in (("ArrowRight", 1), ("ArrowDown", 4), ("ArrowLeft", 3), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(FOCUSED) == names[at], key
    expect(page.locator(".detail .sheet")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert "indexed" in page.evaluate(FOCUSED)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == names[1]


@pytest.mark.slow
def test_whoever_opens_the_overview_by_keyboard_is_in_it_and_comes_back(
    visit: Visit, viewer_url: str
) -> None:
    page = visit(viewer_url).page
    line = page.get_by_title("About this dataset")
    line.focus()
    name = page.evaluate(FOCUSED)
    page.keyboard.press("Enter")
    page.wait_for_function(f"({FOCUSED})() === 'Emoji'")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Close the overview"
    page.keyboard.press("Enter")
    page.wait_for_function(f"({FOCUSED})() === {name!r}")


FOUND = """(name) => {
  const find = (root) => {
    for (const el of root.querySelectorAll("*")) {
      const found = el.matches(name) ? el : el.shadowRoot && find(el.shadowRoot)
      if (found) { return found }
    }
    return null
  }
  const {color, backgroundColor, outlineStyle} = getComputedStyle(find(document))
  return {color, backgroundColor, outlineStyle}
}"""


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_refused_can_be_read(visit: Visit, viewer_url: str, theme: str) -> None:
    page = visit(viewer_url, theme=theme).page
    ask(page, "like:nothing-has-this-name")
    page.wait_for_selector(".results .error")
    ink, paper = page.evaluate(FOUND, ".error")["color"], page.evaluate(FOUND, ".side")["backgroundColor"]
    assert contrast(ink, paper) > 7


@pytest.mark.slow
def test_a_click_on_the_map_leaves_no_line_round_it(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    page.mouse.click(500, 700)
    assert page.evaluate(FOUND, ".bk-events")["outlineStyle"] == "none"
