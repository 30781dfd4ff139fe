"""A gallery to work in: larger and smaller images, sorted, grouped and selected."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import ask, clean, results, settled, soon, within_a_minute
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]
WHOLE = """els => els.filter((el) => {
    const box = el.querySelector(".frame").getBoundingClientRect(), status = innerHeight - 37
    return box.width > 0 && box.top >= 0 && box.bottom <= status && box.right <= innerWidth
}).length"""


@pytest.mark.slow
def test_the_slider_shows_dozens_of_whole_images_beside_an_open_map(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url, width=1440, height=900)
    page = seen.page
    page.get_by_role("slider", name="Size of the images").fill("5")
    page.locator(".results .card").nth(47).wait_for()
    soon(page, lambda: page.locator(".results .card").evaluate_all(WHOLE) >= 36)
    page.reload()
    page.locator(".results .card").nth(47).wait_for()  # the browser remembers the size
    soon(page, lambda: page.locator(".results .card").evaluate_all(WHOLE) >= 36)
    page.get_by_role("slider", name="Size of the images").fill("90")
    expect(page.locator(".results .card img").first).to_have_attribute("src", re.compile("/img/medium/"))
    clean(seen)


def test_all_images_are_listed_sorted_and_grouped(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.get_by_label("Sort by").first.select_option("uniqueness")
    page.wait_for_function("location.search.includes('sort=uniqueness')")
    page.get_by_label("Group by").first.select_option("group")
    expect(page.locator(".results .group-heading").first).to_have_text("People & Body 363")
    scores = page.locator(".results .score").all_text_contents()
    assert [float(score) for score in scores] == sorted(map(float, scores), reverse=True)
    for _ in within_a_minute(page):  # to the next group, page by page
        page.locator(".results .card").last.scroll_into_view_if_needed()
        if page.locator(".results .group-heading").count() > 1:
            break
    expect(page.locator(".results .group-heading").nth(1)).to_have_text("Flags 269")
    ask(page, "a cat")
    page.wait_for_function("location.search.includes('q=')")
    expect(page.locator(".results .group-heading").first).to_be_visible()
    clean(seen)


def test_images_are_selected_as_files_are(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    cards = page.locator(".results .card")
    cards.nth(1).click(modifiers=["Control"])
    cards.nth(5).click(modifiers=["Shift"])
    expect(page.locator(".results .card.chosen")).to_have_count(5)
    cards.nth(2).focus()
    page.keyboard.press("Space")
    expect(page.locator(".results .card.chosen")).to_have_count(4)
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".results .card.chosen")).to_have_count(5)
    page.get_by_role("button", name="Select images of this list").click()
    page.get_by_role("menuitem", name="Swap selected and not selected").click()
    expect(page.get_by_role("tab", name="Selection").locator(".badge")).to_have_text("1,865")
    page.get_by_role("button", name="Select images of this list").click()
    page.get_by_role("menuitem", name="Select none").click()
    expect(page.locator(".results .card.chosen")).to_have_count(0)
    cards.nth(2).focus()
    page.keyboard.press("Control+a")
    expect(page.get_by_role("tab", name="Selection").locator(".badge")).to_have_text("1,870")
    assert len(results(page)) >= 24
    clean(seen)


@pytest.mark.slow
def test_two_to_four_images_are_compared_side_by_side(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    for at in range(3):
        page.locator(".results .card").nth(at).click(modifiers=["Control"])
        expect(page.locator(".results .card.chosen")).to_have_count(at + 1)
    page.get_by_role("tab", name="Selection").click()
    page.get_by_role("button", name="Compare").click()
    dialog = page.locator("dialog.comparison[open]")
    expect(dialog.locator(".stage img")).to_have_count(3)
    page.keyboard.press("+")
    moves = dialog.locator(".stage img").evaluate_all("els => els.map((el) => el.style.transform)")
    assert len(set(moves)) == 1
    assert "scale(1.5)" in moves[0]
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("tab", name="Results").click()
    page.locator(".results .card").nth(5).click()
    page.locator(".detail button.stage").click()
    picture = page.locator("dialog.light[open] .stage img")
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    expect(picture).to_have_attribute("style", re.compile(r"scale\(2\.2"))
    page.keyboard.press("0")
    expect(picture).to_have_attribute("style", re.compile(r"scale\(1\)"))
    clean(seen)
