"""Takes the pictures of several atlases in `looks.md`: part of `make screenshots`.

It needs Chromium, and the sample indexed. Beside the sample lies its altered copy. What does not belong here:
pictures of one atlas (`screenshots.py`).
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pictures import ARGUMENTS, HOME, LOOKS, SHARPNESS, SIZE, altered_copy, save
from playwright.sync_api import sync_playwright

from panel_server import serving  # isort: skip - found through `pictures`

QUERY = "red heart"


def cards(page: Any, address: str) -> None:
    """The atlases, to choose from."""
    page.goto(address)
    page.wait_for_load_state("networkidle")


def compared(page: Any, address: str) -> None:
    """Two atlases that answer one query."""
    page.goto(f"{address}/compare?left=emoji&right=with-copies&q={QUERY}")
    for name in ("left", "right"):
        side = page.frame_locator(f"iframe[name={name}]")
        side.locator(".results h2", has_text=QUERY).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)


def main() -> None:
    """Take them."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        homes = {"emoji": str(HOME), "with-copies": str(altered_copy(Path(folder)))}
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        with serving(None, environment={"CLIPPER_HOMES": json.dumps(homes)}) as address:
            for state, take in (("atlases", cards), ("two-atlases", compared)):
                for theme in ("dark", "light"):
                    context = browser.new_context(
                        viewport=SIZE, device_scale_factor=SHARPNESS, color_scheme=theme
                    )
                    context.add_init_script("localStorage.setItem('clipper-moved', 'yes')")
                    page = context.new_page()
                    take(page, address)
                    save(page.screenshot(), LOOKS / f"{state}-{theme}.webp")
                    context.close()
        browser.close()


if __name__ == "__main__":
    main()
