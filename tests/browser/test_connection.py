"""A page whose connection breaks, as when the server is started anew or a laptop has slept."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import ask, results, settled
from panel_server import serving
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]
SERVER = "**/static/logo.svg"  # what a page asks to see whether there is a server
LOST = "The connection to the server is lost"


class Line:
    """The connection of a page to its server, which can be cut."""

    def __init__(self, page: object) -> None:
        self._page = page
        self._sockets: list[object] = []
        page.route_web_socket("**/viewer/ws", self._through)

    def _through(self, socket: object) -> None:
        socket.connect_to_server()
        self._sockets.append(socket)

    def cut(self, *, is_told: bool = True) -> None:
        """Break the connection, and wait until the page says so, unless it opens again too soon for that."""
        self._sockets[-1].close(code=1001)
        if not is_told:
            return
        self._page.get_by_role("alert").get_by_text(LOST).wait_for()


def opened(visit: Visit, address: str, *, there: str = ".results .card") -> tuple[object, Line]:
    """A page whose connection can be cut, once what is selected by `there` is on it."""
    page = visit("about:blank", ready=False).page
    line = Line(page)
    page.goto(address)
    page.wait_for_selector(there)
    return page, line


@pytest.mark.slow
def test_a_lost_connection_is_shown_and_the_page_opens_again_as_it_was(visit: Visit, viewer_url: str) -> None:
    page, line = opened(visit, viewer_url)
    ask(page, "cat")
    page.wait_for_selector(".results h2:text-is('cat')")
    settled(page)
    page.locator("body").click(position={"x": 5, "y": 5})  # whoever still types is not disturbed
    found, address = results(page), page.url
    page.route(SERVER, lambda route: route.abort())
    line.cut()
    expect(page.get_by_role("button", name="Open again")).to_be_hidden()
    page.wait_for_timeout(3000)
    page.evaluate("window.before = true")
    with page.expect_navigation():
        page.unroute(SERVER)
    page.wait_for_selector(".results h2:text-is('cat')")
    assert page.evaluate("window.before") is None
    expect(page).to_have_url(address)
    assert results(page) == found
    expect(page.get_by_text(LOST)).to_have_count(0)


@pytest.mark.slow
def test_whoever_types_or_has_seen_it_often_is_left_the_choice(visit: Visit, viewer_url: str) -> None:
    page, line = opened(visit, viewer_url)
    words = page.get_by_label("Search images")
    words.fill("half a sentence")
    line.cut()
    again = page.get_by_role("button", name="Open again")
    again.wait_for()
    expect(words).to_have_value("half a sentence")
    with page.expect_navigation():
        again.click()
    for _ in range(3):
        page.wait_for_selector(".results .card")
        with page.expect_navigation():
            line.cut(is_told=False)
    page.wait_for_selector(".results .card")
    # Three times within a minute, however long they took here.
    page.evaluate("sessionStorage.setItem('clipper-opened-again', JSON.stringify(Array(3).fill(Date.now())))")
    line.cut()
    again.wait_for()


@pytest.mark.slow
def test_a_page_without_a_map_opens_again_too(visit: Visit, tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        page, line = opened(visit, f"{address}/viewer", there="h2:text-is('No index yet')")
        with page.expect_navigation():
            line.cut(is_told=False)
        page.get_by_role("heading", name="No index yet").wait_for()
