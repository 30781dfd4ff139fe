"""Insights: a card opens a finding on the map and as a gallery; its images are compared, tagged, excluded."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from helpers import arrived, changed, clean, ranges, settled, soon
from homes import engine_of
from panel_server import serving
from PIL import Image, ImageOps
from playwright.sync_api import expect

from clipper.atlas.findings import Finding
from clipper.indexing import run
from clipper.settings import Settings
from clipper.store import tags
from clipper.store.home import Home

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with smaller and mirrored copies of some pictures, to be tagged."""
    home = tmp_path_factory.mktemp("insights") / "home"
    shutil.copytree(sample_home, home, symlinks=True)
    for number, file in enumerate(sorted((home / "images").glob("*.jpg"))[::300]):
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        small = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
        small.save(file.with_name(f"{file.stem}-small.png"))
        if number % 2:
            ImageOps.mirror(picture).save(file.with_name(f"{file.stem}-mirrored.png"))
    run.index(Settings.load(home))
    return home


@pytest.fixture(scope="module")
def findings(home: Path) -> list[Finding]:
    found = engine_of(home).findings
    assert found
    return found


@pytest.fixture(scope="module")
def pairs(findings: list[Finding]) -> Finding:
    """The finding of which some images are to keep."""
    return next(finding for finding in findings if finding.keep is not None)


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield f"{address}/viewer"


def open_finding(page: object, title: str) -> None:
    page.get_by_role("tab", name="Insights").click()
    page.locator(".insights .finding", has_text=title).click()
    page.wait_for_selector(".insights .group .card, .insights .grid .card")


def chosen(page: object, number: int) -> None:
    count = f"{number:,}" if number else ""
    expect(page.get_by_role("tab", name="Selection")).to_have_text(f"Selection{count}")


def test_a_card_opens_its_finding_as_a_gallery_and_as_the_selection_and_escape_goes_back(
    visit: Visit, url: str, findings: list[Finding]
) -> None:
    seen = visit(url)
    page = seen.page
    expect(page.get_by_role("tab", name="Insights")).to_have_text(f"Insights{len(findings)}")
    page.get_by_role("tab", name="Insights").click()
    cards = page.locator(".insights .finding")
    expect(cards).to_have_count(len(findings))
    expect(cards.last).to_be_visible()
    last = findings[-1]
    cards.last.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".insights h2:visible")).to_have_text(last.title)
    expect(page.locator(".insights h2:visible")).to_be_focused()
    chosen(page, len(set(last.rows.tolist())))
    expect(page.locator(".insights .note").first).to_have_text(last.notes[0])
    page.wait_for_url("**finding=*")
    page.locator(".insights .cell .tick").first.click()
    chosen(page, len(set(last.rows.tolist())) - 1)
    page.keyboard.press("Escape")
    expect(cards.last).to_be_focused()
    chosen(page, 0)
    page.wait_for_url(lambda address: "finding" not in address)
    page.go_back()
    expect(page.locator(".insights h2:visible")).to_have_text(last.title)
    chosen(page, len(set(last.rows.tolist())) - 1)
    clean(seen)


def transform(page: object, side: int) -> str:
    return page.locator(".comparison .stage img").nth(side).evaluate("image => image.style.transform")


