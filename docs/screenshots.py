"""Takes the README's pictures from the running viewer: `make screenshots`. Needs Chromium."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "viewer"), str(ROOT / "tests" / "browser")]

from helpers import ask, changed, picture, screen, settled, zoom_at  # noqa: E402 - found through the line above
from server import serving  # noqa: E402

import clipper  # noqa: E402

DOCS = ROOT / "docs"
HOME = Path(os.environ.get("CLIPPER_HOME") or ROOT / "data")
LARGEST = 600_000  # bytes of one picture
SIZE = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
ASIDE = (1150, 28)  # where the pointer touches nothing
AMONG = "strawberry.jpg"  # under the pointer
OPENED = "cat-with-wry-smile.jpg"


def place(image_id: str) -> tuple[float, float]:
    """Where an image of the sample is on the map."""
    atlas = clipper.open(HOME)
    x, y = atlas.xy[atlas.row(image_id)]
    return float(x), float(y)


def middle() -> tuple[float, float]:
    """The image in the middle of the sample, where there are many round about it."""
    atlas = clipper.open(HOME)
    centre = np.median(atlas.xy, axis=0)
    x, y = atlas.xy[np.abs(atlas.xy - centre).sum(1).argmin()]
    return float(x), float(y)


def map_dark(page: Any) -> None:
    """The first view, an image under the pointer."""
    x, y = screen(page, *place(AMONG))
    page.mouse.move(x + 2, y)
    page.mouse.move(x, y)
    page.wait_for_selector(".hover.shown")
    page.wait_for_timeout(500)


def map_light(page: Any) -> None:
    """The same in light."""
    before = picture(page)
    page.get_by_label("Toggle theme").click()
    page.mouse.move(*ASIDE)
    changed(page, before)
    page.wait_for_timeout(700)


def search(page: Any) -> None:
    """Two queries on the map, the results of the second."""
    for text in ("red heart", "cat"):
        ask(page, text)
        page.wait_for_selector(f".results h2:has-text('{text}')", timeout=60_000)
        settled(page)
    page.keyboard.press("Escape")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(700)


def thumbnails(page: Any) -> None:
    """Zoomed in until the images themselves are on the map."""
    zoom_at(page, *middle(), steps=4)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(600)


def detail(page: Any) -> None:
    """A result opened, the map at its place."""
    search(page)
    page.locator(f".results .card[data-id='{OPENED}']").click()
    page.wait_for_selector(".detail .grid .card")
    page.get_by_label("Show on the map").click()
    page.wait_for_timeout(600)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def filtered(page: Any) -> None:
    """Two groups, and what is left of the other columns."""
    page.get_by_role("tab", name="Filter").click()
    for value in ("Animals & Nature", "Food & Drink"):
        page.get_by_label("group", exact=True).get_by_text(value).click()
        page.wait_for_timeout(900)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def chosen(page: Any) -> None:
    """A box drawn round some of the map."""
    page.keyboard.press("b")
    page.mouse.move(300, 330)
    page.mouse.down()
    page.mouse.move(470, 470, steps=6)
    page.mouse.up()
    page.wait_for_selector(".chosen .card")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


PICTURES: dict[str, Callable[[Any], None]] = {
    "map-dark": map_dark,
    "map-light": map_light,
    "search": search,
    "thumbnails": thumbnails,
    "detail": detail,
    "filter": filtered,
    "selection": chosen,
}


def save(png: bytes, target: Path) -> None:
    """Write a picture; one that would be too large loses the lowest bits of its colours."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for bits in (8, 7, 6, 5):
        ImageOps.posterize(image, bits).save(target, optimize=True)
        if target.stat().st_size <= LARGEST:
            break
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Take them all, or those named as arguments."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with serving(HOME) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name in sys.argv[1:] or PICTURES:
            page = browser.new_page(viewport=SIZE)
            page.goto(f"{address}/viewer")
            page.wait_for_selector(".results .card", timeout=60_000)
            page.wait_for_timeout(1500)
            settled(page)
            PICTURES[name](page)
            save(page.screenshot(), DOCS / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
