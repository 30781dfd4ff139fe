"""What a visitor sees while the page's scripts are on their way, or do not come."""

import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace

import pytest
from helpers import PICTURE, settled, within_a_minute

Visit = Callable[..., SimpleNamespace]
SCRIPTS = "**/static/js/bokeh.min.js*"
EDGES = "el => { const box = el.getBoundingClientRect(); return [box.left, box.top] }"


@pytest.mark.parametrize(
    ("width", "height"),
    [(1280, 800), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((1000, 700), (420, 800)))],
)
def test_the_outline_is_there_before_any_script_and_lies_where_the_page_will(
    visit: Visit, viewer_url: str, width: int, height: int
) -> None:
    page = visit("about:blank", ready=False, width=width, height=height).page
    held, goes_on = [], threading.Event()
    page.route(SCRIPTS, lambda route: route.continue_() if goes_on.is_set() else held.append(route))
    page.goto(viewer_url, wait_until="commit")
    outline = page.locator("#loader")
    outline.get_by_text("Emoji", exact=True).wait_for()
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length === 1")
    side = outline.locator(".beside").evaluate(EDGES)
    goes_on.set()
    for route in held:
        route.continue_()
    page.wait_for_selector(".results .card")
    outline.wait_for(state="hidden")
    settled(page)
    for _ in within_a_minute(page):
        there = page.locator(".side").evaluate(EDGES)
        if all(abs(a - b) <= 2 for a, b in zip(side, there, strict=True)):
            return
    raise AssertionError(f"the panels lie at {there}, and their outline at {side}")


def test_a_light_page_is_light_from_the_start(visit: Visit, viewer_url: str) -> None:
    page = visit("about:blank", ready=False).page
    page.context.add_cookies([{"name": "clipper-theme", "value": "light", "url": viewer_url}])
    page.route(SCRIPTS, lambda _route: None)
    page.goto(viewer_url, wait_until="commit")
    page.locator("#loader").get_by_text("Emoji", exact=True).wait_for()
    ground = page.locator("#loader").evaluate("el => getComputedStyle(el).backgroundColor")
    assert ground == "rgb(250, 251, 252)"


def test_a_first_visit_fetches_no_font_or_style_sheet_in_vain(visit: Visit, viewer_url: str) -> None:
    page = visit("about:blank", ready=False).page
    answers = {}
    page.on("response", lambda answer: answers.update({answer.url: answer.status}))
    page.goto(viewer_url)
    page.wait_for_selector(".results .card")
    page.wait_for_function(PICTURE)
    settled(page)
    assert any("inter-latin-wght" in url for url in answers)  # the fonts have been asked for by now
    assert [url for url in answers if re.search("roboto|tabulator|latin-ext", url, re.IGNORECASE)] == []
    assert {url: status for url, status in answers.items() if status >= HTTPStatus.BAD_REQUEST} == {}


@pytest.mark.slow
@pytest.mark.parametrize("script", [SCRIPTS, "**/viewer/components-*.js"])
def test_scripts_that_do_not_come_are_reported(visit: Visit, viewer_url: str, script: str) -> None:
    page = visit("about:blank", ready=False).page
    page.route(script, lambda route: route.abort())
    page.goto(viewer_url)
    page.locator("#loader-why", has_text="Resources could not be loaded.").wait_for()
    page.unroute(script)
    with page.expect_navigation():
        page.get_by_role("button", name="Try again").click()
