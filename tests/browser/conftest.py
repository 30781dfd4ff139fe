"""A real Chromium before the real server. Without Chromium these tests are skipped, and say why."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse

import pytest
from helpers import PICTURE
from panel_server import serving
from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # milliseconds: a busy machine is no failure
expect.set_options(timeout=PATIENCE)

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

collect_ignore: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")
            if CHROMIUM is None and os.environ.get("CLIPPER_REQUIRE_BROWSER"):
                raise pytest.UsageError("CLIPPER_REQUIRE_BROWSER is set, and there is no chromium here")
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine"))


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium, for one file of tests: its driver runs a loop in this thread, where others must find none."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def viewer_url(sample_home: Path) -> Iterator[str]:
    with serving(sample_home) as address:
        yield f"{address}/viewer"


@pytest.fixture
def visit(browser: object) -> Iterator[Callable[..., SimpleNamespace]]:
    """Opens an address, `before` run first; gives the page and all it complained of or asked others for."""
    contexts = []

    def open_page(
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        ready: bool = True,
        before: str = "",
        touch: bool = False,
        theme: str = "",
        scheme: str = "dark",
        zone: str = "UTC",
    ) -> SimpleNamespace:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, has_touch=touch, color_scheme=scheme, timezone_id=zone)
        contexts.append(context)
        if theme:
            context.add_cookies([{"name": "clipper-theme", "value": theme, "url": url}])
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.add_init_script(before)
        seen = SimpleNamespace(page=page, errors=[], elsewhere=[], dialogs=[])
        page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("request", lambda asked: None if local(asked.url) else seen.elsewhere.append(asked.url))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(url)
        if ready:
            page.wait_for_selector(".results .card", state="attached")  # a link may open another panel
            page.wait_for_function(PICTURE)
        return seen

    yield open_page
    for context in contexts:
        context.close()


def local(url: str) -> bool:
    parts = urlparse(url)
    return parts.scheme in {"data", "blob", "about"} or parts.hostname == "127.0.0.1"
