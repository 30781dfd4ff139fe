"""axe-core finds nothing serious or critical in any state of the page, in both themes."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from axe import GRAVE, described, violations
from helpers import ask, settled, within_a_minute
from panel_server import serving
from PIL import Image
from playwright.sync_api import expect

from clipper.atlas import Atlas
from clipper.indexing import run
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with smaller copies of some pictures, to be compared, and with tags."""
    home = tmp_path_factory.mktemp("accessible") / "home"
    shutil.copytree(sample_home, home, symlinks=True)
    copy_some(home)
    return home


def copy_some(home: Path) -> None:
    for file in sorted((home / "images").glob("*.jpg"))[::300]:
        with Image.open(file) as opened:
            small = opened.convert("RGB").resize((opened.width * 2 // 3, opened.height * 2 // 3))
        small.save(file.with_name(f"{file.stem}-small.png"))
    run.index(Settings.load(home))
    with Atlas(Settings.load(home)) as atlas:
        atlas.tags.add(["cat-face.jpg", "cat.jpg"], "felines")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield f"{address}/viewer"


def seems_fine(page: Any) -> None:
    """Check what axe-core says of the page once it has come to rest: a theme may still be on its way."""
    for _ in within_a_minute(page, every=500):
        grave = [found for found in violations(page) if found["impact"] in GRAVE]
        if not grave:
            return
    raise AssertionError(described(grave))


def search(page: Any) -> None:
    ask(page, "a cat")
    page.wait_for_function("location.search.includes('q=')")
    page.wait_for_selector(".results .score")
    settled(page)


def filter_wrongly(page: Any) -> None:
    page.get_by_role("tab", name="Filter").click()
    page.wait_for_selector(".facet")
    page.locator("section.facet[aria-label='group']").get_by_text("Animals & Nature").click()
    expect(page.locator(".filters .passing")).to_be_visible()
    line = page.get_by_role("combobox", name="Filter as a line of text")
    line.fill("nothing = 3")
    line.press("Enter")
    expect(page.locator("#filter-problem")).not_to_be_empty()


def offer_filters(page: Any) -> None:
    page.get_by_role("tab", name="Filter").click()
    page.get_by_role("combobox", name="Filter as a line of text").click()
    expect(page.get_by_role("option").first).to_be_visible()


def choose(page: Any) -> None:
    search(page)
    page.get_by_role("tab", name="Selection").click()
    page.get_by_text("The 60 results").click()
    page.wait_for_selector(".chosen .card")
    page.wait_for_selector(".chosen >> text=felines")


def open_image(page: Any) -> None:
    search(page)
    page.locator(".results .card").first.click()
    page.wait_for_selector(".detail .sheet")


def open_overview(page: Any) -> None:
    page.get_by_title("About this dataset").click()
    page.wait_for_selector(".overview .bars")


def choose_columns(page: Any) -> None:
    page.get_by_role("button", name="Choose columns").click()
    expect(page.get_by_role("menuitemcheckbox").first).to_be_visible()


def list_findings(page: Any) -> None:
    page.get_by_role("tab", name="Insights").click()
    page.wait_for_selector(".insights .finding")


def open_finding(page: Any) -> None:
    list_findings(page)
    page.locator(".insights .finding").first.click()
    page.wait_for_selector(".insights .group .card, .insights .grid .card")


def compare(page: Any) -> None:
    list_findings(page)
    page.locator(".insights .finding", has_text="near-duplicates").first.click()
    page.locator(".insights .group").first.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog", name="Compare")).to_be_visible()


def list_keys(page: Any) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def curate(page: Any) -> None:
    arrange(page, "Curate")
    expect(page.locator(".table .rows .row").first).to_be_visible()
    expect(page.locator(".side .facet").first).to_be_visible()


def open_layout_menu(page: Any) -> None:
    page.get_by_role("button", name="Arrange the panels").click()
    expect(page.get_by_role("menuitemradio", name="Present")).to_be_visible()


def present(page: Any) -> None:
    arrange(page, "Present")
    expect(page.locator(".side")).to_be_hidden()


def arrange(page: Any, name: str) -> None:
    open_layout_menu(page)
    page.get_by_role("menuitemradio", name=name).click()


def open_export_menu(page: Any) -> None:
    choose(page)
    page.locator(".chosen").get_by_role("button", name="Export").click()
    expect(page.get_by_role("menuitem").first).to_be_visible()


def compare_three(page: Any) -> None:
    search(page)
    page.locator(".results .card").nth(0).click(modifiers=["Control"])
    page.locator(".results .card").nth(2).click(modifiers=["Shift"])
    page.get_by_role("tab", name="Selection").click()
    page.locator(".chosen").get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog", name="Compare")).to_be_visible()


def undo(page: Any) -> None:
    choose(page)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".undo .toast")).to_be_visible()


