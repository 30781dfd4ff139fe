"""File names, metadata and a missing index: nothing of it runs, nothing of it breaks the page."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import arrived, ask, ranges, settled
from server import serving

import clipper
from clipper import indexing
from clipper.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "data"
EVIL = '"><img src=x onerror=alert(1)>'
EVILS = [
    EVIL,
    "<script>alert(2)</script>",
    "javascript:alert(3)",
    "{{7*7}}<svg onload=alert(4)>",
    "$$\\href{javascript:alert(5)}{x}$$",
]


def hostile_home(home: Path) -> Path:
    """Images whose names, folders, metadata keys and values are all payloads."""
    images = home / "images"
    images.mkdir(parents=True)
    model = DATA / "models" / "clip-emoji"
    (home / "clipper.toml").write_text(f'title = \'{EVIL}\'\nimages = "images"\nmodel = "{model}"\n')
    told = {}
    for number, file in enumerate(sorted((DATA / "images").glob("*.jpg"))[::160]):
        evil = EVILS[number % len(EVILS)]
        name = f"{number} {evil.replace('/', '_')}"
        shutil.copy2(file, images / f"{name}.jpg")
        told[name] = {
            evil: evil,
            EVIL: EVILS[number % 2],
            "kind": EVILS[number % 3],
            "name": evil,
            "list": [evil, EVIL],
            "n": number,
        }
    (images / "metadata.json").write_text(json.dumps(told))
    indexing.index(Settings.load(home))
    return home


def test_no_payload_runs_in_any_view(visit: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    with serving(hostile_home(tmp_path / "hostile")) as address:
        seen = visit(f"{address}/viewer")
        page = seen.page
        settled(page)
        for name in ("kind", EVIL):
            page.locator(".clipper-colour").get_by_role("combobox").click()
            page.get_by_role("menuitem").get_by_text(name, exact=True).click()
            page.wait_for_timeout(300)
        page.locator(".legend .toggle").first.click()
        page.get_by_role("tab", name="Filter").click()
        for part in page.locator(".facet .value:visible").all()[:8]:
            part.click()
        page.locator(".facet [type=search]:visible").first.fill(EVIL)
        page.wait_for_selector(".filters .chip")
        page.wait_for_timeout(300)
        assert EVIL in page.locator(".filters .bar").inner_text()
        page.locator(".filters .clear").click()
        page.wait_for_selector(".filters .chip", state="detached")
        ask(page, EVIL)
        page.wait_for_selector(".results .score", timeout=60_000)
        for card in range(6):
            page.locator(".results .card").nth(card).hover()
            page.locator(".results .card").nth(card).click()
            page.wait_for_selector(".detail .sheet")
            page.keyboard.press("Escape")
            page.wait_for_selector(".detail .sheet", state="detached")
        box = page.locator(".clipper-map").bounding_box()
        for step in range(30):
            page.mouse.move(box["x"] + 250 + step * 15, box["y"] + 150 + step * 12)
            page.wait_for_timeout(40)
        page.wait_for_timeout(500)
        assert EVIL in page.locator(".results .root").inner_text()
        assert seen.dialogs == []
        assert seen.elsewhere == []
        assert seen.errors == []


def test_without_an_index_the_page_says_what_to_type_and_opens_later(
    visit: Callable[..., SimpleNamespace], small_home: Path
) -> None:
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer", ready=False)
        page = seen.page
        page.wait_for_selector("text=No index yet", timeout=60_000)
        assert "clipper index" in page.locator("pre").inner_text()
        indexing.index(Settings.load(small_home))
        page.wait_for_selector(".results .card", timeout=60_000)
        assert seen.elsewhere == []
        assert seen.errors == []


@pytest.mark.slow
def test_a_new_version_is_taken_and_an_untouched_first_view_fits_it(
    visit: Callable[..., SimpleNamespace], small_home: Path
) -> None:
    indexing.index(Settings.load(small_home))
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer")
        page = seen.page
        settled(page)
        assert "24 images" in page.locator(".status .line").inner_text()
        shutil.copy2(DATA / "images" / "red-heart.jpg", small_home / "images" / "one-more.jpg")
        atlas = clipper.open(small_home)
        for row in atlas.xy[:, 0].argsort()[:6]:  # the map's left side: the next one is narrower
            Path(atlas.path(row)).unlink()
        indexing.index(Settings.load(small_home))
        page.wait_for_selector(".status .line:has-text('19 images')", timeout=60_000)
        assert "+1 image, −6" in page.locator(".notice .headline").inner_text()  # noqa: RUF001
        settled(page)
        whole = clipper.open(small_home).view
        assert whole != pytest.approx(atlas.view, abs=1e-2)
        shown = ranges(page)
        assert shown["x0"] < whole[0] < whole[1] < shown["x1"]
        assert shown["y0"] < whole[2] < whole[3] < shown["y1"]
        page.get_by_label("Zoom in").click()
        inner = arrived(page, shown)
        page.get_by_label("Show the whole map").click()
        assert arrived(page, inner) == pytest.approx(shown)
        assert seen.errors == []
