"""The cards over the map: what is looked at lies beside them, and the legend folds away."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import arrived, ask, marked, ranges, screen, settled
from playwright.sync_api import expect

import clipper

Visit = Callable[..., SimpleNamespace]


def slow(width: int, height: int) -> Any:
    """A window that only the slow tests take."""
    return pytest.param(width, height, marks=pytest.mark.slow)


CARDS = (".legend-card", ".map-buttons")
LABEL_HEIGHT, LABEL_LIFT = 30, 25  # of a query's words above its star, in pixels


def hidden(page: Any, xy: np.ndarray) -> int:
    """How many of the map positions (n, 2) lie under a card or beyond the pane."""
    seen, pane = ranges(page), page.locator(".clipper-map").bounding_box()
    x = pane["x"] + (xy[:, 0] - seen["x0"]) / (seen["x1"] - seen["x0"]) * seen["w"]
    y = pane["y"] + (seen["y1"] - xy[:, 1]) / (seen["y1"] - seen["y0"]) * seen["h"]
    under = (x < pane["x"]) | (x > pane["x"] + pane["width"]) | (y < pane["y"])
    under |= y > pane["y"] + pane["height"]
    for box in (page.locator(card).bounding_box() for card in CARDS):
        across = (x >= box["x"]) & (x <= box["x"] + box["width"])
        under |= across & (y >= box["y"]) & (y <= box["y"] + box["height"])
    return int(under.sum())


def first_points(home: Path) -> np.ndarray:
    """The points of the first view: all but a few stray ones."""
    atlas = clipper.open(home)
    x0, x1, y0, y1 = atlas._engine.view
    x, y = atlas._engine.xy.T
    points = atlas._engine.xy[(x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)]
    assert len(points) >= 0.99 * len(atlas._engine.xy)
    return points


def drag(page: Any, *, x: float, y: float) -> None:
    """Move the map with the pointer."""
    pane = page.locator(".clipper-map").bounding_box()
    at = pane["x"] + pane["width"] * 0.6, pane["y"] + pane["height"] * 0.6
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + x, at[1] + y, steps=4)
    page.mouse.up()


def fold(page: Any) -> Any:
    return page.get_by_role("button", name="Legend: ")


def is_open(page: Any) -> bool:
    shown = page.locator(".legend .line").first.is_visible()
    assert (fold(page).get_attribute("aria-expanded") == "true") is shown
    return shown


@pytest.mark.parametrize(("width", "height"), [(1440, 900), slow(1024, 768), slow(420, 800)])
def test_no_card_hides_a_point_of_the_first_view(
    visit: Visit, viewer_url: str, sample_home: Path, width: int, height: int
) -> None:
    seen = visit(viewer_url, width=width, height=height)
    page, points = seen.page, first_points(sample_home)
    settled(page)
    assert is_open(page) is (width >= 1000)
    assert hidden(page, points) == 0
    first = ranges(page)
    drag(page, x=-90, y=-40)
    moved = ranges(page)
    assert moved != pytest.approx(first)
    page.get_by_label("Show the whole map").click()
    assert arrived(page, moved) == pytest.approx(first)
    fold(page).click()  # the other state of the legend: the map moves if that makes it larger
    settled(page)
    assert hidden(page, points) == 0
    assert page.locator(".legend-card").bounding_box()["height"] <= 0.46 * height
    assert seen.errors == []


@pytest.mark.slow
def test_what_a_person_looks_at_stays_when_the_legend_folds(visit: Visit, viewer_url: str) -> None:
    page = visit(viewer_url, width=1024, height=768).page
    settled(page)
    drag(page, x=60, y=20)
    moved = ranges(page)
    fold(page).click()
    page.wait_for_timeout(600)
    assert ranges(page) == pytest.approx(moved)


@pytest.mark.slow
def test_the_legend_folds_by_pointer_and_keyboard_and_is_remembered(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    assert is_open(page)
    fold(page).click()
    assert not is_open(page)
    expect(fold(page)).to_have_text("group")
    assert page.locator(".legend-card").bounding_box()["height"] < 48
    page.reload()
    page.wait_for_selector(".results .card")
    page.wait_for_selector(".fold.folded")
    assert not is_open(page)
    page.keyboard.press("/")
    for _ in range(12):  # from the search box on
        page.keyboard.press("Tab")
        if fold(page).evaluate("el => el.matches(':focus-visible')"):
            break
    page.keyboard.press("Enter")
    assert is_open(page)
    page.keyboard.press("Space")
    assert not is_open(page)
    page.keyboard.press("Space")
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_timeout(300)
    assert is_open(page)  # as was said
    assert seen.errors == []


@pytest.mark.slow
def test_where_nothing_can_be_stored_the_legend_follows_the_width(visit: Visit, viewer_url: str) -> None:
    refuse = "Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error('refused') }"
    seen = visit(viewer_url, width=1280, height=800, before=refuse)
    page = seen.page
    assert is_open(page)
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_selector(".fold.folded")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_selector(".fold:not(.folded)")
    fold(page).click()
    assert not is_open(page)
    assert seen.errors == []


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (420, 800)])
@pytest.mark.slow
def test_results_land_beside_the_open_legend(visit: Visit, viewer_url: str, width: int, height: int) -> None:
    seen = visit(viewer_url, width=width, height=height)
    page = seen.page
    if not is_open(page):
        fold(page).click()
        settled(page)  # the map glides into the room that is left
    # Beside the open legend a narrow map has no room for a long text: the legend may hide a part of it.
    for text in ("flag", "smiling face with heart eyes" if width > 500 else "heart"):
        ask(page, text)
        page.wait_for_selector(f".results h2:has-text('{text}')")
        before = ranges(page)
        page.get_by_text("Zoom to results").click()
        arrived(page, before)
        shown = markers(page, text)
        x, y = screen(page, *shown)
        card = page.locator(".legend-card").bounding_box()
        right, bottom = card["x"] + card["width"], card["y"] + card["height"]
        half = len(text) * 3  # of its words
        assert x - half > right or y - LABEL_LIFT - LABEL_HEIGHT / 2 > bottom
        assert hidden(page, np.array([shown])) == 0
    assert seen.errors == []


def markers(page: Any, text: str) -> tuple[float, float]:
    found = marked(page, {text} if text == "flag" else {text, "flag"})
    at = found["text"].index(text)
    return found["x"][at], found["y"][at]
