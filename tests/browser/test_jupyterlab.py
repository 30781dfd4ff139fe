"""A notebook in a real JupyterLab: the viewer in a cell's output, and what the next cells read of it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import PICTURE
from jupyter_lab import TOKEN, jupyterlab, run_cell, write_notebook
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]
CELLS = [
    'import clipper\n\natlas = clipper.open("HOME")\nexplorer = atlas.explore(height=600PROXY)\nexplorer',
    'explorer.search("a cat")\nprint("found", explorer.results["id"][0])',
    'print("selected", *explorer.selection.index)',
    'atlas.plot(color="group")',
    "explorer.stop()\nexplorer",
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_a_cell_shows_the_viewer_and_the_next_ones_read_it(
    sample_home: Path, tmp_path: Path, visit: Visit, proxied: bool
):
    base = "/user/ada/" if proxied else "/"
    proxy = f', proxy="{base}"' if proxied else ""
    (tmp_path / "work").mkdir()
    cells = [text.replace("HOME", str(sample_home)).replace("PROXY", proxy) for text in CELLS]
    write_notebook(tmp_path / "work", cells)
    with jupyterlab(tmp_path / "work", base=base) as address:
        seen = visit(f"{address}lab/tree/look.ipynb?token={TOKEN}", ready=False, height=1000, width=1400)
        page = seen.page
        page.get_by_text("| Idle").wait_for()
        run_cell(page, 0)
        shown = page.frame_locator("iframe[title^=Clipper]")
        shown.locator(".results .card").first.wait_for()
        inside = next(found for found in page.frames if "explorer=" in found.url)
        assert ("/proxy/" in inside.url) is proxied
        inside.wait_for_function(PICTURE)
        expect(run_cell(page, 1)).to_contain_text("found cat.jpg")
        expect(shown.locator(".clipper-search input").first).to_have_value("a cat")
        for number, name in enumerate(("cat, 0.", "kissing cat")):
            shown.locator(f".results .card[aria-label^='{name}']").first.click(modifiers=["Control"])
            expect(shown.locator(".badge.selection")).to_have_text(str(number + 1))
        expect(run_cell(page, 2)).to_contain_text("selected cat.jpg kissing-cat.jpg")
        expect(run_cell(page, 3).locator("img")).to_be_visible()
        expect(run_cell(page, 4)).to_contain_text("The explorer is stopped.")
        assert seen.elsewhere == []
