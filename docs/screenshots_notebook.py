"""Takes the picture of a notebook in `notebook.md`: part of `make screenshots`.

It needs Chromium, and the sample indexed. What does not belong here: pictures of the viewer alone.
"""

import shutil
import tempfile
from pathlib import Path

from pictures import ARGUMENTS, HOME, LOOKS, SHARPNESS, save
from playwright.sync_api import expect, sync_playwright

from jupyter_lab import TOKEN, jupyterlab, run_cell, write_notebook  # isort: skip - found through `pictures`

SIZE = {"width": 1300, "height": 1200}
CELLS = [
    'import clipper\n\natlas = clipper.open("data")\nexplorer = atlas.explore(height=600)\nexplorer',
    'explorer.selection[["name", "group", "subgroup"]]',
    'explorer.results[["id", "similarity"]].head(3)',
]
LOADED = """() => [...(window.Bokeh?.documents[0]?._all_models.values() ?? [])]
    .some((model) => model.type === "ColumnDataSource" && model.data.image?.[0]?.length > 4)"""


def main() -> None:
    """Take it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        work = Path(folder) / "work"
        work.mkdir()
        (work / "data").symlink_to(HOME)
        write_notebook(work, CELLS, name="hearts")
        with jupyterlab(work, base="/") as address:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            context = browser.new_context(viewport=SIZE, device_scale_factor=SHARPNESS, color_scheme="light")
            context.add_init_script("localStorage.setItem('clipper-moved', 'yes')")
            page = context.new_page()
            page.goto(f"{address}doc/tree/hearts.ipynb?token={TOKEN}")
            page.get_by_text("| Idle").wait_for(timeout=120_000)
            run_cell(page, 0)
            shown = page.frame_locator("iframe[title^=Clipper]")
            field = shown.locator(".clipper-search input").first
            field.fill("red heart")
            field.press("Enter")
            for number, name in enumerate(("red heart, 0.", "heart suit", "growing heart")):
                shown.locator(f".results .card[aria-label^='{name}']").first.click(modifiers=["Control"])
                expect(shown.locator(".badge.selection")).to_have_text(str(number + 1))
            next(found for found in page.frames if "explorer=" in found.url).wait_for_function(LOADED)
            run_cell(page, 1)
            run_cell(page, 2)
            page.locator(".jp-CodeCell").first.scroll_into_view_if_needed()
            page.wait_for_timeout(2000)
            save(page.screenshot(), LOOKS / "notebook.webp")
            browser.close()


if __name__ == "__main__":
    main()
