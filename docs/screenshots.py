"""Takes the pictures of the README and of `docs/` from the running viewer: `make screenshots`.

It needs Chromium, and the sample indexed. Each state is taken dark and light. A copy of the sample, whose
flags and a few altered copies came later, shows what is double and what has changed.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from page_states import OF_LABELS, OF_THE_COPY, OF_TWO_MODELS, STATES
from pictures import (
    ARGUMENTS,
    HOME,
    LOOKS,
    ROOT,
    SHARPNESS,
    SIZE,
    altered_copy,
    labelled_shelves,
    save,
    with_second_model,
)
from playwright.sync_api import sync_playwright

from viewer.components.page.theme_cookie import COOKIE

from helpers import settled  # isort: skip - found through `pictures`
from panel_server import serving  # isort: skip

# No picture tells where the sample lies on the machine that takes it.
ELSEWHERE = """(root) => {
  const rename = (node) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE && child.data.includes(root)) {
        child.data = child.data.replaceAll(root, "~/clipper")
      }
      rename(child)
    }
    if (node.shadowRoot) { rename(node.shadowRoot) }
  }
  rename(document.body)
}"""


def take(browser: Any, address: str, state: str, theme: str, root: Path) -> bytes:
    """A picture of one state of the page, PNG; `root` is the folder that it does not tell."""
    context = browser.new_context(viewport=SIZE, device_scale_factor=SHARPNESS)
    context.add_cookies([{"name": COOKIE, "value": theme, "url": address}])
    page = context.new_page()
    if state != "first":  # only a first visit has the first words
        page.add_init_script("localStorage.setItem('clipper-moved', 'yes')")
    page.goto(f"{address}/viewer")
    page.wait_for_selector(".results .card", timeout=60_000)
    page.wait_for_timeout(1500)
    settled(page)
    ({**STATES, **OF_THE_COPY, **OF_LABELS, **OF_TWO_MODELS})[state](page)
    page.evaluate(ELSEWHERE, str(root))
    png: bytes = page.screenshot()
    context.close()
    return png


@contextmanager
def sample() -> Iterator[Path]:
    """The sample's home."""
    yield HOME


@contextmanager
def copied() -> Iterator[Path]:
    """The altered copy of it, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield altered_copy(Path(folder))


@contextmanager
def labelled() -> Iterator[Path]:
    """A home of pictures with labels, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield labelled_shelves(Path(folder))


@contextmanager
def of_two_models() -> Iterator[Path]:
    """A copy of the sample's home with a second model, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        yield with_second_model(Path(folder))


def main() -> None:
    """Take them all, or those of the states named as arguments."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    LOOKS.mkdir(exist_ok=True)
    homes = (
        (sample, STATES), (copied, OF_THE_COPY), (labelled, OF_LABELS), (of_two_models, OF_TWO_MODELS)
    )  # fmt: skip
    wanted = sys.argv[1:] or [state for _, states in homes for state in states]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for home, states in homes:
            if taken := [state for state in wanted if state in states]:
                with home() as folder, serving(folder) as address:
                    root = ROOT if folder == HOME else folder.parent
                    for state in taken:
                        for theme in ("dark", "light"):
                            save(take(browser, address, state, theme, root), LOOKS / f"{state}-{theme}.webp")
        browser.close()


if __name__ == "__main__":
    main()
