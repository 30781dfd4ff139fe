"""The query bar and the results: terms, images, pages, threshold, marks on the map."""

import io
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import arrived, ask, marked, ranges, results, screen, settled, soon, within_a_minute, zoom_at
from PIL import Image
from playwright.sync_api import expect

import clipper
from clipper.query import Query

Visit = Callable[..., SimpleNamespace]
EVIL = "<img src=x onerror=alert(1)>.png"
# Files or a link, given to the page as a drop or a paste would.
GIVE = """([kind, files, link]) => {
  const data = new DataTransfer()
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  files.forEach(([name, type, text]) => data.items.add(new File([bytes(text)], name, {type})))
  if (link) { data.setData("text/uri-list", link) }
  const more = {bubbles: true, cancelable: true}
  document.body.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, {clipboardData: data, ...more})
    : new DragEvent(kind, {dataTransfer: data, ...more}))
}"""


def heading(page: Any, text: str) -> None:
    page.wait_for_selector(f".results h2:text-is('{text}')")


def give(page: Any, kind: str, *files: tuple[str, bytes], link: str = "") -> None:
    page.evaluate(GIVE, [kind, [[name, "image/png", b64encode(data).decode()] for name, data in files], link])


def refusal(page: Any, words: str) -> str:
    page.wait_for_selector(f".results .error:has-text('{words}')")
    return page.locator(".results .error").inner_text()


def png(home: Path, image_id: str) -> bytes:
    out = io.BytesIO()
    Image.open(home / "images" / image_id).save(out, "PNG")
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 3.6 thousand million pixels."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"0" * 99)),
    ]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.slow