@pytest.mark.slow
def test_originals_of_a_group_are_compared_in_full_and_enlarged_as_one(
    visit: Visit, url: str, pairs: Finding
) -> None:
    seen = visit(url)
    page = seen.page
    open_finding(page, pairs.title)
    ids = [page.locator(".insights .group .card").nth(i).get_attribute("data-id") for i in (0, 1)]
    page.locator(".insights .group").first.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Compare")
    labels = dialog.locator("figcaption .label")
    assert [labels.nth(i).get_attribute("title") for i in (0, 1)] == ids
    expect(dialog.locator(".sign.keep:visible")).to_have_count(1)
    expect(dialog.locator(".facts").first).to_contain_text("160 x 160")
    box = dialog.locator(".stage").first.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.wheel(0, -400)
    expect(dialog.locator(".stage.near")).to_have_count(2)
    assert transform(page, 0) == transform(page, 1) != "translate(0%, 0%) scale(1)"
    page.keyboard.press("0")
    expect(dialog.locator(".stage.near")).to_have_count(0)
    count = len(pairs.rows) - len(set(pairs.groups.tolist()))
    expect(dialog.locator(".place")).to_have_text(f"1 / {count}")
    dialog.locator(".chip").last.click()
    chosen(page, len(pairs.rows) - 1)
    expect(dialog.locator(".chip").last).to_have_attribute("aria-pressed", "false")
    for number in range(1, count):
        expect(dialog.locator(".place")).to_have_text(f"{number} / {count}")
        dialog.get_by_role("button", name="Next pair").click()
    expect(dialog.locator(".place")).to_have_text(f"{count} / {count}")
    page.keyboard.press("ArrowLeft")  # the button that has the focus leads nowhere, and the keys still work
    expect(dialog.locator(".place")).to_have_text(f"{count - 1} / {count}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".insights h2:visible")).to_have_text(pairs.title)  # the finding is still open
    copies = urlencode(
        {"finding": pairs.key, "panel": "insights", "filters": '{"format":{"values":["PNG"]}}'}
    )
    other = visit(f"{url}?{copies}", ready=False)
    other.page.get_by_role("button", name="Compare Group").first.click()
    dialog = other.page.get_by_role("dialog", name="Compare")
    expect(dialog.locator(".facts").last).to_contain_text("PNG")
    expect(dialog.locator(".sign.keep:visible")).to_have_count(0)  # a filter hides what is to be kept
    for one in (seen, other):
        clean(one)


@pytest.mark.slow
def test_duplicates_are_side_by_side_and_all_but_one_of_each_are_tagged_and_left_out_of_exports(
    visit: Visit, url: str, home: Path, pairs: Finding
) -> None:
    seen = visit(url)
    page, engine = seen.page, engine_of(home)
    open_finding(page, pairs.title)
    group = page.locator(".insights .group").first
    expect(group.locator(".sign.keep")).to_have_count(1)
    boxes = [card.bounding_box() for card in group.locator(".card").all()[:2]]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=2)
    group.locator(".card").first.click()
    page.wait_for_selector(".detail .sheet")
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail .sheet", state="detached")
    page.get_by_role("button", name="Not kept").click()
    spare = pairs.rows[~pairs.keep].tolist()
    chosen(page, len(spare))
    page.get_by_label("Tag what is chosen of the finding").fill("double")
    page.keyboard.press("Enter")
    page.wait_for_selector(".insights .chip.tagged >> text=double")
    page.get_by_role("button", name="Exclude from exports").click()
    page.wait_for_selector(f".insights >> text={len(spare)} images excluded from exports")
    stored = tags.read(Home(home))
    assert stored["double"] == stored["excluded"] == {engine.hashes[row] for row in spare}
    page.get_by_role("button", name="Save the list").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="JSON").click()
    value = json.loads(Path(download.value.path()).read_text())
    assert [image["keep"] for image in value["images"]] == [False] * len(spare)
    assert all(image["excluded"] for image in value["images"])
    page.get_by_role("button", name="All", exact=True).click()
    chosen(page, len(pairs.rows))
    page.get_by_role("tab", name="Selection").click()
    page.wait_for_selector(f".chosen >> text={len(spare)} images excluded from exports")
    assert exported(page) == {engine.ids[row] for row in pairs.rows[pairs.keep].tolist()}
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("menuitemcheckbox").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV table").click()
    assert ids_in(download.value) == {engine.ids[row] for row in pairs.rows.tolist()}
    page.locator(".chosen .left-out").get_by_role("button", name="Put back").click()
    page.wait_for_selector(".chosen .left-out", state="detached")
    assert "excluded" not in tags.read(Home(home))
    tags.remove(Home(home), "double")
    clean(seen)


def exported(page: object) -> set[str]:
    """The ids in the table that the menu exports."""
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV table").click()
    return ids_in(download.value)


def ids_in(download: object) -> set[str]:
    text = Path(download.path()).read_text()
    return {row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))}


