"""A person who has never seen it finds "all cats that are not faces", chooses and exports them."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from helpers import arrived, ask, ranges, results, screen, settled
from playwright.sync_api import expect

import clipper

Visit = Callable[..., SimpleNamespace]
CATS = ("cat.jpg", "black-cat.jpg")


def test_all_cats_that_are_not_faces_are_found_chosen_and_exported(
    visit: Visit, viewer_url: str, sample_home: Path
) -> None:
    atlas = clipper.open(sample_home)
    at = {id_: place for id_, place in zip(atlas.ids, atlas._engine.xy, strict=True) if "cat" in id_}
    atlas.close()
    seen = visit(viewer_url, width=1440, height=900)
    page = seen.page
    ask(page, "cat -face")
    page.wait_for_selector(".results h2:has-text('cat -face')")
    assert results(page)[0].startswith("cat, 0.")
    page.get_by_role("tab", name="Filter").click()
    page.get_by_label("name contains").fill("cat")
    page.wait_for_selector(".filters .chip")
    page.get_by_role("tab", name="Results").click()
    expect(page.locator(".results .card").filter(has_not_text="cat")).to_have_count(0)
    before = ranges(page)
    page.get_by_text("Zoom to results").click()
    arrived(page, before)
    settled(page)
    page.keyboard.press("b")
    corners = [(f(at[name][0] for name in CATS), f(at[name][1] for name in CATS)) for f in (min, max)]
    (x0, y0), (x1, y1) = (screen(page, *map(float, corner)) for corner in corners)
    spots = {id_: screen(page, *map(float, place)) for id_, place in at.items()}
    within = {id_ for id_, (x, y) in spots.items() if x0 - 12 <= x <= x1 + 12 and y1 - 12 <= y <= y0 + 12}
    assert {*CATS} <= within  # others, where this processor lays the map out so
    page.mouse.move(x0 - 12, y0 + 12)
    page.mouse.down()
    page.mouse.move(x1 + 12, y1 - 12, steps=5)
    page.mouse.up()
    page.wait_for_selector(".chosen .card")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV table").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"), newline="")))
    assert {row["id"] for row in rows} == within
    assert (seen.errors, seen.elsewhere, seen.dialogs) == ([], [], [])
