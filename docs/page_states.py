"""The states of the page that pictures show. Each function brings a fresh page into one state.

What does not belong here: taking the pictures (`screenshots.py`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from pictures import HOME

from clipper.atlas.engine import SearchEngine
from clipper.settings import Settings

from helpers import ask, changed, colour_by, picture, settled, zoom_at  # isort: skip - found through `pictures`

ASIDE = (1062, 28)  # where the pointer touches nothing
CONCEPTS = "cat, clock, flag, submarine, unicorn, violin, helicopter, penguin, wheelchair, volcano, robot"
OPPOSITES = {"Across": "a person <-> an animal", "Up": "sad <-> happy"}
OPENED = "cat-with-wry-smile.jpg"


def middle() -> tuple[float, float]:
    """The image in the middle of the sample, where there are many round about it."""
    atlas = SearchEngine(Settings.load(HOME))
    centre = np.median(atlas.xy, axis=0)
    x, y = atlas.xy[np.abs(atlas.xy - centre).sum(1).argmin()]
    return float(x), float(y)


def first(page: Any) -> None:
    """The first view."""
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(500)


def cluster(page: Any) -> None:
    """A cluster, selected by its name; the map coloured by clusters."""
    recolour(page, "Cluster")
    page.locator(".names-over").get_by_role("button", name="Animals & Nature").click()
    page.wait_for_selector(".chosen .card")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


def words(page: Any) -> None:
    """The map coloured by the visitor's own words."""
    recolour(page, "Your words")
    field = page.locator(".legend-card").get_by_role("textbox")
    before = picture(page)
    field.fill("flag, face, animal, food")
    field.press("Enter")
    changed(page, before)
    settled(page)
    page.keyboard.press("Escape")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def insights(page: Any) -> None:
    """What Clipper found."""
    page.get_by_role("tab", name="Insights").click()
    page.wait_for_selector(".insights .finding")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def duplicates(page: Any) -> None:
    """Groups of near-duplicates, each with the one to keep."""
    open_finding(page, "near-duplicates")


def compare(page: Any) -> None:
    """The original to keep beside a smaller copy of it, both enlarged at one place."""
    duplicates(page)
    page.locator(".insights").get_by_role("button", name="Compare").first.click()
    page.keyboard.press("ArrowRight")
    box = page.locator(".comparison .stage").first.bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.wheel(0, -450)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def drift(page: Any) -> None:
    """What has come since the version before, and how it differs."""
    insights(page)
    before = picture(page)
    page.get_by_text("Since the version before").scroll_into_view_if_needed()
    page.locator(".since").get_by_role("button", name="Both").click()
    changed(page, before)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def coverage(page: Any) -> None:
    """What is missing."""
    insights(page)
    field = page.get_by_label("Concepts to look for")
    field.fill(CONCEPTS)
    field.press("Enter")
    page.wait_for_selector(".concept", timeout=60_000)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1500)


def open_finding(page: Any, words: str) -> None:
    """Open the finding whose title has these words."""
    insights(page)
    page.locator(".insights .finding").filter(has_text=words).first.click()
    page.wait_for_selector(".insights .card")
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


def recolour(page: Any, title: str) -> None:
    """Colour the map by a column."""
    before = picture(page)
    colour_by(page, title)
    page.keyboard.press("Escape")
    changed(page, before)
    settled(page)


def search(page: Any) -> None:
    """Two queries on the map, the results of the second."""
    for text in ("red heart", "cat"):
        ask(page, text)
        page.wait_for_selector(f".results h2:has-text('{text}')", timeout=60_000)
        settled(page)
    page.keyboard.press("Escape")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(700)


def thumbnails(page: Any) -> None:
    """Zoomed in until the images themselves are on the map."""
    zoom_at(page, *middle(), steps=4)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(600)


def detail(page: Any) -> None:
    """A result opened, the map at its place."""
    search(page)
    page.locator(f".results .card[data-id='{OPENED}']").click()
    page.wait_for_selector(".detail .grid .card")
    page.get_by_label("Show on the map").click()
    page.wait_for_timeout(600)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def boxes(page: Any) -> None:
    """An image with labels, and the boxes of its objects."""
    page.locator(".results .card[data-id='shelf-07.jpg']").click()
    page.wait_for_selector(".sheet .boxes rect")
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def filtered(page: Any) -> None:
    """Two groups, and what is left of the other columns."""
    page.get_by_role("tab", name="Filter").click()
    for value in ("Animals & Nature", "Food & Drink"):
        page.get_by_label("group", exact=True).get_by_text(value).click()
        page.wait_for_timeout(900)
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def chosen(page: Any) -> None:
    """A box drawn round some of the map."""
    page.keyboard.press("b")
    page.mouse.move(300, 330)
    page.mouse.down()
    page.mouse.move(470, 470, steps=6)
    page.mouse.up()
    page.wait_for_selector(".chosen .card")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


