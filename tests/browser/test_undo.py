"""Undo and redo: of searches, filters, selections, colours, and of tags on many images at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask, clean, results
from panel_server import serving
from playwright.sync_api import expect

from clipper.store import tags
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path) -> Path:
    return Path(copytree(sample_home, tmp_path_factory.mktemp("undo") / "home"))


@pytest.fixture(scope="module")
def own_url(own_home: Path) -> Iterator[str]:
    with serving(own_home) as address:
        yield f"{address}/viewer"


# The line that says what was done stays for minutes: a slow machine, too, gets to its button.
LONG_TOASTS = """const later = window.setTimeout
window.setTimeout = (call, ms, ...more) => later(call, ms === 5000 ? 300_000 : ms, ...more)"""


def said(page: Any, text: str) -> None:
    expect(page.locator(".undo .toast")).to_contain_text(text)


def leave_field(page: Any) -> None:
    page.evaluate("document.activeElement?.blur?.()")
    page.locator(".results").first.click(position={"x": 5, "y": 5})


def test_searches_and_filters_are_undone_and_made_again(visit: Visit, own_url: str) -> None:
    seen = visit(own_url, before=LONG_TOASTS)
    page = seen.page
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    ask(page, "a cat")
    page.wait_for_function("location.search.includes('q=a+cat')")
    cats = results(page)
    ask(page, "a dog")
    page.wait_for_function("location.search.includes('q=a+dog')")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_enabled()
    leave_field(page)
    page.keyboard.press("Control+z")
    said(page, "Undone: search “a dog”")
    page.wait_for_function("location.search.includes('q=a+cat')")
    expect(page.locator(".results .card").first).to_have_attribute("aria-label", cats[0])
    page.keyboard.press("Control+z")
    page.wait_for_function("!location.search.includes('q=')")
    page.keyboard.press("Control+Shift+z")
    said(page, "Done again: search “a cat”")
    page.wait_for_function("location.search.includes('q=a+cat')")
    page.keyboard.press("Control+y")
    page.wait_for_function("location.search.includes('q=a+dog')")
    page.go_back()  # undo and redo are steps of the browser, too
    page.wait_for_selector(".results h2:text-is('a cat')")
    page.get_by_role("button", name="Undo", exact=True).click()  # and Back is a change that undo takes back
    page.wait_for_function("location.search.includes('q=a+dog')")
    clean(seen)


@pytest.mark.slow
def test_a_tag_on_many_images_is_undone_for_exactly_those_that_got_it(
    visit: Visit, own_url: str, own_home: Path
) -> None:
    home = Home(own_home)
    flags = "filters=%7B%22group%22:%7B%22values%22:[%22Flags%22]%7D%7D"
    seen = visit(f"{own_url}?{flags}", before=LONG_TOASTS)
    page = seen.page
    page.wait_for_selector(".filters .passing b:text-is('269')")
    page.get_by_role("button", name="Select images of this list").click()
    page.get_by_role("menuitem", name="Select 269 images").click()
    page.wait_for_function("location.search.includes('chosen=')")
    page.get_by_role("tab", name="Selection").click()
    field = page.locator(".chosen").get_by_label("Tag the chosen images")
    field.fill("flag, second")
    field.press("Enter")
    said(page, "Tags “flag”, “second” on 269 images")
    assert {tag: len(images) for tag, images in tags.read(home).items()} == {"flag": 269, "second": 269}
    one = next(iter(tags.read(home)["flag"]))
    tags.remove(home, "second")
    tags.add(home, "second", [one])
    before = tags.read(home)
    field.fill("second")
    field.press("Enter")
    said(page, "Tag “second” on 268 images")
    page.locator(".undo .toast").get_by_role("button", name="Undo").click()
    said(page, "Undone: tag “second” on 268 images")
    expect(page.locator(".chosen .chip.tagged").nth(1)).to_have_text("second1")
    assert tags.read(home) == before
    page.get_by_role("button", name="Redo", exact=True).click()
    said(page, "Done again: tag “second” on 268 images")
    expect(page.locator(".chosen .chip.tagged").nth(1)).to_have_text("second")
    assert len(tags.read(home)["second"]) == 269
    clean(seen)
