"""Views: saved under a name, seen by others at once, opened, linked, renamed, deleted and put back."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ask, clean, ranges, results, settled, zoom_at
from panel_server import serving
from playwright.sync_api import expect

from clipper.store.given import views
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path) -> Path:
    """A home of this file's own, as others would find the views saved here."""

    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("views") / "home"))


@pytest.fixture(scope="module")
def own_url(own_home: Path) -> Iterator[str]:
    with serving(own_home) as address:
        yield f"{address}/viewer"


def open_list(page: Any) -> None:
    if not page.get_by_role("dialog", name="Views").is_visible():
        page.get_by_role("button", name="Saved views").click()


def save(page: Any, name: str, *, by: str = "") -> None:
    open_list(page)
    page.get_by_label("Name of this view").fill(name)
    if by:
        page.get_by_label("Your name, if others shall see it").fill(by)
    page.get_by_role("button", name="Save", exact=True).click()


def view(page: Any, name: str) -> Any:
    return page.get_by_role("dialog", name="Views").get_by_role("link", name=name)


@pytest.mark.slow
def test_a_view_is_saved_and_a_colleague_opens_it_by_its_link(
    visit: Visit, own_url: str, own_home: Path
) -> None:
    seen = visit(own_url)
    page = seen.page
    ask(page, "a cat")
    page.wait_for_function("location.search.includes('q=')")
    middle = ranges(page)
    zoom_at(page, (middle["x0"] + middle["x1"]) / 2, (middle["y0"] + middle["y1"]) / 2, steps=3)
    page.wait_for_function("location.search.includes('at=')")
    save(page, "the cats & more", by="Ada")
    expect(view(page, "the cats & more")).to_contain_text("Ada · just now")
    kept = views.read(Home(own_home))["the cats & more"]
    assert kept.query == page.evaluate("location.search.slice(1)")
    there, found = ranges(page), results(page)
    other = visit(f"{own_url}?view=the%20cats%20%26%20more", ready=False)
    other.page.wait_for_function("location.search.includes('q=')")
    other.page.wait_for_selector(".results .card")
    expect(other.page.locator(".results .card").first).to_have_attribute("aria-label", found[0])
    settled(other.page)
    now = ranges(other.page)
    assert now["x0"] == pytest.approx(there["x0"], rel=0.05)
    assert now["x1"] == pytest.approx(there["x1"], rel=0.05)
    other.page.wait_for_function("!location.search.includes('view=')")
    clean(seen)
    clean(other)


@pytest.mark.slow
def test_others_see_it_at_once_and_back_leads_out_of_an_opened_view(visit: Visit, own_url: str) -> None:
    first, second = visit(own_url), visit(own_url)
    ask(first.page, "a red heart")
    first.page.wait_for_function("location.search.includes('q=')")
    settled(first.page)
    open_list(second.page)
    save(first.page, "hearts", by="Grace")
    expect(view(second.page, "hearts")).to_be_visible()
    view(second.page, "hearts").click()
    second.page.wait_for_function("location.search.includes('red+heart')")
    expect(second.page.locator(".results .card").first).to_have_attribute(
        "aria-label", results(first.page)[0]
    )
    second.page.go_back()
    second.page.wait_for_function("!location.search.includes('q=')")
    clean(first)
    clean(second)


@pytest.mark.slow
def test_names_are_unique_unless_one_asks_and_a_deleted_view_comes_back(visit: Visit, own_url: str) -> None:
    seen = visit(own_url)
    page = seen.page
    save(page, "mine", by="Mary")
    expect(view(page, "mine")).to_be_visible()
    expect(page.get_by_text("Saved “mine”.")).to_be_visible()
    ask(page, "a dog")
    page.wait_for_function("location.search.includes('q=')")
    save(page, "mine")
    expect(page.get_by_text("There is a view “mine” already; choose another name.")).to_be_visible()
    page.get_by_role("button", name="Replace it").click()
    expect(page.get_by_text("Saved “mine”.")).to_be_visible()
    page.get_by_role("button", name="Rename mine").click()
    page.get_by_label("New name").fill("dogs")
    page.keyboard.press("Enter")
    expect(view(page, "dogs")).to_be_visible()
    expect(view(page, "mine")).to_have_count(0)
    page.get_by_role("button", name="Delete dogs").click()
    expect(view(page, "dogs")).to_have_count(0)
    page.get_by_role("dialog", name="Views").get_by_role("button", name="Undo").click()
    expect(view(page, "dogs")).to_contain_text("Mary")
    page.keyboard.press("Escape")
    clean(seen)


def test_a_link_to_a_view_that_is_gone_says_so(visit: Visit, own_url: str) -> None:
    seen = visit(f"{own_url}?view=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    expect(seen.page.get_by_text("There is no view “<script>alert(1)</script>” here")).to_be_visible()
    clean(seen)


@pytest.mark.slow
def test_on_a_phone_the_list_is_within_the_page(visit: Visit, own_url: str) -> None:
    seen = visit(own_url, width=420, height=800)
    open_list(seen.page)
    box = seen.page.get_by_role("dialog", name="Views").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 420
    clean(seen)
