"""A page whose connection breaks, as when the server is started anew or a laptop has slept."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import ask, results, settled

Visit = Callable[..., SimpleNamespace]


@pytest.mark.slow
def test_a_lost_connection_is_told_and_the_page_opens_again_as_it_was(visit: Visit, viewer_url: str) -> None:
    page = visit("about:blank", ready=False).page
    sockets = []

    def through(socket: object) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket("**/viewer/ws", through)
    page.goto(viewer_url)
    page.wait_for_selector(".results .card", timeout=60_000)
    ask(page, "cat")
    page.wait_for_selector(".results h2:text-is('cat')", timeout=60_000)
    settled(page)
    found, address = results(page), page.url
    away = []
    page.route("**/static/logo.svg", lambda route: (away.append(route), route.abort()))
    sockets[-1].close(code=1001)
    page.get_by_role("alert").get_by_text("The connection to the server is lost").wait_for()
    page.wait_for_function("document.visibilityState === 'visible'")
    while not away:
        page.wait_for_timeout(100)
    page.evaluate("window.before = true")
    with page.expect_navigation(timeout=30_000):
        page.unroute("**/static/logo.svg")
    page.wait_for_selector(".results h2:text-is('cat')", timeout=60_000)
    assert page.evaluate("window.before") is None
    assert page.url == address
    assert results(page) == found
    assert page.get_by_role("alert").get_by_text("lost").count() == 0
