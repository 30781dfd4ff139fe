"""Several atlases: cards to choose from, and two side by side that answer one query."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from axe import described, violations
from helpers import clean, within_a_minute
from panel_server import serving
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def address(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("homes")
    other = Path(shutil.copytree(sample_home, folder / "other"))
    (folder / "empty").mkdir()
    (folder / "empty" / "clipper.toml").write_text('title = "<b>Not yet</b>"')
    told = {"emoji": sample_home, "other": other, "empty": folder / "empty"}
    homes = json.dumps({name: str(home) for name, home in told.items()})
    with serving(None, environment={"CLIPPER_HOMES": homes}) as url:
        yield url


def cards(page: Any) -> Any:
    return page.locator(".card")


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 420)])
def test_cards_are_chosen_by_keys_and_lead_to_their_atlas_and_back(
    visit: Visit, address: str, scheme: str, width: int
) -> None:
    seen = visit(address, ready=False, scheme=scheme, width=width)
    page = seen.page
    expect(cards(page)).to_have_count(3)
    expect(cards(page).nth(0)).to_contain_text("1,870 images")
    expect(cards(page).nth(2)).to_contain_text("<b>Not yet</b>")
    expect(cards(page).nth(2)).to_contain_text("clipper index")
    drawn = "els => els.every((el) => el.naturalWidth === 320)"
    for _ in within_a_minute(page):
        if page.locator(".card img").evaluate_all(drawn):
            break
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert (found := violations(page)) == [], described(found)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Compare two")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/emoji**")
    page.wait_for_selector(".results .card")
    loaded = "els => els.some((el) => el.naturalWidth > 0 && el.currentSrc.includes('/emoji/img/'))"
    for _ in within_a_minute(page):
        if page.locator(".results .card img").evaluate_all(loaded):
            break
    page.locator("header a").first.click()
    expect(cards(page)).to_have_count(3)
    clean(seen)


def side(page: Any, name: str) -> Any:
    return page.frame_locator(f"iframe[name={name}]")


def test_two_atlases_answer_one_query_and_the_address_holds_it(visit: Visit, address: str) -> None:
    seen = visit(f"{address}/compare?left=emoji&right=other&q=like:red-heart.jpg", ready=False, width=1500)
    page = seen.page
    for name in ("left", "right"):
        expect(side(page, name).locator(".results .card").first).to_have_attribute("data-id", "red-heart.jpg")
    page.get_by_label("Search both").fill("like:pizza.jpg")
    page.keyboard.press("Enter")
    for name in ("left", "right"):
        expect(side(page, name).locator(".results .card").first).to_have_attribute("data-id", "pizza.jpg")
    assert page.url.endswith("?left=emoji&right=other&q=like%3Apizza.jpg")
    page.go_back()
    for name in ("left", "right"):
        expect(side(page, name).locator(".results .card").first).to_have_attribute("data-id", "red-heart.jpg")
    page.get_by_label("Atlas on the right").select_option("empty")
    expect(side(page, "right").get_by_role("heading", name="No index yet")).to_be_visible()
    assert "right=empty" in page.url
    clean(seen)


@pytest.mark.slow
def test_a_narrow_window_stacks_two_atlases_and_a_strange_address_shows_the_first_two(
    visit: Visit, address: str
) -> None:
    strange = "left=../../x&right=%3Cscript%3Ealert(1)%3C/script%3E&q=%3Cimg src=x onerror=alert(1)%3E"
    seen = visit(f"{address}/compare?{strange}", ready=False, width=420)
    page = seen.page
    expect(side(page, "left").locator(".results .card").first).to_be_attached()
    tops = page.locator("iframe").evaluate_all("els => els.map((el) => el.getBoundingClientRect().top)")
    assert tops[1] - tops[0] >= 300
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert (found := violations(page)) == [], described(found)
    assert [option.input_value() for option in page.locator("select").all()] == ["emoji", "other"]
    clean(seen)
