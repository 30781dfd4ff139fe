"""Several atlases: cards to choose from, and two side by side that answer one query; one of two models."""

import json
import re
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
def address(sample_home: Path, two_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("homes")
    other = Path(shutil.copytree(sample_home, folder / "other"))
    (folder / "empty").mkdir()
    (folder / "empty" / "clipper.toml").write_text('title = "<b>Not yet</b>"')
    told = {"emoji": sample_home, "other": other, "empty": folder / "empty", "models": two_models}
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
    expect(cards(page)).to_have_count(4)
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
    expect(cards(page)).to_have_count(4)
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
    expect(page).to_have_url(f"{address}/compare?left=emoji&right=other&q=like%3Apizza.jpg")
    page.go_back()
    for name in ("left", "right"):
        expect(side(page, name).locator(".results .card").first).to_have_attribute("data-id", "red-heart.jpg")
    page.get_by_label("Atlas on the right").select_option("empty")
    expect(side(page, "right").get_by_role("heading", name="No index yet")).to_be_visible()
    expect(page).to_have_url(re.compile("right=empty"))
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


# Of each map on the page, its own first: the label of each star, and the pixels of its picture.
MAPS = """() => {
    const all = [...Bokeh.documents[0]._all_models.values()]
    const figures = all.filter((model) => model.type === "Figure").sort((a, b) => (a.name ? 1 : -1))
    return figures.map((figure) => {
        const sources = figure.renderers.map((renderer) => renderer.data_source)
        const stars = sources.find((source) => source.data.star)
        const image = sources.find((source) => source.data.image)
        return [[...stars.data.label], image.data.image[0].length]
    })
}"""


def maps(page: Any, *, query: str, count: int) -> None:
    """Wait until so many maps have a picture and the star of a query, and no more are there."""
    for _ in within_a_minute(page):
        found = page.evaluate(MAPS)
        if len(found) == count and all(stars == [query] and pixels > 4 for stars, pixels in found):
            return
    raise AssertionError(f"the maps are {page.evaluate(MAPS)}")


def choose_model(page: Any, label: str, model: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=model, exact=True).click()


def selected(page: Any, count: int) -> None:
    expect(page.get_by_role("tab", name="Selection")).to_have_text(f"Selection{count}")


@pytest.mark.slow
def test_maps_of_two_models_have_one_query_and_one_selection_also_in_a_link_and_in_a_narrow_window(
    visit: Visit, address: str
) -> None:
    seen = visit(f"{address}/models?q=cat", width=1500)
    page, beside = seen.page, ".map-beside .outline-over"
    toggle = page.locator(".legend-card .fold .toggle")
    if toggle.get_attribute("aria-expanded") == "false":  # the legend begins folded
        toggle.click()
    choose_model(page, "And beside it", "other")
    expect(page.locator(".title-over")).to_contain_text("other")
    maps(page, query="cat", count=2)
    expect(page.locator(".models")).to_be_hidden()  # two maps are narrow: the legend folds by itself
    expect(page.locator(".legend-card .fold .toggle")).to_contain_text("Map by clip-emoji")
    page.keyboard.press("b")
    box = page.locator(beside).bounding_box()
    page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.98 * box["width"], box["y"] + 0.97 * box["height"], steps=5)
    page.mouse.up()
    selected(page, 24)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.wait_for_function("location.search.includes('chosen=')")
    link = page.url
    again = visit(link, width=420)
    selected(again.page, 24)
    expect(again.page.locator(".map-beside")).to_be_hidden()
    again.page.locator(".legend-card .fold .toggle").click()
    expect(again.page.get_by_label("Beside it, in a wider window", exact=True)).to_be_visible()
    again.page.locator(".legend-card .fold .toggle").click()
    assert again.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    again.page.set_viewport_size({"width": 1500, "height": 800})
    expect(again.page.locator(".title-over")).to_contain_text("other")
    maps(again.page, query="cat", count=2)
    page.get_by_role("button", name="Close this map").click()
    expect(page.locator(".title-over")).to_have_count(0)
    maps(page, query="cat", count=1)
    expect(page.locator(".models")).to_be_visible()  # and unfolds when the map has its room again
    choose_model(page, "Map by", "other")
    page.wait_for_url("**model=other**")
    maps(page, query="cat", count=1)
    selected(page, 24)
    clean(seen)
    clean(again)


@pytest.mark.slow
def test_a_link_to_two_maps_that_is_opened_in_a_narrow_window_has_the_query_on_both_once_there_is_room(
    visit: Visit, address: str
) -> None:
    """The second map came to the page after its first query, which it then never showed."""
    seen = visit(f"{address}/models?q=cat&beside=other", width=420)
    seen.page.wait_for_timeout(1_000)  # the second map is made, and has no room
    seen.page.set_viewport_size({"width": 1500, "height": 800})
    expect(seen.page.locator(".title-over")).to_contain_text("other")
    maps(seen.page, query="cat", count=2)
    clean(seen)
