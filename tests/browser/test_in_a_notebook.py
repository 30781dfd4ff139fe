"""The viewer in a frame of another page, as a notebook shows it, and Python beside it."""

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import PICTURE
from playwright.sync_api import FrameLocator, expect

import clipper
from clipper.indexing import run
from clipper.notebook.explorer import Explorer
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "images"


@pytest.fixture
def explored() -> Iterator[Callable[[Path], Explorer]]:
    made: list[Explorer] = []

    def explore(home: Path) -> Explorer:
        made.append(clipper.open(home).explore(height=600))
        return made[-1]

    yield explore
    for explorer in made:
        explorer.stop()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def notebook(tmp_path: Path, visit: Visit) -> Iterator[Callable[..., SimpleNamespace]]:
    """Opens a page of another site that shows some explorers below each other."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    serve = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), serve)  # noqa: S104 - hosts of this machine
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def show(*explorers: Explorer, host: str = "localhost", scheme: str = "light") -> SimpleNamespace:
        cells = "".join(f"<div>{explorer._repr_html_()}</div>" for explorer in explorers)
        (folder / "cells.html").write_text(f"<!doctype html><title>Cells</title>{cells}")
        address = f"http://{host}:{server.server_port}/cells.html"
        return visit(address, ready=False, height=1300, scheme=scheme)

    yield show
    server.shutdown()
    server.server_close()


def frame(seen: SimpleNamespace, number: int = 0) -> FrameLocator:
    """The page in one cell, once it shows images."""
    shown = seen.page.frame_locator("iframe").nth(number)
    shown.locator(".results .card").first.wait_for()
    return shown


def card(shown: FrameLocator, name: str) -> Any:
    """The card of an image of the gallery."""
    return shown.locator(f".results .card[aria-label^='{name}']").first


def ask(shown: FrameLocator, text: str) -> None:
    """Search in a frame for an image that is named like this, and wait for it."""
    field = shown.locator(".clipper-search input").first
    field.fill(text)
    field.press("Enter")
    card(shown, f"{text}, 0.").wait_for()  # with its similarity


def select(shown: FrameLocator, *names: str, at: int = 1) -> None:
    """Choose images by their cards; with the first of them `at` are chosen."""
    for number, name in enumerate(names):
        card(shown, name).click(modifiers=["Control"])
        expect(shown.locator(".badge.selection")).to_have_text(str(number + at))


@pytest.mark.slow
def test_selection_and_results_follow_the_page_and_python_searches_in_it(
    explored: Callable[[Path], Explorer], notebook: Callable[..., SimpleNamespace], sample_home: Path
):
    explorer = explored(sample_home)
    seen = notebook(explorer)
    shown = frame(seen)
    assert explorer.selection.empty
    ask(shown, "red heart")
    assert explorer.query == "red heart"
    assert explorer.results["id"][0] == "red-heart.jpg"
    assert explorer.results["similarity"].is_monotonic_decreasing
    select(shown, "red heart", "heart suit")
    assert explorer.selection["group"].to_dict() == {
        "heart-suit.jpg": "Activities",
        "red-heart.jpg": "Smileys & Emotion",
    }
    explorer.search("a cat")
    assert explorer.results["id"][0] == "cat.jpg"  # at once: the call waits for them
    expect(shown.locator(".clipper-search input").first).to_have_value("a cat")
    explorer.search("")
    assert explorer.results.empty
    with pytest.raises(clipper.ClipperError, match="shorten it"):
        explorer.search("x" * 100_000)


@pytest.mark.slow
def test_a_page_that_is_loaded_again_still_belongs_to_its_explorer(
    explored: Callable[[Path], Explorer], notebook: Callable[..., SimpleNamespace], sample_home: Path
):
    explorer = explored(sample_home)
    seen = notebook(explorer)
    shown = frame(seen)
    ask(shown, "red heart")
    select(shown, "heart suit")
    inside = next(found for found in seen.page.frames if "explorer=" in found.url)
    inside.wait_for_function("location.search.includes('heart-suit')")
    inside.evaluate("() => { window.isOld = true; location.reload() }")
    inside.wait_for_function("!window.isOld")
    expect(shown.locator(".badge.selection")).to_have_text("1")
    select(shown, "red heart", at=2)
    assert list(explorer.selection.index) == ["heart-suit.jpg", "red-heart.jpg"]
    assert explorer.query == "red heart"


@pytest.mark.slow
def test_the_frame_of_another_site_has_its_theme_its_picture_and_its_layout(
    explored: Callable[[Path], Explorer], notebook: Callable[..., SimpleNamespace], sample_home: Path
):
    explorer = explored(sample_home)
    seen = notebook(explorer)
    frame(seen)
    inside = next(found for found in seen.page.frames if "explorer=" in found.url)
    inside.wait_for_function(PICTURE)
    inside.wait_for_function("document.cookie.includes('clipper-system=light')")
    assert inside.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is False
    colour = inside.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3]) > 200
    assert not [error for error in seen.errors if "autofocus" not in error and "404" not in error]


@pytest.mark.slow
def test_two_explorers_of_one_atlas_and_one_of_another_are_apart(
    explored: Callable[[Path], Explorer],
    notebook: Callable[..., SimpleNamespace],
    sample_home: Path,
    indexed_home: Path,
):
    one, two, other = explored(sample_home), explored(sample_home), explored(indexed_home)
    two.search("a cat")
    seen = notebook(one, two, other)
    select(frame(seen), "megaphone")
    card(frame(seen, 1), "cat, 0.").wait_for()
    assert list(one.selection.index) == ["megaphone.jpg"]
    assert two.selection.empty
    assert (one.query, two.query, other.query) == ("", "a cat", "")
    frame(seen, 2)
    assert other.selection.empty
    assert len(other._atlas.metadata) == 24
    two.stop()
    with pytest.raises(clipper.ClipperError, match="has ended"):
        one.selection  # noqa: B018 - reading it asks the server
    assert other.selection.empty


@pytest.mark.slow
def test_the_selection_follows_to_a_new_version(
    explored: Callable[[Path], Explorer], notebook: Callable[..., SimpleNamespace], indexed_home: Path
):
    explorer = explored(indexed_home)
    before = explorer._atlas.version
    seen = notebook(explorer)
    shown = frame(seen)
    have = {path.name for path in (indexed_home / "images").iterdir()}
    new = next(path for path in sorted(SAMPLE.glob("*.jpg")) if path.name not in have)
    shutil.copy2(new, indexed_home / "images")
    run.index(Settings.load(indexed_home))
    shown.locator(".status .line:has-text('25 images')").wait_for()
    explorer.search(f"like:{new.name}")
    assert explorer.results["id"][0] == new.name
    shown.locator(f".results .card[data-id='{new.name}']").first.click(modifiers=["Control"])
    expect(shown.locator(".badge.selection")).to_have_text("1")
    assert list(explorer.selection.index) == [new.name]
    assert explorer._atlas.version != before


@pytest.mark.slow
def test_a_store_that_is_gone_is_said_in_the_frame(
    notebook: Callable[..., SimpleNamespace], indexed_home: Path
):
    atlas = clipper.open(indexed_home)
    columns = list(atlas.metadata.columns)
    shutil.rmtree(indexed_home / "store")
    explorer = atlas.explore()
    try:
        seen = notebook(explorer)
        seen.page.frame_locator("iframe").get_by_text("clipper index").first.wait_for()
        assert list(explorer.selection.columns) == columns
        assert explorer.selection.empty
    finally:
        explorer.stop()


@pytest.mark.slow
def test_a_page_of_another_host_cannot_show_the_frame(
    explored: Callable[[Path], Explorer], notebook: Callable[..., SimpleNamespace], indexed_home: Path
):
    explorer = explored(indexed_home)
    seen = notebook(explorer, host="127.0.0.2")
    with seen.page.expect_event("console", lambda said: "frame-ancestors" in said.text):
        seen.page.reload()
    assert seen.page.frame_locator("iframe").locator(".results").count() == 0
    assert explorer._page()["open"] is False