def combined(page: Any) -> None:
    """Cats that are not faces: terms as chips, each with its weight."""
    ask(page, "cat -face")
    page.wait_for_selector(".results h2:has-text('cat -face')", timeout=60_000)
    settled(page)
    page.keyboard.press("Escape")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(700)


def similar(page: Any) -> None:
    """All points coloured by how similar they are to the query."""
    search(page)
    recolour(page, "Search similarity")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def workbench(page: Any) -> None:
    """Images first: results, charts and the table around the map."""
    page.get_by_role("button", name="Arrange the panels").click()
    page.get_by_role("menuitemradio", name="Curate").click()
    page.wait_for_selector(".table .rows .row")
    search(page)
    page.locator(".results .card").nth(0).click(modifiers=["Control"])
    page.locator(".results .card").nth(5).click(modifiers=["Shift"])
    page.wait_for_selector(".table .row.chosen")
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


def groups(page: Any) -> None:
    """All images, small, in groups, the most unique first."""
    page.get_by_role("slider", name="Size of the images").fill("12")
    page.get_by_label("Group by").first.select_option("group")
    page.get_by_label("Sort by").first.select_option("uniqueness")
    page.wait_for_selector(".results .group-heading")
    page.locator(".results .gallery-tools").evaluate("el => el.scrollIntoView()")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(1200)


def axes(page: Any) -> None:
    """Images by two typed opposites instead of the map."""
    form = page.locator(".axes-form")
    form.get_by_role("button", name="Axes", exact=True).click()
    for axis, words in OPPOSITES.items():
        field = form.get_by_label(f"{axis}: two opposites, or one word")
        field.fill(words)
        field.press("Enter")
        page.locator(".axes-over .word", has_text=words.split(" <-> ")[1]).wait_for()
    page.wait_for_selector(".axes-over canvas.glide", state="detached")
    settled(page)
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def views(page: Any) -> None:
    """The views that people saved in this home."""
    for name, words in (("hearts", "red heart"), ("cats, for the talk", "cat")):
        ask(page, words)
        page.wait_for_selector(f".results h2:has-text('{words}')", timeout=60_000)
        page.get_by_role("button", name="Saved views").click()
        page.wait_for_timeout(500)
        if page.locator(".views").get_by_text(name).count():  # from the other theme's picture
            continue
        page.get_by_placeholder("Name of this view").fill(name)
        page.get_by_placeholder("Your name").fill("Ada")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator(".views").get_by_text(name).wait_for()
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def side_by_side(page: Any) -> None:
    """Three images compared, enlarged at one place."""
    search(page)
    for at in range(3):
        page.locator(".results .card").nth(at).click(modifiers=["Control"])
        page.wait_for_timeout(300)
    page.get_by_role("tab", name="Selection").click()
    page.get_by_role("button", name="Compare").click()
    page.keyboard.press("+")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def two_maps(page: Any) -> None:
    """The maps of two models, and the same results on both."""
    page.locator(".legend-card .models").get_by_role("combobox").nth(1).click()
    page.get_by_role("option", name="clip-altered").click()
    page.locator(".title-over").get_by_text("clip-altered").wait_for()
    search(page)
    page.wait_for_timeout(2500)


def overview(page: Any) -> None:
    """What the dataset is made of, and the last runs."""
    page.locator(".status").get_by_role("button").first.click()
    page.wait_for_selector(".overview h2")
    page.mouse.move(*ASIDE)
    page.wait_for_timeout(900)


def keys(page: Any) -> None:
    """What the keys do."""
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_timeout(900)


STATES: dict[str, Callable[[Any], None]] = {
    "first": first,
    "cluster": cluster,
    "words": words,
    "coverage": coverage,
    "search": search,
    "terms": combined,
    "similarity": similar,
    "thumbnails": thumbnails,
    "detail": detail,
    "filter": filtered,
    "selection": chosen,
    "workbench": workbench,
    "groups": groups,
    "axes": axes,
    "side-by-side": side_by_side,
    "overview": overview,
    "keys": keys,
}
OF_LABELS: dict[str, Callable[[Any], None]] = {"boxes": boxes}
OF_TWO_MODELS: dict[str, Callable[[Any], None]] = {"two-maps": two_maps}
OF_THE_COPY: dict[str, Callable[[Any], None]] = {
    "insights": insights,
    "duplicates": duplicates,
    "compare": compare,
    "drift": drift,
    "views": views,
}
