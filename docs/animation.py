"""Takes the animation at the top of the README: `python docs/animation.py`, a part of `make screenshots`.

It needs Chromium, and the sample indexed. The browser itself sends its pictures while a script moves the
pointer and types. What does not belong here: pictures of single states (`screenshots.py`).
"""

import base64
import io
import shutil
from collections.abc import Callable
from typing import Any

from page_states import OPPOSITES, middle
from pictures import ARGUMENTS, HOME, LOOKS, ROOT
from PIL import Image
from playwright.sync_api import sync_playwright

from helpers import ask, screen, settled  # isort: skip - found through `pictures`
from panel_server import serving  # isort: skip

SIZE = {"width": 1200, "height": 750}
SHOWN = (900, 562)  # pixels of a frame
RATE = 8  # frames a second
QUALITY = 55
# The pointer is not part of a browser's pictures.
POINTER = """addEventListener("DOMContentLoaded", () => {
  const dot = document.createElement("div")
  dot.style.cssText = "position:fixed;z-index:99999;width:18px;height:18px;margin:-9px;border-radius:9px;" +
    "background:#4f46e580;border:2px solid #fff;box-shadow:0 0 3px #0008;pointer-events:none;left:-50px"
  document.body.append(dot)
  addEventListener("pointermove", (event) => {
    dot.style.left = event.clientX + "px"
    dot.style.top = event.clientY + "px"
  }, true)
})"""

Frame = tuple[float, bytes]


def play(page: Any) -> None:
    """What a person does in twenty seconds: look, zoom, ask, put on axes, go back."""
    wait = page.wait_for_timeout
    wait(1200)
    page.mouse.move(*screen(page, *middle()), steps=12)
    for _ in range(5):
        page.mouse.wheel(0, -220)
        wait(380)
    wait(900)
    page.keyboard.press("0")
    wait(1200)
    ask(page, "")
    page.keyboard.type("cat", delay=140)
    page.keyboard.press("Enter")
    page.wait_for_selector(".results h2:has-text('cat')")
    wait(2600)
    page.locator(".results .card").nth(1).hover()
    wait(1200)
    form = page.locator(".axes-form")
    click(page, form.get_by_role("button", name="Axes", exact=True))
    for axis, words in OPPOSITES.items():
        form.get_by_label(f"{axis}: two opposites, or one word").focus()
        page.keyboard.type(words, delay=35)
        page.keyboard.press("Enter")
        wait(1900)
    wait(900)
    click(page, form.get_by_role("button", name="Map", exact=True))
    wait(2200)


def click(page: Any, target: Any) -> None:
    """Move the pointer to an element as a hand does, and press."""
    box = target.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=12)
    target.click()


def filmed(page: Any, act: Callable[[Any], None]) -> list[Frame]:
    """Do something; return the pictures that the browser sent meanwhile, each with its time in seconds."""
    frames: list[Frame] = []
    film = page.context.new_cdp_session(page)

    def keep(event: dict[str, Any]) -> None:
        frames.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        film.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    film.on("Page.screencastFrame", keep)
    film.send("Page.startScreencast", {"format": "jpeg", "quality": 92})
    act(page)
    film.send("Page.stopScreencast")
    return frames


def evenly(frames: list[Frame]) -> list[Image.Image]:
    """Return the pictures at even steps of time, in the size that is shown."""
    start, end = frames[0][0], frames[-1][0]
    shown, at = [], 0
    for number in range(int((end - start) * RATE) + 1):
        while at + 1 < len(frames) and frames[at + 1][0] <= start + number / RATE:
            at += 1
        picture = Image.open(io.BytesIO(frames[at][1])).convert("RGB")
        shown.append(picture.resize(SHOWN, Image.Resampling.LANCZOS))
    return shown


def main() -> None:
    """Take it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with serving(HOME) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        context = browser.new_context(viewport=SIZE, color_scheme="light")
        context.add_init_script("localStorage.setItem('clipper-moved', 'yes')")
        context.add_init_script(POINTER)
        for _ in range(2):  # the second visit is the one to film: the model is loaded
            page = context.new_page()
            page.goto(f"{address}/viewer")
            page.wait_for_selector(".results .card", timeout=60_000)
            settled(page)
            ask(page, "warm")
            page.wait_for_selector(".results h2:has-text('warm')", timeout=60_000)
            page.get_by_text("Clear searches").click()
            page.wait_for_selector(".suggestions")
        frames = evenly(filmed(page, play))
        browser.close()
    target = LOOKS / "tour.webp"
    frames[0].save(
        target, save_all=True, append_images=frames[1:], duration=round(1000 / RATE), loop=0,
        quality=QUALITY, method=6, minimize_size=True,
    )  # fmt: skip
    seconds = len(frames) / RATE
    print(f"{target.relative_to(ROOT)}: {seconds:.0f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