def test_terms_are_added_weighed_turned_and_removed(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page, bar = seen.page, seen.page.locator(".clipper-search input.words")
    ask(page, "cat -face")
    heading(page, "cat -face")
    expect(page.locator(".terms .term")).to_have_count(2)
    weak = results(page)
    weight = page.get_by_label("Weight of face")
    expect(weight).to_have_value("0.3")
    weight.fill("0.6")
    weight.press("Enter")
    heading(page, "cat -face^0.6")
    assert results(page) != weak
    expect(bar).to_have_value("cat -face^0.6")
    page.get_by_label("Remove face", exact=True).click()
    heading(page, "cat")
    expect(page.locator(".terms .term")).to_have_count(0)
    cell = page.locator(".results .cell", has_text="cat face")
    cell.hover()
    cell.get_by_label("Less like cat face").click()
    heading(page, "cat -like “cat face”")
    page.get_by_label("More of cat face instead").click()
    heading(page, "cat like “cat face”")
    expect(bar).to_have_value("cat")  # the image is a chip beside the words
    expect(page.locator(".clipper-search .image img")).to_have_count(1)
    bar.fill("")
    bar.press("Enter")
    heading(page, "like “cat face”")
    assert results(page)[0].startswith("cat face,")
    bar.press("Backspace")
    page.wait_for_selector(".suggestions")
    assert seen.errors == []


@pytest.mark.slow
def test_marks_are_asked_again_and_removed(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    for text in ("flag", "dog -puppy"):
        ask(page, text)
        heading(page, text)
    shown = marked(page, {"flag", "dog -puppy"})
    at = shown["text"].index("flag")
    settled(page)
    page.mouse.click(*screen(page, shown["x"][at], shown["y"][at]))
    heading(page, "flag")
    expect(page.locator(".clipper-search input.words")).to_have_value("flag")
    page.get_by_label("Remove dog -puppy from the map").click()
    marked(page, {"flag"})
    page.get_by_label("Clear the search").click()
    page.wait_for_selector(".suggestions")
    marked(page, {"flag"})
    assert seen.errors == []


@pytest.mark.slow
def test_results_are_paged_cut_and_folded(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    ask(page, "flag")
    heading(page, "flag")
    assert "CLIPScore 100 of 100" in page.locator(".results .card").first.get_attribute("title")
    figures = page.locator(".results .cell").first.locator(".figures .muted")
    expect(figures).to_have_count(0)  # no more than that
    cells = page.locator(".results .cell")
    for _ in range(3):
        before = cells.count()
        page.locator(".results .end").scroll_into_view_if_needed()
        for _ in within_a_minute(page):
            if cells.count() > before:
                break
        assert cells.count() > before
    labels = results(page)
    assert len(set(labels)) == len(labels) >= 180
    slider = page.get_by_label("Least similarity of a result")
    slider.focus()
    for _ in range(8):
        slider.press("PageUp")
    said = page.locator(".results .heading .muted")
    expect(said).to_contain_text("≥")
    count = 0
    for _ in within_a_minute(page, every=800):  # each step of the slider counts
        before, count = count, int(said.inner_text().split(" of ")[0].replace(",", ""))
        if before == count and 100 < count < 400:
            break
    assert 100 < count < 400
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"{count} images"))
    page.get_by_role("switch", name="Fold near-identical").click()
    more = page.locator(".results .alike").first
    more.wait_for()
    shown = cells.count()
    more.click()
    expect(cells.nth(shown)).to_be_attached()
    ask(page, "tax form")
    heading(page, "tax form")
    page.wait_for_selector(".results .faint:has-text('Nothing here really matches')")
    assert seen.errors == []


@pytest.mark.parametrize("place", [50, 400])  # on the page that is loaded, and far beyond it
@pytest.mark.slow
def test_the_card_of_the_image_under_the_pointer_comes_into_view(
    visit: Visit, viewer_url: str, sample_home: Path, place: int
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    ask(page, "flag")
    heading(page, "flag")
    atlas = clipper.open(sample_home)
    rows = atlas._engine.rank(Query(text="flag"), k=500).rows
    x, y = map(float, atlas._engine.xy[int(rows[place])])
    zoom_at(page, x, y, steps=5)
    px, py = screen(page, x, y)
    page.mouse.move(px + 1, py + 1)
    page.mouse.move(px, py)
    page.wait_for_selector(".results .card.near")
    for _ in within_a_minute(page):
        card, panel = (page.locator(each).bounding_box() for each in (".results .card.near", ".results"))
        if card and panel["y"] <= card["y"] <= card["y"] + card["height"] <= panel["y"] + panel["height"] + 1:
            break
    else:
        raise AssertionError(f"the card at {card} is out of view in {panel}")
    assert seen.errors == []


@pytest.mark.slow
def test_a_mark_is_taken_away_where_it_is_with_the_pointer_or_the_keyboard(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    for text in ("flag", "pizza", "cat"):
        ask(page, text)
        heading(page, text)
    found = marked(page, {"flag", "pizza", "cat"})
    settled(page)
    at = found["text"].index("flag")
    x, y = screen(page, found["x"][at], found["y"][at])
    page.mouse.move(x, y)
    button = page.locator(".map-area .remove.near")
    button.hover()
    before = ranges(page)
    page.mouse.wheel(0, -240)  # the button takes no turn of the wheel from the map
    arrived(page, before)
    page.mouse.move(*screen(page, found["x"][at], found["y"][at]))
    button.click()
    marked(page, {"pizza", "cat"})
    expect(page.locator(".results .history .chip")).to_have_count(2)
    page.locator(".map-area .remove[aria-label='Take the mark of pizza off the map']").focus()
    page.keyboard.press("Enter")
    marked(page, {"cat"})
    expect(page.locator(".results h2")).to_have_text("cat")
    assert seen.errors == []


@pytest.mark.slow
def test_an_image_is_dropped_pasted_or_chosen(visit: Visit, viewer_url: str, sample_home: Path) -> None:
    seen = visit(viewer_url)
    page = seen.page
    pizza = png(sample_home, "pizza.jpg")

    def hovers() -> bool:  # a browser says it again and again; the target goes a quarter of a second after
        give(page, "dragover", (EVIL, pizza))
        return page.locator(".target.shown").count() == 1

    soon(page, hovers)
    give(page, "drop", (EVIL, pizza))
    heading(page, f"like “{EVIL}”")
    assert results(page)[0].startswith("pizza,")
    soon(page, lambda: page.locator(".clipper-search .image img").evaluate("el => el.naturalWidth") > 0)
    page.get_by_label("Clear the search").click()
    page.wait_for_selector(".suggestions")
    give(page, "paste", ("cat.png", png(sample_home, "cat-face.jpg")))
    heading(page, "like “cat.png”")
    assert results(page)[0].startswith("cat face,")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Search with an image").click()
    chooser.value.set_files(
        {"name": "dog.png", "mimeType": "image/png", "buffer": png(sample_home, "dog.jpg")}
    )
    heading(page, "like “cat.png” like “dog.png”")
    assert (seen.errors, seen.elsewhere, seen.dialogs) == ([], [], [])


@pytest.mark.slow
def test_what_is_no_image_to_search_with_is_reported(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    give(page, "drop", link="http://127.0.0.1:1/cat.png")
    assert "A link is not opened" in refusal(page, "link")
    give(page, "drop", *[(f"{i}.png", b"x") for i in range(100)])
    assert "100 files" in refusal(page, "100")
    give(page, "drop", ("bomb.png", bomb()))
    assert "60,000 x 60,000 pixels" in refusal(page, "bomb")
    give(page, "paste", (EVIL, b"plain words, and no image"))
    assert "not an image but text" in refusal(page, "not an image")
    page.locator(".clipper-search .chosen").set_input_files(
        {"name": "big.png", "mimeType": "image/png", "buffer": b"x" * 21_000_000}
    )
    assert "21.0 MB; up to 20 MB" in refusal(page, "21.0 MB")
    ask(page, "cat")
    heading(page, "cat")
    assert (seen.errors, seen.elsewhere, seen.dialogs) == ([], [], [])


@pytest.mark.slow
def test_the_largest_upload_that_is_taken_arrives_whole(
    visit: Visit, viewer_url: str, sample_home: Path
) -> None:
    page = visit(viewer_url).page
    whole = png(sample_home, "pizza.jpg")
    padded = whole + b"\0" * (20_000_000 - len(whole))
    page.locator(".clipper-search .chosen").set_input_files(
        {"name": "padded.png", "mimeType": "image/png", "buffer": padded}
    )
    heading(page, "like “padded.png”")
    assert results(page)[0].startswith("pizza,")
