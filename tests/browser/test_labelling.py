"""Labelling by keys: digits label what has the focus, all who look see it, and a run loses nothing."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import clean, settled, within_a_minute
from panel_server import serving
from playwright.sync_api import expect

import clipper
from clipper.store import tags
from clipper.store.given import tag_colours
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path) -> Path:
    return Path(copytree(sample_home, tmp_path_factory.mktemp("labels") / "home"))


@pytest.fixture(scope="module")
def own_url(own_home: Path) -> Iterator[str]:
    with serving(own_home) as address:
        yield f"{address}/viewer?sort=:map,up"


def begin(page: Any, *labels: str) -> None:
    page.get_by_role("button", name="Label images by keys").click()
    for label in labels:
        page.get_by_label("Add a label").fill(label)
        page.keyboard.press("Enter")
        expect(page.get_by_title(f"Label with {label}:")).to_be_visible()


def counts(home: Path) -> dict[str, int]:
    return {tag: len(images) for tag, images in tags.read(Home(home)).items()}


def has(page: Any, home: Path, wanted: dict[str, int]) -> None:
    for _ in within_a_minute(page):
        if wanted.items() <= counts(home).items():
            return
    raise AssertionError(f"the tags are {counts(home)}, not {wanted}")


def test_digits_label_card_after_card_and_zero_takes_labels_away(
    visit: Visit, own_url: str, own_home: Path
) -> None:
    seen = visit(own_url)
    page = seen.page
    settled(page)
    begin(page, "good", "bad")
    cards = page.locator(".results .card")
    cards.first.focus()
    expect(cards.first).to_be_focused()
    for key in "112":
        page.keyboard.press(key)
    expect(cards.nth(3)).to_be_focused()
    expect(cards.nth(0).locator(".card-label")).to_have_text("1")
    expect(cards.nth(2).locator(".card-label")).to_have_text("2")
    has(page, own_home, {"good": 2, "bad": 1})
    cards.first.focus()
    page.keyboard.press("0")
    expect(cards.nth(0).locator(".card-label")).to_have_count(0)
    has(page, own_home, {"good": 1, "bad": 1})
    page.keyboard.press("Control+z")
    expect(cards.nth(0).locator(".card-label")).to_have_text("1")
    cards.nth(5).click()
    name = page.locator(".detail h2").first
    expect(name).to_be_focused()
    first = name.inner_text()
    page.keyboard.press("2")
    expect(name).not_to_have_text(first)  # the next image is open
    has(page, own_home, {"bad": 2})
    clean(seen)


@pytest.mark.slow
def test_a_tags_colour_is_changed_kept_and_seen_by_others(visit: Visit, own_url: str, own_home: Path) -> None:
    home = Home(own_home)
    with clipper.open(own_home) as atlas:
        atlas.tags.add(atlas.ids[0], "red one")
    first, second = visit(own_url), visit(own_url)
    for each in (first, second):
        begin(each.page, "red one")
    first.page.get_by_role("button", name="Change the colour of red one").click()
    swatch = first.page.get_by_role("button", name="Colour 6", exact=True)
    wanted = swatch.evaluate("el => getComputedStyle(el).backgroundColor")
    swatch.click()
    for each in (first, second):
        dot = each.page.get_by_role("button", name="Change the colour of red one")
        expect(dot).to_have_css("background-color", wanted)
        clean(each)
    assert tag_colours.read(home)["red one"] == 5


@pytest.mark.slow
def test_three_people_and_a_run_lose_no_label(visit: Visit, own_url: str, own_home: Path) -> None:
    people = {name: visit(own_url) for name in ("ada", "grace", "mary")}
    for name, seen in people.items():
        begin(seen.page, name)
        seen.page.locator(".results .card").first.focus()
    (own_home / "images" / "copied.jpg").write_bytes((own_home / "images" / "cat-face.jpg").read_bytes()[:-2])
    run = subprocess.Popen(
        [sys.executable, "-m", "clipper.cli", "index", "--home", str(own_home)], stdout=subprocess.DEVNULL
    )
    for card in range(6):
        for name, seen in people.items():
            digit = seen.page.get_by_title(f"Label with {name}:").locator("kbd")
            seen.page.locator(".results .card").nth(card).focus()
            seen.page.keyboard.press(digit.inner_text())
    assert run.wait(400) == 0
    page = people["ada"].page
    has(page, own_home, dict.fromkeys(people, 6))
    for seen in people.values():
        for name in people:  # each has the labels of the others, without asking
            seen.page.get_by_label("Add a label").focus()
            known = seen.page.locator("#known-labels option, .label .tag")
            expect(
                known.filter(has_text=name).or_(seen.page.locator(f"option[value='{name}']")).first
            ).to_be_attached()
        clean(seen)


@pytest.mark.slow
def test_a_label_column_has_one_value_for_each_image(visit: Visit, own_url: str, own_home: Path) -> None:
    seen = visit(own_url)
    page = seen.page
    page.keyboard.press("t")
    page.get_by_label("What the digits give").select_option(label="New label column…")
    page.get_by_label("Name of the label column").fill("quality")
    page.get_by_label("Labels, with commas between them").fill("sharp, soft")
    page.keyboard.press("Enter")
    expect(page.locator(".label .tag")).to_have_text(["sharp", "soft"])
    cards = page.locator(".results .card")
    cards.nth(8).focus()
    page.keyboard.press("1")
    page.keyboard.press("1")
    has(page, own_home, {"quality: sharp": 2})
    cards.nth(8).focus()
    page.keyboard.press("2")
    expect(cards.nth(8).locator(".card-label")).to_have_text("2")
    has(page, own_home, {"quality: sharp": 1, "quality: soft": 1})
    page.keyboard.press("Control+z")
    expect(cards.nth(8).locator(".card-label")).to_have_text("1")
    has(page, own_home, {"quality: sharp": 2})
    other = visit(own_url).page  # others choose the same column
    other.keyboard.press("t")
    other.get_by_label("What the digits give").select_option(label="quality")
    expect(other.locator(".label .tag")).to_have_text(["sharp", "soft"])
    clean(seen)
