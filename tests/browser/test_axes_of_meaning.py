"""Axes of meaning in a real browser: typed opposites, columns, the way there and back, and the tools."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from axe import GRAVE, described, violations
from helpers import MODELS, clean, pointed_at, screen, settled
from playwright.sync_api import expect

import clipper

Visit = Callable[..., SimpleNamespace]
RED_BLUE = "a red thing <-> a blue thing"
ON_AXES = "?x=a+red+thing+%3C-%3E+a+blue+thing&y=column:group"


@pytest.fixture(scope="module")
def atlas(sample_home: Path) -> clipper.Atlas:
    return clipper.open(sample_home)


def field(page: Any, axis: str) -> Any:
    return page.locator(".axes-form").get_by_label(f"{axis}: two opposites, or one word")


def choice(page: Any, axis: str) -> Any:
    return page.locator(".axes-form").get_by_label(f"{axis}: what images lie by")


def open_axes(page: Any) -> None:
    page.locator(".axes-form").get_by_role("button", name="Axes", exact=True).click()
    expect(field(page, "Across")).to_be_visible()


def words(page: Any) -> Any:
    return page.locator(".axes-over .word")


def plane(page: Any) -> list[float]:
    """Where both axes run from 0 to 1, in map units."""
    return page.evaluate(
        f"() => {{ {MODELS} return all.find((m) => m.data?.moves !== undefined).data.plane }}"
    )


def at_rest(page: Any) -> None:
    expect(page.locator(".axes-over canvas.glide")).to_have_count(0)
    settled(page)


def test_points_go_to_typed_opposites_and_the_image_under_the_pointer_is_the_right_one(
    visit: Visit, viewer_url: str, atlas: clipper.Atlas
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    before = settled(page)
    open_axes(page)
    field(page, "Across").fill(RED_BLUE)
    field(page, "Across").press("Enter")
    expect(words(page).filter(has_text="a blue thing →")).to_be_visible()
    page.wait_for_function("location.search.includes('x=a+red+thing')")
    choice(page, "Up").select_option(label="bytes")
    page.wait_for_function("location.search.includes('y=column:bytes')")
    expect(words(page).filter(has_text=re.compile("^bytes"))).to_be_visible()
    at_rest(page)
    assert settled(page) != before
    found = atlas.axes(RED_BLUE, "bytes")
    extreme = found["x"].idxmax()  # few images are so far out, where the pointer finds it
    low, high = found["y"].min(), found["y"].max()
    x0, x1, y0, y1, *_ = plane(page)
    share = (found["y"][extreme] - low) / (high - low)
    name = atlas.metadata["name"][extreme]
    for right in (1.0, 1.02, 1.04, 0.98, 0.96):
        if name in pointed_at(page, *screen(page, x0 + (x1 - x0) * right, y0 + (y1 - y0) * share)):
            break
    else:
        raise AssertionError(f"{name} was not found under the pointer")
    page.mouse.click(*screen(page, x0 + (x1 - x0) * right, y0 + (y1 - y0) * share))
    page.locator(".detail .sheet", has_text=name).wait_for()
    clean(seen)


@pytest.mark.slow
def test_a_lasso_on_axes_selects_what_lies_there_and_undo_leads_back(
    visit: Visit, viewer_url: str, atlas: clipper.Atlas
) -> None:
    seen = visit(f"{viewer_url}{ON_AXES}")
    page = seen.page
    expect(words(page).filter(has_text="Flags")).to_be_visible()
    at_rest(page)
    x0, x1, y0, y1, *_ = plane(page)
    lane = (y1 - y0) / 9  # the second of nine groups
    page.keyboard.press("b")
    corner, other = (
        screen(page, x0 - 0.05 * (x1 - x0), y0 + lane),
        screen(page, x1 + 0.05 * (x1 - x0), y0 + 2 * lane),
    )
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(*other, steps=6)
    page.mouse.up()
    page.wait_for_function("location.search.includes('chosen=')")
    flags = int((atlas.metadata["group"] == "Flags").sum())
    expect(page.locator(".chosen h2").first).to_contain_text(f"{flags} images")
    address = page.url
    page.locator(".axes-form").get_by_role("button", name="Map", exact=True).click()
    page.wait_for_function("!location.search.includes('x=')")
    expect(words(page)).to_have_count(0)
    at_rest(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_function("location.search.includes('x=a+red')")
    clean(seen)
    again = visit(address)  # a link opens the same images on the same axes
    expect(again.page.locator(".chosen h2").first).to_contain_text(f"{flags} images")
    expect(words(again.page).filter(has_text="a red thing")).to_be_visible()
    clean(again)


def test_a_problem_stands_at_its_field_and_without_motion_nothing_glides(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    page.emulate_media(reduced_motion="reduce")
    open_axes(page)
    field(page, "Across").fill("night <->")
    field(page, "Across").press("Enter")
    expect(page.locator(".axes-form [role=alert]:visible")).to_have_text(
        "Type what lies at the other end of “night”."
    )
    assert field(page, "Across").input_value() == "night <->"
    field(page, "Across").fill("night")
    field(page, "Across").press("Enter")
    expect(words(page).filter(has_text="more night →")).to_be_visible()
    expect(page.locator(".axes-form [role=alert]:visible")).to_have_count(0)
    assert page.locator(".axes-over canvas.glide").count() == 0
    clean(seen)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (420, 800)])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_serious_on_axes(
    visit: Visit, viewer_url: str, scheme: str, width: int, height: int
) -> None:
    seen = visit(f"{viewer_url}{ON_AXES}", scheme=scheme, width=width, height=height)
    expect(words(seen.page).first).to_be_attached()
    at_rest(seen.page)
    grave = [each for each in violations(seen.page) if each["impact"] in GRAVE]
    assert not grave, described(grave)
    clean(seen)
