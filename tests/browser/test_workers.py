"""Several server processes at one address: what a person sees does not depend on which one answers."""

import json
import os
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.util.token import get_session_id
from helpers import ask, clean, within_a_minute
from panel_server import Server, started
from playwright.sync_api import expect

from clipper.store import tags
from clipper.store.home import Home
from viewer.server.processes.supervisor import VARIABLE

pytestmark = pytest.mark.linux  # several workers hand over sockets

Visit = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path) -> Path:
    return Path(copytree(sample_home, tmp_path_factory.mktemp("workers") / "home"))


@pytest.fixture(scope="module")
def server(own_home: Path) -> Iterator[Server]:
    with started(own_home, workers=2) as running:
        yield running


@pytest.mark.slow
def test_people_of_different_workers_search_export_and_see_each_others_tags(
    visit: Visit, server: Server, own_home: Path
) -> None:
    people = [visit(f"{server.address}/viewer") for _ in range(3)]
    for number, seen in enumerate(people):
        page = seen.page
        ask(page, "like:red-heart.jpg")
        expect(page.locator(".results .card").first).to_have_attribute("data-id", "red-heart.jpg")
        page.locator(".results .card").first.click()
        page.get_by_label("Add a tag").fill(f"person {number}")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    for _ in within_a_minute(people[0].page):
        if len(tags.read(Home(own_home))) == len(people):
            break
    for seen in people:
        seen.page.locator(".results .card").first.click()
        for number in range(len(people)):
            expect(seen.page.locator(".detail").get_by_text(f"person {number}", exact=True)).to_be_visible()
        clean(seen)


@pytest.mark.slow
def test_exports_reach_the_page_that_asked_for_them(visit: Visit, server: Server) -> None:
    people = [visit(f"{server.address}/viewer") for _ in range(2)]
    for seen in people:
        page = seen.page
        ask(page, "cat")
        page.wait_for_selector(".results .score")
        page.get_by_role("tab", name="Selection").click()
        page.get_by_text("The 60 results").click()
        page.wait_for_selector("text=All 60 results are chosen")
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="CSV table").click()
        assert len(Path(download.value.path()).read_text().splitlines()) == 61
    for seen in people:
        clean(seen)


@pytest.mark.slow
def test_a_new_version_reaches_the_pages_of_all_workers(visit: Visit, server: Server, own_home: Path) -> None:
    people = [visit(f"{server.address}/viewer") for _ in range(2)]
    (own_home / "images" / "copied.jpg").write_bytes(
        (own_home / "images" / "cat-face.jpg").read_bytes() + b" "
    )
    command = [sys.executable, "-m", "clipper.cli", "index", "--home", str(own_home)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    images = len(list((own_home / "images").glob("*.jpg")))
    for seen in people:
        expect(seen.page.locator(".status .line")).to_contain_text(f"{images:,} images")
        clean(seen)


def worker_of(page: Any, server: Server) -> int:
    """The process of the worker that has a page's session."""
    token = re.search(r'"token":\s*"([^"]+)"', page.content())[1]
    number = zlib.crc32(get_session_id(token).encode()) % 2
    for pid in server.processes()[1:]:
        told = dict(
            line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if line
        )
        if json.loads(told[VARIABLE])["number"] == number:
            return pid
    raise AssertionError(f"worker {number} does not run")


@pytest.mark.slow
def test_a_page_whose_worker_dies_opens_again_by_itself(visit: Visit, server: Server) -> None:
    page = visit(f"{server.address}/viewer?q=like:red-heart.jpg").page
    other = visit(f"{server.address}/viewer?q=like:pizza.jpg").page
    again: list[object] = []
    page.on("load", lambda: again.append(page))
    os.kill(worker_of(page, server), signal.SIGKILL)
    for _ in within_a_minute(page):
        if again:
            break
    assert again
    expect(page.locator(".results .card").first).to_have_attribute("data-id", "red-heart.jpg")
    expect(other.locator(".results .card").first).to_have_attribute("data-id", "pizza.jpg")
