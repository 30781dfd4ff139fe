"""Choose on the map, see what is chosen, tag and export it, step through it, send somebody a link to it."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import ask, clean, colour_by, ranges, screen, settled, within_a_minute
from homes import engine_of
from panel_server import serving
from playwright.sync_api import expect

from clipper.store import tags
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]
CLIPBOARD = """Object.defineProperty(navigator, "clipboard",
    {value: {writeText: async (text) => { window.copied = text }}})"""

# Press a key and look, before the server can have answered, whether a tool is in hand.
IN_HAND_AFTER = """(key) => {
    document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}))
    const models = [...Bokeh.documents[0]._all_models.values()]
    const buttons = models.find((model) => model.css_classes?.includes("map-buttons"))
    const root = Bokeh.index.find_one(buttons.children[0]).shadow_el
    return root.querySelector(".tool[aria-pressed=true]") !== null
}"""


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, to be tagged."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("acting") / "home", symlinks=True))


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield f"{address}/viewer"


def drag(page: object, corners: list[tuple[float, float]], *, holding: str = "") -> None:
    """Drag over map positions."""
    if holding:
        page.keyboard.down(holding)
    page.mouse.move(*screen(page, *corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*screen(page, *corner), steps=4)
    page.mouse.up()
    if holding:
        page.keyboard.up(holding)


def count(page: object) -> int:
    text = page.get_by_role("tab", name="Selection").text_content()
    return int(text.removeprefix("Selection").replace(",", "") or 0)


def choose_results(page: object, query: str) -> None:
    """Ask, and choose the first page of what is found."""
    ask(page, query)
    page.wait_for_selector(".results .score")
    page.get_by_role("tab", name="Selection").click()
    page.get_by_text("The 60 results").click()
    chosen(page, 60)


def chosen(page: object, number: int) -> None:
    chosen_about(page, number, give=0)


def chosen_about(page: object, number: int, *, give: int) -> int:
    """The number of chosen images, once it is as expected, give or take some."""
    for _ in within_a_minute(page):
        if abs((chosen_now := count(page)) - number) <= give:
            return chosen_now
    raise AssertionError(f"{count(page)} are chosen, not {number}")


def test_a_box_a_lasso_shift_and_alt_choose_what_lies_within(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page, xy = seen.page, engine_of(home).xy
    settled(page)
    seen_now = ranges(page)
    middle = (seen_now["x0"] + seen_now["x1"]) / 2, (seen_now["y0"] + seen_now["y1"]) / 2
    x0, x1, y0, y1 = middle[0] - 2.5, middle[0] - 0.5, middle[1] - 2, middle[1] + 2

    def within(a: float, b: float, c: float, d: float) -> int:
        return int(((xy[:, 0] > a) & (xy[:, 0] < b) & (xy[:, 1] > c) & (xy[:, 1] < d)).sum())

    page.keyboard.press("b")
    page.wait_for_selector(".outline-over .hint.shown")
    expect(page.get_by_label("Choose with a box")).to_have_attribute("aria-pressed", "true")
    drag(page, [(x0, y0), (x1, y1)])
    page.wait_for_selector(".chosen .card")
    first = chosen_about(page, within(x0, x1, y0, y1), give=2)  # points on the border itself
    assert ranges(page) == seen_now  # drawing is no panning
    for key, shown in ("l", True), ("Escape", False):
        assert page.evaluate(IN_HAND_AFTER, key) is shown  # at once: a person may drag right after
    drag(page, [(x1, y0), (x1 + 2, y1)], holding="Shift")
    both = chosen_about(page, within(x0, x1 + 2, y0, y1), give=4)
    drag(page, [(x1, y0), (x1 + 2, y1)], holding="Alt")
    chosen(page, first)
    assert both > first > 0
    page.keyboard.press("Escape")
    chosen(page, 0)
    page.wait_for_selector("text=Nothing is chosen yet")
    clean(seen)


@pytest.mark.slow
def test_a_finger_adds_and_takes_away_without_a_keyboard(visit: Visit, url: str) -> None:
    seen = visit(url, touch=True)
    page = seen.page
    settled(page)
    touch = page.context.new_cdp_session(page)
    now = ranges(page)
    x, y = (now["x0"] + now["x1"]) / 2, (now["y0"] + now["y1"]) / 2

    def draw(x0: float, x1: float) -> None:
        path = [screen(page, x0 + (x1 - x0) * i / 8, y - 2 + 4 * i / 8) for i in range(9)]
        for kind, (px, py) in zip(["touchStart", *["touchMove"] * 8], path, strict=True):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": px, "y": py}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def mode(name: str) -> None:
        page.get_by_role("group", name="What drawing does").get_by_role("button", name=name).tap()
        page.wait_for_selector(f".mode[aria-pressed=true]:text-is('{name}')")

    page.get_by_label("Choose with a box").tap()
    page.wait_for_selector(".outline-over .hint.shown")
    draw(x - 2.5, x - 0.5)
    page.wait_for_selector(".chosen .card")
    first = count(page)
    page.wait_for_selector(".outline-over .hint:not(.shown)", state="attached")  # done, as with a mouse
    page.get_by_label("Choose with a box").tap()
    mode("Add")
    draw(x - 0.5, x + 1.5)
    for _ in within_a_minute(page):
        if count(page) > first:
            break
    assert count(page) > first
    mode("Take away")
    draw(x - 0.5, x + 1.5)
    chosen(page, first)
    page.get_by_role("button", name="Done").tap()
    page.wait_for_selector(".outline-over .hint:not(.shown)", state="attached")
    assert ranges(page) == now
    clean(seen)


def test_what_is_chosen_is_tagged_exported_and_copied(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url, before=CLIPBOARD)
    page = seen.page
    choose_results(page, "cat")
    page.wait_for_selector("text=All 60 results are chosen")
    expect(page.get_by_text("Add the 60 results")).to_have_count(0)
    page.get_by_label("Tag the chosen images").fill('cats, "><img src=x onerror=alert(1)>')
    page.keyboard.press("Enter")
    page.wait_for_selector(".chosen .chip.tagged >> nth=1")
    assert {len(images) for images in tags.read(Home(home)).values()} == {60}
    got = {}
    for label, kind in (("CSV table", "csv"), ("ZIP of originals", "zip")):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=label).click()
        assert download.value.suggested_filename == f"Emoji-selection.{kind}"
        got[kind] = Path(download.value.path()).read_bytes()
    rows = list(csv.DictReader(io.StringIO(got["csv"].decode(), newline="")))
    assert len(rows) == 60
    assert json.loads(rows[0]["tags"]) == ['"><img src=x onerror=alert(1)>', "cats"]
    archive = zipfile.ZipFile(io.BytesIO(got["zip"]))
    assert archive.read("cat-face.jpg") == (home / "images" / "cat-face.jpg").read_bytes()
    page.get_by_text("Copy ids").click()
    page.wait_for_selector("text=60 ids copied")
    assert set(page.evaluate("window.copied").split("\n")) == {row["id"] for row in rows}
    page.get_by_label("Remove the tag cats from the chosen images").click()
    page.wait_for_selector(".chosen .chip.tagged >> nth=1", state="detached")
    assert len(tags.read(Home(home))) == 1
    clean(seen)


@pytest.mark.slow
def test_a_tag_filters_and_colours_at_once_for_all_who_look(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    choose_results(page, "red heart")
    page.get_by_label("Tag the chosen images").fill("hearts, seen")
    page.keyboard.press("Enter")
    colour_by(page, "Tags")
    page.wait_for_selector(".legend .toggle >> text=hearts")
    page.get_by_role("tab", name="Filter").click()
    facet = page.locator("section.facet[aria-label='Tags']")
    facet.get_by_text("hearts").click()
    page.wait_for_selector(".filters .passing b:text-is('60')")
    page.wait_for_url("**filters=*")
    other = visit(page.url)
    other.page.wait_for_selector(".filters .passing b:text-is('60')")
    other.page.wait_for_selector(".legend .toggle >> text=hearts")
    tags.remove(Home(home), "hearts")
    for one in (seen, other):
        one.page.wait_for_selector(".filters .chip", state="detached")
        one.page.wait_for_selector(".legend .toggle >> text=seen")
        clean(one)
    tags.remove(Home(home), "seen")


@pytest.mark.slow
def test_a_link_opens_the_same_picture_and_back_goes_back(visit: Visit, url: str) -> None:
    seen = visit(url)
    page = seen.page
    settled(page)
    home_view = ranges(page)
    ask(page, "cat")
    page.wait_for_selector(".results h2:text-is('cat')")
    page.wait_for_url("**?q=cat")
    drag(page, [(1, -2), (4, -2), (4, 2), (1, 2)], holding="Shift")
    page.wait_for_selector(".chosen .card")
    number = count(page)
    page.mouse.move(*screen(page, 2, 0))
    page.mouse.wheel(0, -240)
    page.wait_for_url("**at=*")
    page.locator(".chosen .card").nth(2).click()
    page.wait_for_selector(".detail .sheet")
    name = page.locator(".detail h2").inner_text()
    page.wait_for_url("**open=*")
    expect(page.locator(".detail h2")).to_be_focused()  # else the key goes from card to card
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f".detail h2:text-is('{name}')", state="detached")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f".detail h2:text-is('{name}')")
    settled(page)
    link, view = page.url, ranges(page)
    other = visit(link, ready=False)
    other.page.wait_for_selector(f".detail h2:text-is('{name}')")
    chosen(other.page, number)
    expect(other.page.locator(".results h2")).to_have_text("cat")
    assert ranges(other.page) == pytest.approx(view, rel=1e-4, abs=1e-3)
    expect(other.page).to_have_url(link)
    for back in (lambda: page.wait_for_selector(".detail .sheet", state="detached"), lambda: chosen(page, 0),
                 lambda: page.wait_for_selector(".suggestions", state="attached")):  # fmt: skip
        page.go_back()
        back()
    settled(page)
    assert ranges(page) == pytest.approx(home_view, rel=1e-3, abs=1e-2)
    page.go_forward()
    page.wait_for_selector(".results h2:text-is('cat')", state="attached")
    for one in (seen, other):
        clean(one)


@pytest.mark.slow
def test_a_link_holds_threshold_and_switches_and_back_turns_a_switch(visit: Visit, url: str) -> None:
    seen = visit(url)
    page = seen.page
    ask(page, "cat")
    page.wait_for_url("**?q=cat")
    page.wait_for_selector(".results .score")
    settled(page)
    slider = page.get_by_label("Least similarity of a result")
    slider.focus()
    for _ in range(6):
        page.keyboard.press("PageUp")
    page.wait_for_function(
        "(value) => Math.abs(Number(new URLSearchParams(location.search).get('cut')) - value) < 1e-4",
        arg=float(slider.input_value()),
    )  # of the last key
    page.get_by_role("switch", name="Fold near-identical").click()
    page.wait_for_url("**fold=1*")
    heading = page.locator(".results .heading .muted")
    expect(heading).to_contain_text("≥")
    other = visit(page.url, ready=False)
    expect(other.page.locator(".results .heading .muted")).to_contain_text("≥")
    for _ in within_a_minute(page):
        if heading.inner_text() == other.page.locator(".results .heading .muted").inner_text():
            break
    said = heading.inner_text()
    expect(other.page.locator(".results .heading .muted")).to_have_text(said)
    other.page.wait_for_selector(".results .switch[aria-checked=true] >> text=Fold")
    assert float(other.page.get_by_label("Least similarity of a result").input_value()) == pytest.approx(
        float(slider.input_value()), abs=1e-4
    )
    page.go_back()
    page.wait_for_selector(".results .switch[aria-checked=false] >> text=Fold")
    expect(page.locator(".results .heading .muted")).to_have_text(said)  # the threshold stays
    page.get_by_role("tab", name="Filter").click()
    page.wait_for_url("**panel=filter*")
    for one in (seen, other):
        clean(one)


@pytest.mark.slow
@pytest.mark.parametrize("search", [
    "?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E", "?at=1,2&filters=%7B%22a%22:1%7D&%ff=%00",
    "?open=../../clipper.toml&colour=%3Cscript%3Ealert(1)%3C/script%3E", "?at=1e300,0,1e-300",
    "?at=NaN,1e999,-1&chosen=%5B%7B%22how%22:%22only%22,%22shape%22:5%7D%5D", "?chosen=" + "%5B" * 900,
])  # fmt: skip
def test_a_hostile_link_opens_a_page_that_works(visit: Visit, url: str, search: str) -> None:
    seen = visit(f"{url}{search}")
    settled(seen.page)
    page = seen.page
    ask(page, "dog")
    page.wait_for_selector(".results h2:text-is('dog')")
    page.wait_for_url("**q=dog*")
    clean(seen)


@pytest.mark.slow
def test_keys_have_a_list_the_image_is_seen_large_and_the_theme_is_remembered(visit: Visit, url: str) -> None:
    seen = visit(url)
    page = seen.page
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] >> text=Lasso")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.locator(".results .card").first.click()
    page.wait_for_selector(".detail .sheet")
    page.locator(".detail button.stage").click()
    page.wait_for_selector("dialog.light[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.light[open]", state="detached")
    expect(page.locator(".detail .sheet")).to_have_count(1)
    page.get_by_role("button", name="Choose", exact=True).click()
    page.wait_for_selector(".detail [aria-pressed=true]")
    chosen(page, 1)
    page.keyboard.press("Escape")
    page.locator(".status button.line").click()
    page.wait_for_selector(".overview .bars >> text=JPEG")
    expect(page.locator(".overview .runs li")).to_contain_text("+1,870 new")
    page.keyboard.press("Escape")
    page.wait_for_selector(".overview .bars", state="hidden")
    page.get_by_label("Toggle theme").click()
    page.wait_for_function("document.cookie.includes('clipper-theme=light')")
    page.reload()
    page.wait_for_selector(".results .card")
    ground = page.locator(".map-area").evaluate("el => getComputedStyle(el).backgroundColor")
    assert ground == "rgb(250, 251, 252)"
    clean(seen)


@pytest.mark.slow
def test_the_gallery_goes_on_while_one_scrolls(visit: Visit, url: str) -> None:
    seen = visit(url)
    page = seen.page
    page.get_by_role("tab", name="Selection").click()
    page.get_by_text("All 1,870").click()
    chosen(page, 1870)
    for _ in within_a_minute(page, every=100):
        page.locator(".chosen .end").scroll_into_view_if_needed()
        if page.locator(".chosen .card").count() >= 400:
            break
    ids = page.locator(".chosen .card").evaluate_all("els => els.map((el) => el.dataset.id)")
    assert len(ids) == len(set(ids)) >= 400
    clean(seen)
