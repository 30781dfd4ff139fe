"""A visitor is answered from the first moment on, and costs nothing after leaving."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import panel_material_ui as pmui
import pytest
from panel_server import started
from visitor import PATIENCE, Visitor, page

from viewer.compat import release_page

# What a page leaves behind would be there after each round. An allocator's pools grow once, in any of them.
ROUNDS, PAGES, GROWTH = 3, 50, 15  # loads of the page in a round; MiB
QUICKLY = ("--check-unused-sessions", "1000", "--unused-session-lifetime", "2000", "--log-level", "warning")
FORGOTTEN = 30  # seconds after which every session that is not open is over


def test_a_page_that_nobody_has_is_not_kept():
    kept = weakref.ref(release_page(pmui.Page(title="anything", busy_indicator=None)))
    gc.collect()
    assert kept() is None


def run(work: Coroutine[Any, Any, None]) -> None:
    """Await in a thread of its own: in this one the browser's tests may have left a loop that runs."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def _loads(address: str, times: int) -> None:
    for _ in range(times):
        await page(address)


async def _visits(address: str, times: int) -> None:
    for _ in range(times):
        visitor = await Visitor.come(address)
        await visitor.size()
        await visitor.look(-20.0, 41.0, -20.0, 21.5)
        await visitor.leave()
        assert visitor.errors == []


async def _turns_light_at_once(address: str) -> None:
    visitor = await Visitor.come(address, loaded=False)
    data = visitor.part("Page")["attributes"]["data"]
    await visitor.change((data["id"], "dark_theme", not data["attributes"]["dark_theme"]))
    await visitor.rest()
    await asyncio.wait_for(visitor.told_by("ThemeCookie", "chosen", visitor.load), 60)
    await visitor.leave()


async def _colours_before_a_link_is_opened(address: str) -> None:
    visitor = await Visitor.come(address, query="?colour=subgroup", loaded=False)
    await visitor.choose("Colour by", "Density only")
    await visitor.rest()
    await visitor.told_by("PageUrl", "search", visitor.load)
    await visitor.rest()
    url = visitor.part("PageUrl")["attributes"]["data"]["attributes"]
    assert (visitor.select("Colour by")["attributes"]["value"], url["search"]) == (
        "subgroup",
        "colour=subgroup",
    )
    await visitor.leave()


async def _asks_at_once(address: str) -> None:
    visitor = await Visitor.come(address, loaded=False)
    asked = asyncio.create_task(visitor.ask("heart"))
    await visitor.rest()
    await visitor.load()
    await asyncio.wait_for(asked, PATIENCE)
    await visitor.leave()


def test_who_asks_before_the_page_has_loaded_is_answered(sample_home: Path) -> None:
    with started(sample_home) as server:
        run(_asks_at_once(server.address))


def test_a_theme_that_is_chosen_before_the_page_has_loaded_is_kept(sample_home: Path) -> None:
    with started(sample_home) as server:
        run(_turns_light_at_once(server.address))


def test_a_link_keeps_its_colour_whatever_was_chosen_before_it_was_opened(sample_home: Path) -> None:
    with started(sample_home) as server:
        run(_colours_before_a_link_is_opened(server.address))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "come",
    [pytest.param(_loads, marks=pytest.mark.reliability), pytest.param(_visits, marks=pytest.mark.slow)],
)
def test_pages_that_were_left_do_not_fill_the_memory(
    sample_home: Path, come: Callable[[str, int], Coroutine[Any, Any, None]]
) -> None:
    with started(sample_home, options=("--warm", *QUICKLY)) as server:
        run(_visits(server.address, 10))  # what is loaded once
        run(come(server.address, 10))
        time.sleep(FORGOTTEN)
        growths, size = [], server.own_mib()
        for _ in range(ROUNDS):
            run(come(server.address, PAGES))
            time.sleep(FORGOTTEN)
            growths.append(server.own_mib() - size)
            size += growths[-1]
            if growths[-1] < GROWTH:
                return
    pytest.fail(f"after each {PAGES} pages that were left, the server was larger by {growths} MiB")
