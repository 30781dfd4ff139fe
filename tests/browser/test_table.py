"""The table of the listed images: of any length, sorted, copied, and one with the map and the gallery."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask, clean, within_a_minute
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]


@pytest.fixture
def seen(visit: Visit, viewer_url: str) -> SimpleNamespace:
    """A page with the table below the map."""
    return visit(f"{viewer_url}?layout=~results,filter,selection,insights:~table:27:45", height=900)


def rows(page: Any) -> list[str]:
    """The titles of the rows in view, from the top."""
    return page.locator(".table .rows .row").evaluate_all(
        "els => els.map((el) => [el.getBoundingClientRect().top, el.title]).sort((a, b) => a[0] - b[0])"
        ".map(([, title]) => title)"
    )


def test_rows_come_as_they_are_scrolled_to_and_their_heads_sort_them(seen: SimpleNamespace) -> None:
    page = seen.page
    expect(page.locator(".table .rows .row").nth(5)).to_be_visible()
    assert page.locator(".table .rows .row").count() < 100
    page.get_by_role("columnheader", name="name").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="name")).to_have_attribute("aria-sort", "ascending")
    page.wait_for_function("location.search.includes('sort=name')")
    for _ in within_a_minute(page):
        if (names := rows(page)) and names == sorted(names, key=str.casefold):
            break
    assert names
    assert names == sorted(names, key=str.casefold)
    page.locator(".table [role=grid]").evaluate("el => { el.scrollTop = el.scrollHeight }")
    expect(page.locator(".table [aria-rowindex='1871']")).to_be_visible()
    assert page.locator(".table .rows .row").count() < 100
    clean(seen)


def test_the_table_the_gallery_and_the_map_show_one_selection(seen: SimpleNamespace) -> None:
    page = seen.page
    table = page.locator(".table .rows .row")
    table.nth(1).click(modifiers=["Control"])
    table.nth(3).click(modifiers=["Shift"])
    expect(page.locator(".results .card.chosen")).to_have_count(3)
    expect(page.locator(".table .row.chosen")).to_have_count(3)
    page.locator(".results .card").nth(0).click(modifiers=["Control"])
    expect(page.locator(".table .row.chosen")).to_have_count(4)
    page.locator(".results .card").nth(2).hover()
    table.nth(2).click()
    expect(page.locator(".detail h2").first).to_have_text(table.nth(2).get_attribute("title"))
    page.keyboard.press("Escape")
    clean(seen)


def test_results_are_rows_with_their_similarity_and_the_keyboard_walks_them(seen: SimpleNamespace) -> None:
    page = seen.page
    ask(page, "a cat")
    expect(page.get_by_role("columnheader", name="Similarity")).to_be_visible()
    expect(page.locator(".table [aria-rowindex='2']")).to_have_attribute("title", "cat")
    page.locator(".table [role=grid]").focus()
    page.keyboard.press("End")
    expect(page.locator(".table [aria-rowindex='1871']")).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.locator(".table .row.chosen")).to_have_count(1)
    clean(seen)


@pytest.mark.slow
def test_columns_are_chosen_and_the_rows_are_copied_as_text(seen: SimpleNamespace) -> None:
    page = seen.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Choose columns").click()
    page.get_by_role("menuitemcheckbox", name="subgroup").click()
    expect(page.get_by_role("columnheader", name="subgroup")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator(".table .rows .row").nth(0).click(modifiers=["Control"])
    expect(page.locator(".table .row.chosen")).to_have_count(1)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_text("1 image copied as a table")).to_be_visible()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    heads = lines[0].split("\t")
    assert heads[:2] == ["name", "group"]
    assert "subgroup" not in heads
    assert len(lines) == 2
    assert len(lines[1].split("\t")) == len(heads)
    page.reload()
    expect(page.get_by_role("columnheader", name="group", exact=True)).to_be_visible()
    expect(page.get_by_role("columnheader", name="subgroup")).to_have_count(0)
    clean(seen)


@pytest.mark.slow
def test_a_person_who_left_the_table_open_finds_its_rows(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.get_by_role("button", name="Arrange the panels").click()
    page.get_by_role("menuitemradio", name="Curate").click()
    expect(page.locator(".table .rows .row").nth(3)).to_be_visible()
    page.goto(viewer_url)  # the browser remembers the arrangement, the address has none
    expect(page.locator(".table .rows .row").nth(3)).to_be_visible()
    clean(seen)
