"""Takes the pictures of the README and of `docs/` from the running viewer: `make screenshots`.

It needs Chromium.
Each state is taken dark and light.
"""

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from clipper.atlas.engine import SearchEngine
from clipper.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "viewer"), str(ROOT / "tests" / "browser")]

from helpers import ask, changed, picture, screen, settled, zoom_at  # noqa: E402 - found through the line above
from panel_server import serving  # noqa: E402

from viewer.components.page.theme_cookie import COOKIE  # noqa: E402

LOOKS = ROOT / "docs" / "looks"
HOME = Path(os.environ.get("CLIPPER_HOME") or ROOT / "data")
SIZE = {"width": 1280, "height": 800}
SHARPNESS = 1.5  # pixels of a picture for each of the page
QUALITY = 86
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
ASIDE = (1150, 28)  # where the pointer touches nothing
AMONG = "strawberry.jpg"  # under the pointer
OPENED = "cat-with-wry-smile.jpg"


def place(image_id: str) -> tuple[float, float]:
    """Where an image of the sample is on the map."""
    atlas = SearchEngine(Settings.load(HOME))
    x, y = atlas.xy[atlas.row(image_id)]
    return float(x), float(y)


def middle() -> tuple[float, float]:
    """The image in the middle of the sample, where there are many round about it."""
    atlas = SearchEngine(Settings.load(HOME))
    centre = np.median(atlas.xy, axis=0)
    x, y = atlas.xy[np.abs(atlas.xy - centre).sum(1).argmin()]
    return float(x), float(y)


def first(page: Any) -> None:
    """The first view, an image under the pointer."""
    x, y = screen(page, *place(AMONG))
    page.mouse.move(x + 2, y)
    page.mouse.move(x, y)
    page.wait_for_selector(".hover.shown")
    page.wait_for_timeout(500)


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


def combined(page: Any) -> None:
    """Cats that are not faces: terms as chips, each with its weight."""
    ask(page, "cat -face")
    page.wait_for_selector(".results h2:has-text('cat -face')", timeout=60_000)
    settled(page)
    page.keyboard.press("Escape")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(700)


def similar(page: Any) -> None:
    """All points coloured by how similar they are to the query."""
    search(page)
    page.locator(".clipper-colour").get_by_role("combobox").click()
    before = picture(page)
    page.get_by_role("menuitem", name="Search similarity").click()
    page.keyboard.press("Escape")
    changed(page, before)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def overview(page: Any) -> None:
    """What the dataset is made of, and the last runs."""
    page.locator(".status").get_by_role("button").first.click()
    page.wait_for_selector(".overview h2")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def keys(page: Any) -> None:
    """What the keys do."""
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_timeout(900)


STATES: dict[str, Callable[[Any], None]] = {
    "first": first,
    "search": search,
    "terms": combined,
    "similarity": similar,
    "thumbnails": thumbnails,
    "detail": detail,
    "filter": filtered,
    "selection": chosen,
    "overview": overview,
    "keys": keys,
}


def save(png: bytes, target: Path) -> None:
    """Write a picture."""
    Image.open(io.BytesIO(png)).convert("RGB").save(target, quality=QUALITY, method=6)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def take(browser: Any, address: str, state: str, theme: str, size: dict[str, int]) -> bytes:
    """A picture of one state of the page, PNG."""
    context = browser.new_context(viewport=size, device_scale_factor=SHARPNESS)
    context.add_cookies([{"name": COOKIE, "value": theme, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/viewer")
    page.wait_for_selector(".results .card", timeout=60_000)
    page.wait_for_timeout(1500)
    settled(page)
    STATES[state](page)
    png: bytes = page.screenshot()
    context.close()
    return png


def main() -> None:
    """Take them all, or those of the states named as arguments."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    LOOKS.mkdir(exist_ok=True)
    with serving(HOME) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for state in sys.argv[1:] or STATES:
            for theme in ("dark", "light"):
                save(take(browser, address, state, theme, SIZE), LOOKS / f"{state}-{theme}.webp")
        browser.close()


if __name__ == "__main__":
    main()
