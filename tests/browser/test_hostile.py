"""File names, metadata and a missing index: nothing of it runs, nothing of it breaks the page."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from helpers import arrived, ask, colour_by, ranges, settled, soon
from homes import engine_of
from panel_server import serving
from PIL import Image
from playwright.sync_api import expect

import clipper
from clipper.indexing import run
from clipper.settings import Settings
from clipper.store import tags
from clipper.store.home import Home

DATA = Path(__file__).resolve().parents[2] / "data"
# Each would call alert, or fetch from elsewhere, in whatever takes it for more than text.
CALLS = (
    '"><img src=x onerror={}>', "<script>{}</script>", "</script><script>{}</script>", "javascript:{}",
    "<svg onload={}>", "<svg><script>{}</script></svg>", "<img src=x onerror={}//", "<body onload={}>",
    "<iframe srcdoc='<script>parent.{}</script>'>", "<iframe src=javascript:{}>",
    "<a href=javascript:{}>x</a>", "<input autofocus onfocus={}>", "<details open ontoggle={}>",
    "<video><source onerror={}></video>",
    "<audio src=x onerror={}>", "<object data=javascript:{}>", "<embed src=javascript:{}>",
    "<marquee onstart={}>", "<select autofocus onfocus={}>", "<style onload={}></style>",
    "<form><button formaction=javascript:{}>x</button></form>", "<math href=javascript:{}>x</math>",
    "<img srcset=x onerror={}>", "'><img src=x onerror='{}'>", "`><img src=x onerror=`{}`>",
    "' onmouseover='{}' x='", '" onmouseover="{}" x="', "{{{{constructor.constructor('{}')()}}}}", "${{{}}}",
    "#{{{}}}", "<%= {} %>", "[x](javascript:{})", '![x](x" onerror="{})', "$$\\href{{javascript:{}}}{{x}}$$",
    "<scr<script>ipt>{}</scr</script>ipt>", "<ScRiPt>{}</sCrIpT>", "\u202e<img src=x onerror={}>",
    "\uff1cscript\uff1e{}\uff1c/script\uff1e", "&lt;img src=x onerror={}&gt;", "\ufeff<svg/onload={}>",
    "<link rel=stylesheet href=//evil.example/{}>", "</style><style>@import '//evil.example/{}'</style>",
    "x;background:url(//evil.example/{})", "<meta http-equiv=refresh content='0;url=javascript:{}'>",
)  # fmt: skip
PAYLOADS = [call.format(f"alert({number})") for number, call in enumerate(CALLS)]
EVIL = PAYLOADS[0]
ANSWERED = """() => {
  const all = [...Bokeh.documents[0]._all_models.values()].map((m) => m.attributes)
  return all.some((m) => m?.searching === false && m.items?.[0]?.similarity !== undefined)
}"""
# What only markup can have made, in the page or in any of its components.
MADE = """() => {
  const found = []
  const places = ["href", "action", "formaction", "srcdoc", "data", "style"]
  const tags = ["MARQUEE", "EMBED", "OBJECT", "IFRAME", "DETAILS", "MATH"]
  const runs = ({name, value}) =>
    /alert\\(|evil\\.example/.test(value) && (name.startsWith("on") || places.includes(name))
  const look = (root) => root.querySelectorAll("*").forEach((el) => {
    if ([...el.attributes].some(runs) || tags.includes(el.tagName) || el.getAttribute("src") === "x") {
      found.push(el.outerHTML.slice(0, 200))
    }
    if (el.shadowRoot) { look(el.shadowRoot) }
  })
  look(document)
  return found
}"""


def file_name(payload: str) -> str:
    """A payload as part of a path: it may have no slash."""
    return payload.replace("/", "\u2215")


def hostile_home(home: Path) -> Path:
    """For each payload an image: its folder, name, EXIF, metadata of two sources are all that payload."""
    images = home / "images"
    images.mkdir(parents=True)
    model = DATA / "models" / "clip-emoji"
    (home / "clipper.toml").write_text(f"title = {json.dumps(EVIL)}\nmodel = {json.dumps(str(model))}\n")
    files = sorted((DATA / "images").glob("*.jpg"))[::20]
    entries, ids = {}, []
    for number, (payload, file) in enumerate(zip(PAYLOADS, files, strict=False)):
        path = Path(file_name(payload), f"{number} {file_name(payload)}.jpg")
        (images / path).parent.mkdir()
        with Image.open(file) as opened:
            exif = opened.getexif()
            exif[0x0110] = payload  # the camera's model
            exif.get_ifd(0x8769)[0xA434] = payload  # the lens
            opened.save(images / path, exif=exif)
        ids.append(str(path))
        entries[str(path)] = {
            "kind": PAYLOADS[number // 2], "other": PAYLOADS[-1 - number // 2], "list": [payload, EVIL],
            "name": payload, "n": number,
        }  # fmt: skip
    entries[ids[0]] |= {f"key {payload}": payload for payload in PAYLOADS}
    (images / "metadata.json").write_text(json.dumps(entries))
    with (images / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", *(f"header {payload}" for payload in PAYLOADS)])
        turned = [*PAYLOADS[1:], EVIL]
        rows.writerows([image_id, *(turned if row % 2 else PAYLOADS)] for row, image_id in enumerate(ids))
    run.index(Settings.load(home))
    return home


@pytest.mark.slow
def test_no_payload_runs_in_any_view(visit: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    home = hostile_home(tmp_path / "hostile")
    query = urlencode({name: payload for payload in PAYLOADS[:20] for name in (payload, "q", "colour")})
    with serving(home) as address:
        seen = visit(f"{address}/viewer?{query}#{quote(EVIL)}")
        page = seen.page
        page.wait_for_function(ANSWERED)
        settled(page)
        for name in ("kind", "other", f"header {PAYLOADS[1]}"):
            colour_by(page, name)
            expect(page.locator(".legend-card .fold .toggle")).to_contain_text(name)
        page.locator(".legend .toggle").first.click()
        page.get_by_role("tab", name="Filter").click()
        page.locator(".facet .value:visible").first.wait_for()
        for part in page.locator(".facet .value:visible").all()[:4]:
            part.click()
        page.locator(".facet [type=search]:visible").first.fill(EVIL)
        page.wait_for_selector(".filters .chip")
        page.wait_for_timeout(300)
        expect(page.locator(".filters .bar")).to_contain_text("alert(1)")
        page.locator(".filters .clear").click()
        page.wait_for_selector(".filters .chip", state="detached")
        page.get_by_role("tab", name="Results").click()
        heading = page.locator(".results h2").first
        for payload in [*PAYLOADS[6::12], EVIL]:
            before = heading.inner_text()
            ask(page, payload)
            expect(heading).not_to_have_text(before)
            page.wait_for_function(ANSWERED)
        opened = page.locator(".results .card").filter(has_text=EVIL).first
        for card in (opened, *(page.locator(".results .card").nth(i) for i in range(2))):
            card.hover()
            card.click()
            page.wait_for_selector(".detail .sheet")
            assert page.evaluate(MADE) == []
            page.keyboard.press("Escape")
            page.wait_for_selector(".detail .sheet", state="detached")
        box = page.locator(".clipper-map").bounding_box()
        for step in range(15):
            page.mouse.move(box["x"] + 250 + step * 30, box["y"] + 150 + step * 24)
            page.wait_for_timeout(90)
        expect(page.locator(".results .root")).to_contain_text(EVIL)
        assert page.evaluate(MADE) == []
        assert seen.dialogs == []
        assert seen.elsewhere == []
        assert seen.errors == []


@pytest.mark.slow
def test_no_tag_runs_in_any_view(visit: Callable[..., SimpleNamespace], small_home: Path) -> None:
    run.index(Settings.load(small_home))
    home, hashes = Home(small_home), engine_of(small_home).hashes
    given = {payload: frozenset(hashes[at % 24 :: 2]) for at, payload in enumerate(PAYLOADS)}
    tags._change(home, lambda _: given)  # more than the page would take for a tag
    run.index(Settings.load(small_home))  # they are a column now, in Chroma too
    condition = json.dumps({"tags": {"values": PAYLOADS[:3]}})
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer?{urlencode({'colour': 'tags', 'filters': condition})}")
        page = seen.page
        page.wait_for_selector(".filters .chip")
        page.wait_for_selector(".legend .toggle >> text=others")
        expect(page.locator(".filters .bar")).to_contain_text("3 values")
        assert EVIL in " ".join(page.locator(".legend .toggle").all_inner_texts())
        page.locator(".legend .toggle").first.click()
        assert page.evaluate(MADE) == []
        page.get_by_role("tab", name="Filter").click()
        facet = page.locator("section.facet[aria-label='Tags']")
        facet.locator("[type=search]").fill("onerror")
        for part in facet.locator(".value:visible").all()[:3]:
            part.click()
        page.wait_for_timeout(300)
        assert page.evaluate(MADE) == []
        page.locator(".filters .clear").click()
        page.get_by_role("tab", name="Selection").click()
        page.get_by_text("All 24").click()
        page.wait_for_selector(".chosen .card")
        for payload in [*PAYLOADS[1::9], EVIL]:
            if len(payload) <= tags.MAX_LENGTH and "," not in payload:
                page.get_by_label("Tag the chosen images").fill(payload)
                page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        page.locator(".chosen .card").first.click()
        page.wait_for_selector(".detail .sheet")
        page.locator(".detail .chip.tagged").first.wait_for()
        assert page.evaluate(MADE) == []
        page.keyboard.press("Escape")
        box = page.locator(".clipper-map").bounding_box()
        for step in range(12):
            page.mouse.move(box["x"] + 250 + step * 30, box["y"] + 150 + step * 24)
            page.wait_for_timeout(90)
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="CSV table").click()
        with Path(download.value.path()).open(newline="") as file:
            assert EVIL in json.loads(next(csv.DictReader(file))["tags"])
        assert page.evaluate(MADE) == []
        assert (seen.dialogs, seen.elsewhere, seen.errors) == ([], [], [])


@pytest.mark.slow
def test_without_an_index_the_page_says_what_to_type_and_opens_later(
    visit: Callable[..., SimpleNamespace], small_home: Path
) -> None:
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer", ready=False)
        page = seen.page
        page.wait_for_selector("text=No index yet")
        expect(page.locator("pre")).to_contain_text("clipper index")
        run.index(Settings.load(small_home))
        page.wait_for_selector(".results .card")
        assert seen.elsewhere == []
        assert seen.errors == []


def holds(shown: dict[str, float], view: tuple[float, float, float, float]) -> bool:
    """Whether a view of the map lies within what is shown."""
    x0, x1, y0, y1 = view
    return shown["x0"] < x0 < x1 < shown["x1"] and shown["y0"] < y0 < y1 < shown["y1"]


@pytest.mark.slow
def test_a_new_version_is_taken_and_an_untouched_first_view_fits_it(
    visit: Callable[..., SimpleNamespace], small_home: Path
) -> None:
    run.index(Settings.load(small_home))
    with serving(small_home) as address:
        seen = visit(f"{address}/viewer")
        page = seen.page
        settled(page)
        before = ranges(page)
        expect(page.locator(".status .line")).to_contain_text("24 images")
        shutil.copy2(DATA / "images" / "red-heart.jpg", small_home / "images" / "one-more.jpg")
        atlas = clipper.open(small_home)
        for row in atlas._engine.xy[:, 0].argsort()[:6]:  # the map's left side: the next one is narrower
            Path(atlas._engine.path(row)).unlink()
        run.index(Settings.load(small_home))
        page.wait_for_selector(".status .line:has-text('19 images')")
        expect(page.locator(".notice .headline")).to_contain_text("+1 image, −6")  # noqa: RUF001
        settled(page)
        whole = engine_of(small_home).view
        assert whole != pytest.approx(atlas._engine.view, abs=1e-2)
        soon(page, lambda: ranges(page) != before and holds(ranges(page), whole))
        settled(page)
        shown = ranges(page)
        page.get_by_label("Zoom in").click()
        inner = arrived(page, shown)
        page.get_by_label("Show the whole map").click()
        assert arrived(page, inner) == pytest.approx(shown)
        assert seen.errors == []
