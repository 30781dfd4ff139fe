"""An open page follows the atlas by itself: what changes on disk is on the map, and nothing else moves."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster_dev import dagster_dev, make_instance, wait_for
from helpers import (
    arrived,
    ask,
    changed,
    colour_by,
    is_named,
    marked,
    markers,
    ranges,
    results,
    screen,
    settled,
    soon,
    zoom_at,
)
from homes import engine_of
from panel_server import serving
from playwright.sync_api import expect

import clipper
from clipper.indexing import run
from clipper.query import Query
from clipper.settings import Settings

Visit = Callable[..., SimpleNamespace]
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "images"


def index(home: Path) -> None:
    run.index(Settings.load(home))


def count(home: Path) -> int:
    return len(list((home / "images").glob("*.jpg")))


def drop(home: Path, number: int = 0) -> str:
    """An image of the sample that the home has not got, put into its folder; its id."""
    have = {path.name for path in (home / "images").iterdir()}
    source = [path for path in sorted(SAMPLE.glob("*.jpg")) if path.name not in have][37 * (number + 1)]
    shutil.copy2(source, home / "images")
    return source.name


def place(home: Path, image_id: str) -> tuple[float, float]:
    atlas = clipper.open(home)
    x, y = atlas._engine.xy[atlas._engine.row(image_id)]
    return float(x), float(y)


def shows(page: Any, images: int, *, seconds: float = 60) -> None:
    """Wait until the page counts so many images."""
    page.wait_for_selector(f".status .line:has-text('{images} images')", timeout=1000 * seconds)


def headline(page: Any) -> str:
    """What the notice says, once it has come into view: text that is not visible yet reads as none."""
    page.wait_for_selector(".notice .headline", state="visible")
    return page.locator(".notice .headline").inner_text()


def dismiss(page: Any) -> None:
    page.get_by_role("button", name="Dismiss").click()
    page.wait_for_selector(".notice .headline", state="detached")


LOADED = "el => el.complete && el.naturalWidth > 50"


def hover(page: Any, x: float, y: float) -> None:
    """Rest on a place of the map until a card is shown."""
    px, py = screen(page, x, y)
    page.mouse.move(px + 3, py + 3)
    page.wait_for_timeout(150)
    page.mouse.move(px, py)
    page.wait_for_selector(".hover.shown")


def fetched(page: Any, size: str, image_id: str, stamp: str = "") -> int:
    """The status of the image route, asked from outside the page: a 404 would be an error of the page."""
    base = page.url.partition("?")[0]
    return page.context.request.get(f"{base}/img/{size}/{image_id}?is={stamp}").status


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, home_at: Callable[[Path, int], Path]) -> Path:
    made = home_at(tmp_path_factory.mktemp("following") / "home", 80)
    index(made)
    return made


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield f"{address}/viewer"


@pytest.mark.slow
def test_images_that_lie_on_axes_still_do_in_the_next_version(visit: Visit, url: str, home: Path) -> None:
    seen = visit(f"{url}?x=a+red+thing+%3C-%3E+a+blue+thing&y=column:bytes")
    page = seen.page
    words = page.locator(".axes-over .word")
    expect(words.filter(has_text="a blue thing →")).to_be_attached()
    on_axes = settled(page)
    drop(home, 3)
    index(home)
    shows(page, count(home))
    assert changed(page, on_axes) != on_axes
    expect(words.filter(has_text="a blue thing →")).to_be_attached()
    expect(page.get_by_role("button", name="Axes", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("x=a[+]red[+]thing"))
    dismiss(page)
    assert seen.errors == []


@pytest.mark.slow
def test_a_new_image_arrives_and_nothing_else_moves(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    settled(page)
    zoom_at(page, *place(home, clipper.open(home).ids[40]), steps=2)
    page.mouse.move(1100, 400)
    before = ranges(page)
    fresh = drop(home)
    index(home)
    shows(page, count(home))
    assert headline(page) == "+1 image"
    expect(page.locator(".status .line")).to_have_text(re.compile(r"indexed .+ · \+1$"))
    assert ranges(page) == pytest.approx(before)
    notice = page.locator(".notice .words")
    expect(notice).to_have_attribute("role", "status")
    expect(notice).to_have_attribute("aria-live", "polite")
    before = ranges(page)
    page.get_by_role("button", name="Show new").click()
    arrived(page, before)
    settled(page)
    hover(page, *place(home, fresh))
    expect(page.locator(".hover .label")).to_have_text(Path(fresh).stem)
    page.mouse.move(1100, 400)
    for _ in range(40):  # by the keyboard, from wherever one is
        page.keyboard.press("Tab")
        if page.get_by_role("button", name="Dismiss").evaluate("el => el.matches(':focus-visible')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".notice .headline", state="detached")
    assert seen.errors == []


def test_a_deleted_image_vanishes_and_its_open_detail_closes(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    ask(page, "animal face")
    page.wait_for_selector(".results .score")
    first = page.locator(".results .card").first
    gone, label = first.get_attribute("data-id"), first.locator(".label").inner_text()
    stamp = engine_of(home).hashes[engine_of(home).row(gone)].hex()
    page.locator(".results .card").nth(1).evaluate("el => { window.kept = el }")
    (home / "images" / gone).unlink()
    first.click()
    page.wait_for_selector(".detail .lost:has-text('gone or was moved')")
    soon(page, lambda: page.locator(".detail img.full").evaluate(LOADED))
    index(home)
    page.wait_for_selector(".detail .sheet", state="detached")
    shows(page, count(home))
    assert headline(page) == "−1 image"  # noqa: RUF001
    expect(page.locator(".notice .words")).to_contain_text(f"“{label}”, which was open, was removed")
    expect(page.get_by_role("button", name="Show new")).to_have_count(0)
    assert not [text for text in results(page) if text.startswith(f"{label},")]
    expect(page.locator(".results h2")).to_have_text("animal face")
    assert page.evaluate("window.kept.isConnected")  # the other results are the same elements
    assert page.locator(".results .card").first.evaluate("el => el === window.kept")
    for size in ("thumb", "full"):
        assert fetched(page, size, gone) == 404
        wait_for(lambda size=size: fetched(page, size, gone, stamp) == 404, "the end of other sessions")
    assert seen.errors == []


@pytest.mark.slow
def test_edited_metadata_is_shown_in_an_open_detail(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    page.locator(".results .card").first.click()
    page.wait_for_selector(".detail .alike .card")
    image = Path(page.locator(".detail .path").inner_text()).name
    page.locator(".detail img.full").evaluate("el => { window.kept = el }")
    entries = {
        path.stem: {"mood": "sunny" if path.name == image else "plain"}
        for path in (home / "images").iterdir()
    }
    (home / "images" / "metadata.json").write_text(json.dumps(entries))
    index(home)
    page.wait_for_selector(".detail dd:has-text('sunny')")
    assert page.evaluate("window.kept.isConnected")
    assert headline(page) == f"New metadata for {count(home)}"
    colour_by(page, "mood")
    page.wait_for_selector(".legend .line")
    assert seen.errors == []


@pytest.mark.slow
def test_a_map_laid_out_anew_keeps_the_query_and_fits_an_untouched_view(
    visit: Visit, url: str, home: Path
) -> None:
    seen = visit(url)
    page = seen.page
    ask(page, "flag")
    page.wait_for_selector(".results h2:has-text('flag')")
    before = results(page)
    config = home / "clipper.toml"
    config.write_text(f"{config.read_text()}umap_seed = {time.monotonic_ns() % 1000}\n")
    index(home)
    page.wait_for_selector(".notice:has-text('The map was laid out anew.')")
    assert results(page) == before
    atlas = clipper.open(home)
    hits = atlas._engine.rank(Query(text="flag"), k=60)
    marked(page, {"flag"})
    place = pytest.approx((hits.x, hits.y), abs=1e-4)
    soon(page, lambda: [(star["x"][0], star["y"][0]) for star in (markers(page),)] == [place])
    settled(page)
    seen_now, (x0, x1, y0, y1) = ranges(page), atlas._engine.view
    assert seen_now["x0"] < x0 < x1 < seen_now["x1"]
    assert seen_now["y0"] < y0 < y1 < seen_now["y1"]
    places = [tuple(map(float, atlas._engine.xy[row])) for row in hits.rows]
    hover(page, *next(place for place in places if not is_named(page, *place)))
    assert seen.errors == []


@pytest.mark.slow
def test_whoever_drags_is_not_disturbed(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    settled(page)
    page.mouse.move(500, 400)
    page.mouse.down()
    page.mouse.move(540, 430, steps=4)
    drop(home)
    index(home)
    page.wait_for_timeout(3500)
    expect(page.locator(".notice .headline")).to_have_count(0)
    held = ranges(page)
    page.mouse.up()
    shows(page, count(home))
    assert ranges(page) == pytest.approx(held)
    assert seen.errors == []


@pytest.mark.slow
def test_a_tab_that_is_hidden_waits_for_nobody(visit: Visit, url: str, home: Path) -> None:
    hide = "Object.defineProperty(Document.prototype, 'hidden', {get: () => window.away ?? false})"
    seen = visit(url, before=hide)
    page = seen.page
    page.mouse.move(500, 400)
    page.mouse.down()
    drop(home)
    index(home)
    page.wait_for_timeout(2500)
    expect(page.locator(".notice .headline")).to_have_count(0)
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    shows(page, count(home))
    assert headline(page) == "+1 image"
    assert seen.errors == []


@pytest.mark.slow
def test_two_pages_follow_ten_versions_in_a_row_and_a_search_goes_on(
    visit: Visit, url: str, home: Path
) -> None:
    pages = [visit(url), visit(url, width=420, height=800)]
    dropped = []
    for number in range(5):
        dropped.append(drop(home, number))
        index(home)
        ask(pages[0].page, f"query {number}")
        pages[0].page.wait_for_selector(f".results h2:has-text('query {number}')")
    for name in dropped[:4]:
        (home / "images" / name).unlink()
        index(home)
    config = home / "images" / "metadata.json"
    config.write_text(json.dumps({Path(dropped[4]).stem: {"mood": "late"}}))
    index(home)
    for seen in pages:
        page = seen.page
        shows(page, count(home))
        page.wait_for_function(  # of the versions in between any number may have been passed over
            "(n) => { const all = [...Bokeh.documents[0]._all_models.values()];"
            " return all.some((m) => m.data?.headline?.startsWith('+1 image')) }",
            arg=None,
        )
        assert seen.errors == []
    pages[0].page.wait_for_selector(".results h2:has-text('query 4')")
    marked(pages[0].page, {f"query {number}" for number in range(5)})
    assert len(results(pages[0].page)) == min(60, count(home))
    box = pages[1].page.locator(".notice.shown").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 420


@pytest.mark.slow
def test_what_cannot_be_read_is_reported_and_the_page_stays(visit: Visit, url: str, home: Path) -> None:
    seen = visit(url)
    page = seen.page
    published = home / "store" / "current.json"
    whole = published.read_bytes()
    published.write_text("{")
    page.wait_for_selector(".status .trouble")
    assert page.locator(".results .card").count() > 0
    late = visit(url)
    shows(late.page, count(home))
    away = home.rename(home.with_name("away"))
    page.wait_for_timeout(2500)
    page.locator(".results .card").nth(3).click()
    page.wait_for_selector(".detail .lost:has-text('gone or was moved')")
    soon(page, lambda: page.locator(".detail img.full").evaluate(LOADED))
    page.keyboard.press("Escape")
    away.rename(home)
    published.write_bytes(whole)
    page.wait_for_selector(".status .trouble", state="detached")
    assert seen.errors == late.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 0.3, 0.6])
def test_a_page_that_still_loads_is_told_what_cannot_be_read(
    visit: Visit, url: str, home: Path, after: float
) -> None:
    page = visit(url, ready=False).page
    published = home / "store" / "current.json"
    whole = published.read_bytes()
    time.sleep(after)
    published.write_text("{")
    page.wait_for_selector(".status .trouble")
    published.write_bytes(whole)
    page.wait_for_selector(".status .trouble", state="detached")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_dropped_jpeg_is_on_the_open_map_within_two_minutes_with_nobody_touching_anything(
    visit: Visit, small_home: Path, tmp_path: Path
) -> None:
    with dagster_dev(small_home, make_instance(tmp_path / "dagster")):
        wait_for(lambda: clipper.published_version(small_home), "the first atlas")
        with serving(small_home) as address:
            seen = visit(f"{address}/viewer")
            page = seen.page
            settled(page)
            whole = ranges(page)
            page.get_by_label("Zoom out").click()
            before = arrived(page, whole)
            fresh = drop(small_home)
            shows(page, 25, seconds=120)
            assert headline(page) == "+1 image"
            assert ranges(page) == pytest.approx(before)
            hover(page, *place(small_home, fresh))
            expect(page.locator(".hover .label")).to_have_text(Path(fresh).stem)
            page.mouse.move(1100, 700)
            stamp = engine_of(small_home).hashes[engine_of(small_home).row(fresh)].hex()
            assert fetched(page, "thumb", fresh, stamp) == 200
            (small_home / "images" / fresh).unlink()
            shows(page, 24, seconds=120)
            expect(page.locator(f".results .card[data-id='{fresh}']")).to_have_count(0)
            assert fetched(page, "thumb", fresh, stamp) == fetched(page, "full", fresh) == 404
            assert ranges(page) == pytest.approx(before)
            assert seen.errors == []


@pytest.mark.slow
def test_what_was_indexed_last_has_a_colour_a_filter_and_a_run_of_its_own(
    visit: Visit, small_home: Path
) -> None:
    index(small_home)
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer")
        page = seen.page
        drop(small_home)
        time.sleep(1.1)  # a run of another second
        index(small_home)
        shows(page, 25)
        colour_by(page, "Indexed")
        page.wait_for_selector(".legend .histogram")
        page.get_by_role("tab", name="Filter").click()
        ends = page.locator("section.facet[aria-label='Indexed']").get_by_role("slider")
        ends.first.focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector(".filters .passing b:text-is('1')")
        page.locator(".status button.line").click()
        page.wait_for_selector(".overview .runs li >> nth=1")
        runs = page.locator(".overview .runs li").all_inner_texts()
        assert ["+1 new" in runs[0], "+24 new" in runs[1]] == [True, True]
        assert (seen.errors, seen.elsewhere) == ([], [])
