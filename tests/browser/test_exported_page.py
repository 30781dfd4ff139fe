"""An exported page works from a disk and from a plain web server, and asks nobody for anything."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import soon
from playwright.sync_api import expect

from clipper.atlas import Atlas
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def exported(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported-page")
    with Atlas(Settings.load(sample_home)) as atlas:
        atlas.tags.add(["cat-face.jpg", "cat.jpg"], '<img src=x onerror="alert(1)">')
        atlas.export_page(folder / "page")
        atlas.export_page(folder / "one.html", single_file=True)
        atlas.tags.remove(["cat-face.jpg", "cat.jpg"], '<img src=x onerror="alert(1)">')
    return folder


@pytest.fixture(scope="module")
def served(exported: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(exported)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def see(browser: object) -> Iterator[Visit]:
    """Opens a page; gives it, what it complained of, and what it asked for."""
    contexts = []

    def open_page(url: str, *, size: tuple[int, int] = (1280, 800), dark: bool = False) -> SimpleNamespace:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(60_000)  # as for the other pages: a busy machine is no failure
        contexts.append(context)
        page = context.new_page()
        seen = SimpleNamespace(page=page, errors=[], asked=[], dialogs=[])
        page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda asked: seen.asked.append(asked.url))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        return seen

    yield open_page
    for context in contexts:
        context.close()


def clean(seen: SimpleNamespace, start: str) -> None:
    assert seen.errors == []
    assert seen.dialogs == []
    assert [url for url in seen.asked if not url.startswith((start, "data:", "blob:"))] == []


@pytest.mark.parametrize("place", ["disk folder", "disk file", "server folder", "server file"])
def test_a_page_shows_searches_filters_and_asks_no_other_host(
    see: Visit, exported: Path, served: str, place: str
) -> None:
    start = exported.as_uri() if place.startswith("disk") else served
    seen = see(f"{start}/{'page/index.html' if place.endswith('folder') else 'one.html'}")
    page = seen.page
    expect(page.locator("h1")).to_have_text("Emoji")
    expect(page.locator("#filtered")).to_contain_text("All 1,870 images")
    page.get_by_label("Search images").fill("cat")
    expect(page.locator(".hit").first).to_have_attribute("aria-label", "cat")
    page.locator(".hit").first.click()
    expect(page.locator("#detail h2")).to_have_text("cat")
    page.get_by_label("Search images").fill("")
    page.get_by_role("group", name="group", exact=True).get_by_title("Flags").click()
    expect(page.locator("#filtered")).to_contain_text("269 of 1,870 images")
    flags = page.get_by_role("group", name="subgroup", exact=True).get_by_title("country-flag")
    expect(flags).to_contain_text("258 / 258")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#filtered")).to_contain_text("All 1,870 images")
    clean(seen, start)


def test_the_text_of_files_and_tags_is_only_text(see: Visit, exported: Path) -> None:
    seen = see((exported / "one.html").as_uri())
    page = seen.page
    tags = page.get_by_role("group", name="tags", exact=True)
    expect(tags).to_contain_text('<img src=x onerror="alert(1)">')
    tags.get_by_role("button").first.click()
    expect(page.locator("#filtered")).to_contain_text("2 of 1,870 images")
    assert page.locator("img").count() == 0
    clean(seen, exported.as_uri())


def test_keys_pan_and_zoom_and_choose(see: Visit, exported: Path) -> None:
    seen = see((exported / "one.html").as_uri())
    page = seen.page
    before = page.locator("#map").screenshot()
    page.locator("#map").focus()
    for key in ("+", "+", "+", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    # not `wait_for_function`: the page allows no `eval`, which looks again
    soon(page, lambda: page.locator("#map").screenshot() != before)
    for key in "0-----":  # so far out that an image is near the middle, wherever images lie
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    page.keyboard.press("Enter")
    expect(page.locator("#detail h2")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    clean(seen, exported.as_uri())


@pytest.mark.parametrize("size", [(360, 640), (640, 360), (768, 1024), (2560, 1440)])
def test_a_page_fits_every_screen(see: Visit, exported: Path, size: tuple[int, int]) -> None:
    seen = see((exported / "one.html").as_uri(), size=size, dark=True)
    page = seen.page
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for name in ("#words", "#colour", "#map", "#home"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]
    assert page.locator("#map").bounding_box()["height"] > 150
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(13, 15, 20)"
    clean(seen, exported.as_uri())