@pytest.mark.slow
def test_an_address_brings_the_finding_back_and_an_unknown_one_is_no_harm(
    visit: Visit, url: str, pairs: Finding
) -> None:
    seen = visit(url)
    page = seen.page
    open_finding(page, pairs.title)
    page.get_by_role("button", name="Not kept").click()
    spare = int((~pairs.keep).sum())
    chosen(page, spare)
    page.locator(".insights .group > .row .tick").first.click()  # what is to keep of the group, too
    page.wait_for_url("**beside**")
    number = spare + int(pairs.keep[pairs.groups == pairs.groups[0]].sum())
    chosen(page, number)
    link = page.url
    other = visit(link, ready=False)
    expect(other.page.locator(".insights h2:visible")).to_have_text(pairs.title)
    chosen(other.page, number)
    expect(other.page).to_have_url(link)
    unknown = visit(f"{url}?panel=insights&finding=%3Cimg%20src=x%20onerror=alert(1)%3E", ready=False)
    expect(unknown.page.locator(".insights .finding:visible").first).to_be_visible()
    unknown.page.wait_for_url(lambda address: address.endswith("?panel=insights"))
    for one in (seen, other, unknown):
        clean(one)


@pytest.mark.slow
def test_concepts_are_looked_for_and_a_press_on_one_shows_it_on_the_map(
    visit: Visit, url: str, tmp_path: Path
) -> None:
    seen = visit(url)
    page = seen.page
    page.get_by_role("tab", name="Insights").click()
    field = page.get_by_label("Concepts to look for")
    expect(page.get_by_role("button", name="words of Clipper's vocabulary")).to_be_visible()
    field.fill("flag, forklift, <img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    sentence = page.locator(".coverage .sentence")
    expect(sentence).to_contain_text("1 of 3 concepts is in the dataset")
    expect(page.locator(".coverage .concept .name").first).to_have_text("forklift")
    page.locator(".coverage .part-of", has_text="There").click()
    line = page.locator(".coverage .concept")
    expect(line).to_have_count(1)
    before = ranges(page)
    line.click()
    page.wait_for_selector(".detail .sheet")
    arrived(page, before)
    page.wait_for_url("**open=flag**")
    page.keyboard.press("Escape")
    page.wait_for_selector(".detail .sheet", state="detached")
    other = visit(page.url, ready=False)
    expect(other.page.locator(".coverage .sentence")).to_have_text(sentence.inner_text())
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("flag\n")
    page.locator(".coverage input[type=file]").set_input_files(wanted)
    expect(sentence).to_have_text("It is in the dataset.")
    wanted.write_bytes(b"a\0b")
    page.locator(".coverage input[type=file]").set_input_files(wanted)
    expect(page.locator(".coverage", has_text="is no text file")).to_be_visible()
    for one in (seen, other):
        clean(one)


@pytest.mark.slow
def test_the_card_of_what_has_changed_shows_on_the_map_what_is_new(
    visit: Visit, url: str, home: Path
) -> None:
    seen = visit(url)
    page = seen.page
    page.get_by_role("tab", name="Insights").click()
    card = page.locator(".drift .since")
    new = engine_of(home).drift["new"]
    expect(card).to_contain_text(f"{new} new, 0 gone")
    for part in page.locator(".insights-area > *").all():  # one element scrolls them together
        soon(page, lambda part=part: part.evaluate("el => el.scrollHeight - el.clientHeight") <= 1)
    before = settled(page)
    page.get_by_role("button", name=f"New {new}", exact=True).click()
    changed(page, before)
    expect(page.get_by_role("button", name=f"New {new}", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator(".legend", has_text="before")).to_be_visible()
    expect(page.locator(".filters")).to_contain_text(f"{new} of")
    page.wait_for_url("**colour=:new**")
    other = visit(page.url, ready=False)
    expect(other.page.get_by_role("button", name=f"New {new}", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name=f"New {new}", exact=True).click()
    page.wait_for_url(lambda address: ":new" not in address)
    for one in (seen, other):
        clean(one)


@pytest.mark.slow
@pytest.mark.parametrize("width", [420, 1024])
def test_tabs_and_a_finding_fit_a_narrow_page(visit: Visit, url: str, pairs: Finding, width: int) -> None:
    seen = visit(url, width=width, height=800)
    page = seen.page
    open_finding(page, pairs.title)
    for place in (".insights", ".tabs"):
        part = page.locator(f".side {place}, {place}").first
        wider = part.evaluate("el => el.scrollWidth - el.clientWidth")
        assert wider <= 0
    expect(page.locator(".insights .group .card").first).to_be_in_viewport()
    clean(seen)