def save_a_view(page: Any) -> None:
    page.get_by_role("button", name="Saved views").click()
    page.get_by_label("Name of this view").fill("everything")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog", name="Views")).to_contain_text("everything")


def label(page: Any) -> None:
    page.get_by_role("button", name="Label images by keys").click()
    page.get_by_label("Add a label").fill("sharp")
    page.keyboard.press("Enter")
    expect(page.get_by_title("Label with sharp:")).to_be_visible()


def lay_out_by_words(page: Any) -> None:
    expect(page.locator(".axes-over .word", has_text="indoors")).to_be_visible()
    expect(page.locator(".axes-over canvas.glide")).to_have_count(0)


def open_colour_menu(page: Any) -> None:
    page.locator(".clipper-colour").get_by_role("combobox").click()
    expect(page.get_by_role("listbox", name="Colour by")).to_be_visible()


def nothing(_page: Any) -> None:
    """Leave the page as it first was."""


class State(NamedTuple):
    """How a page comes into a state, from its first view."""

    reach: Callable[[Any], None]
    query: str = ""
    width: int = 1280


STATES: Mapping[str, State] = {
    "first view": State(nothing),
    "search": State(search),
    "filter": State(filter_wrongly),
    "options": State(offer_filters),
    "selection": State(choose),
    "image": State(open_image),
    "overview": State(open_overview),
    "insights": State(list_findings),
    "finding": State(open_finding),
    "compare": State(compare),
    "keys": State(list_keys),
    "curate": State(curate, width=1440),
    "table searched": State(search, "?layout=~results,filter:~table:27:45"),
    "columns": State(choose_columns, "?layout=~results,filter:~table:27:45"),
    "exports": State(open_export_menu),
    "three images": State(compare_three),
    "undone": State(undo),
    "views": State(save_a_view),
    "labels": State(label),
    "axes": State(lay_out_by_words, "?x=outdoors+%3C-%3E+indoors&y=sad+%3C-%3E+happy"),
    "colours": State(open_colour_menu),
    "words": State(nothing, "?colour=:words&words=flag,face,animal"),
    "layout menu": State(open_layout_menu),
    "present": State(present),
    "clusters": State(nothing, "?colour=:cluster"),
    "numbers": State(nothing, "?colour=bytes"),
    "narrow": State(nothing, width=420),
    "narrow filter": State(filter_wrongly, width=420),
    "narrow image": State(open_image, width=420),
}


def test_the_states_of_one_visit(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url).page
    settled(page)
    for reach in (nothing, open_image, list_keys):
        reach(page)
        seems_fine(page)


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_every_state_in_both_themes(visit: Visit, url: str, state: str) -> None:
    reach, query, width = STATES[state]
    page = visit(url + query, width=width).page
    settled(page)
    reach(page)
    seems_fine(page)
    page.emulate_media(color_scheme="light")
    expect(page.locator(".map-area")).to_have_css("background-color", "rgb(250, 251, 252)")
    seems_fine(page)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_without_an_atlas(visit: Visit, tmp_path: Path, scheme: str) -> None:
    with serving(tmp_path) as address:
        page = visit(f"{address}/viewer", scheme=scheme, ready=False).page
        page.get_by_role("heading", name="No index yet").wait_for()
        page.locator("#loader").wait_for(state="hidden")
        seems_fine(page)


@pytest.mark.slow
def test_an_exported_page(visit: Visit, sample_home: Path, tmp_path: Path) -> None:
    with Atlas(Settings.load(sample_home)) as atlas:
        atlas.export_page(tmp_path / "one.html", single_file=True)
    page = visit((tmp_path / "one.html").as_uri(), ready=False).page
    page.wait_for_selector("html[data-ready]")
    seems_fine(page)
    page.get_by_label("Search images").fill("cat")
    page.locator(".hit").first.click()
    expect(page.locator("#detail h2")).to_have_text("cat")
    seems_fine(page)
    page.emulate_media(color_scheme="light")
    seems_fine(page)
