"""A person's own words in the legend: typed, filtered by, in the address, kept as a column."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import changed, clean, settled
from panel_server import serving
from playwright.sync_api import expect

from clipper.store import word_columns
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, to keep words in."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("words") / "home", symlinks=True))


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield f"{address}/viewer"


def choose_words(page: Any) -> None:
    page.get_by_label("Colour by").click()
    page.get_by_text("Your words", exact=True).click()
    expect(field(page)).to_be_visible()


def field(page: Any) -> Any:
    return page.get_by_label("Your words, with commas between them")


def type_words(page: Any, text: str) -> None:
    field(page).fill(text)
    page.keyboard.press("Enter")


def lines(page: Any) -> Any:
    return page.locator(".legend .lines:not(.found) .line .name")


@pytest.mark.slow
def test_typed_words_colour_the_map_filter_it_and_come_back_with_the_address(visit: Visit, url: str) -> None:
    seen = visit(url)
    page = seen.page
    before = settled(page, quiet=300)
    choose_words(page)
    page.locator(".legend .chip", has_text="Try").click()
    expect(lines(page)).to_have_count(4)
    before = changed(page, before)
    type_words(page, "flag, clock, <b>bold</b>, none of these")
    expect(lines(page)).to_have_text(["flag", "clock", "<b>bold</b>", "None of these"])
    changed(page, before)
    page.locator(".legend .toggle", has_text="flag").click()
    page.wait_for_selector(".filters >> text=not flag")
    page.wait_for_url("**words=flag,clock**filters=**")
    link = page.url
    other = visit(link)
    expect(lines(other.page)).to_have_text(["flag", "clock", "<b>bold</b>", "None of these"])
    other.page.wait_for_selector(".filters >> text=not flag")
    expect(other.page).to_have_url(link)
    type_words(page, "flag, Flag")
    expect(page.locator(".legend .error:visible")).to_have_text(
        "“Flag” is there twice; each word counts once."
    )
    expect(lines(page)).to_have_count(4)
    type_words(page, "face")
    expect(lines(page)).to_have_text(["face", "None of these"])
    expect(page.locator(".legend .error:visible")).to_have_count(0)
    page.go_back()
    expect(lines(page)).to_have_text(["flag", "clock", "<b>bold</b>", "None of these"])
    expect(field(page)).to_have_value("flag, clock, <b>bold</b>")
    for one in (seen, other):
        clean(one)


def test_words_are_kept_as_a_column_under_a_name_that_is_free(visit: Visit, url: str, home: Path) -> None:
    seen = visit(f"{url}?colour=:words&words=flag,clock")
    page = seen.page
    page.get_by_role("button", name="Keep as a column").click()
    name = page.get_by_label("Name of the column")
    expect(name).to_be_focused()
    expect(name).to_have_value("flag clock")
    name.fill("group")
    page.keyboard.press("Enter")
    expect(page.locator(".legend .error:visible")).to_contain_text("There is a column “group” already")
    name.fill("kind")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".keep [role=status]")).to_contain_text("“kind” is a column from the next")
    assert word_columns.read(Home(home)) == {"kind": ["flag", "clock"]}
    type_words(page, "face")
    expect(page.get_by_role("button", name="Keep as a column")).to_be_visible()
    clean(seen)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.slow
def test_the_field_and_its_legend_fit_a_narrow_page(visit: Visit, url: str, theme: str) -> None:
    seen = visit(f"{url}?colour=:words&words=flag,clock", width=420, height=900, theme=theme)
    page = seen.page
    page.get_by_role("button", name="Legend").click()
    expect(field(page)).to_have_value("flag, clock")
    type_words(page, ", ".join(f"a word with the number {n}" for n in range(20)))
    expect(lines(page)).to_have_count(21)
    expect(field(page)).to_be_in_viewport()
    expect(lines(page).first).to_be_in_viewport()
    assert page.locator(".legend .root").evaluate("el => el.scrollWidth - el.clientWidth") <= 0
    clean(seen)
