"""Print how long a visitor of the viewer waits, for maps of several sizes, alone and among ten.

A real server (`panel serve viewer`) shows generated homes; visitors without a browser speak to it over the
websocket, pictures and all, on the same machine. A real browser tells what a single visitor sees.

    python benchmarks/interactions.py [FOLDER] [--sizes N ...] [--no-browser]
    python benchmarks/interactions.py [FOLDER] --load SECONDS [--workers N ...] [--rounds N]

FOLDER keeps the generated homes, of which that of 10,000,000 images takes 3 GB and its server 6 GB of memory.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from generated import KINDS, SEARCHED, home_of

from clipper.atlas.engine import SearchEngine
from clipper.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "viewer")]

from panel_server import Server, started  # noqa: E402 - found through the line above
from visitor import HEIGHT, WIDTH, Visitor  # noqa: E402

SIZES = (100_000, 1_000_000, 10_000_000)
CROWD, LOAD = 10, 20
TIMES = 8  # that each does each thing; a zoom is a gesture of several steps
DEEP = 30  # times the first view: from there people go back
GESTURE, STEP = 6, 0.8  # wheel steps of one movement, and what each leaves of the view
WHEEL = (Path(__file__).parent / "wheel.js").read_text("utf-8")
PAINTED = """() => [...(window.Bokeh?.documents?.[0]?._all_models.values() ?? [])]
  .some((m) => m.type === "ColumnDataSource" && m.data.image?.[0]?.length > 4) && performance.now() / 1000"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
IN_BROWSER = ("wheel", "first paint", "first picture")
KNOWN = 2  # visits after which a browser knows a page
BESIDE = (7.0, 3.0)  # pixels around a name, aside and up, that belong to its button; and one more
LOOKING = (1.0, 3.0)  # seconds between two gestures
ROWS = 40  # of a table at once
CURATE = "~results/~filter:~table:55:34"  # results, charts and a table around the map, as links have it
CARD = 5.0  # seconds after which no card comes any more
WORDS = ("a red heart", "a cat", "two people", "a flag", "food", "a smiling face", "a boat", "music")
WORKBENCH = ("chart", "scroll", "sort", "view")
COLOURS = ("score", "Density only", "kind")  # as the select names them
OPTIONS = ("--warm", "--log-level", "warning")

Waits = dict[str, list[float]]


class Person:
    """Somebody who looks round a map: what they do, and how long each time they waited."""

    def __init__(
        self, visitor: Visitor, xy: np.ndarray, view: tuple[float, ...], *, count: int, seed: int
    ) -> None:
        self.visitor, self.xy, self.count = visitor, xy, count
        self.random = np.random.default_rng(seed)
        self.waits: Waits = defaultdict(list)
        x0, x1, y0, y1 = view
        self.home = ((x0 + x1) / 2, (y0 + y1) / 2, max((y1 - y0) / HEIGHT, (x1 - x0) / WIDTH) * 1.08)
        self.at = self.home
        self.ascending = False  # the order of the table

    async def zoom(self) -> None:
        """A movement of the wheel: towards a point, or back when that is deep enough."""
        x, y = self.xy[self.random.integers(len(self.xy))]
        deep = self.at[2] < self.home[2] / 30
        if (
            deep
            or abs(x - self.at[0]) > WIDTH / 2 * self.at[2]
            or abs(y - self.at[1]) > HEIGHT / 2 * self.at[2]
        ):
            self.at = self.home
            await self._shown()
        for _ in range(GESTURE):
            cx, cy, unit = self.at
            self.at = (x + (cx - x) * STEP, y + (cy - y) * STEP, unit * STEP)
            await self._shown()

    async def _shown(self) -> None:
        x, y, unit = map(float, self.at)
        w, h = unit * WIDTH / 2, unit * HEIGHT / 2
        self.waits["zoom"].append(await self.visitor.look(x - w, x + w, y - h, y + h))

    def _inside(self, xy: np.ndarray) -> np.ndarray:
        """Which places (k, 2) are well within the view."""
        x, y, unit = self.at
        return (np.abs(xy - [x, y]) < [0.45 * WIDTH * unit, 0.45 * HEIGHT * unit]).all(1)

    def _below_names(self, xy: np.ndarray) -> np.ndarray:
        """Which places (k, 2) a name covers: pointing there, a person points at the name."""
        covered = np.zeros(len(xy), bool)
        for name in self.visitor.names:
            reach = np.array([name["width"] / 2 + BESIDE[0], name["height"] / 2 + BESIDE[1]]) * self.at[2]
            covered |= (np.abs(xy - [name["x"], name["y"]]) <= reach).all(1)
        return covered

    async def hover(self) -> None:
        """Point at an image that is in view: a point or a thumbnail, not a name."""
        await self.visitor.rest()
        seen = self.xy[self._inside(self.xy)]
        x, y = map(float, self.random.choice(seen[~self._below_names(seen)]))
        self.waits["hover"].append(await self.visitor.point(x, y))

    async def search(self) -> None:
        """Ask for something else than before; until the results are listed."""
        words = f"{self.random.choice(WORDS)} {self.random.integers(10**6)}"
        self.waits["search"].append(await self.visitor.ask(words))

    async def colour(self) -> None:
        """Colour by the next column; until the map is drawn so."""
        name = COLOURS[len(self.waits["colour"]) % len(COLOURS)]
        await self._redrawn("colour", lambda: self.visitor.choose("Colour by", name))

    async def filter(self) -> None:
        """Press a value of a column, or press it once more; until the map is drawn so."""
        await self.visitor.rest()  # a finer picture of the last one may still come
        value = f"kind {len(self.waits['filter']) // 2 % KINDS}"
        message = {"kind": "toggle", "column": "kind", "value": value}
        await self._redrawn("filter", lambda: self.visitor.tell("FilterPanel", message))

    async def chart(self) -> None:
        """Draw a box around an image; until the charts count its part of each value."""
        x, y = map(float, self.random.choice(self.xy))
        w, h = (0.15 * self.home[2] * side for side in (WIDTH, HEIGHT))
        shape = [[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]]
        message = {"kind": "drawn", "shape": shape, "mode": "replace"}
        await self._answered("chart", "FilterPanel", "items", lambda: self.visitor.tell("Lasso", message))

    async def scroll(self) -> None:
        """Scroll the table to rows far away; until they are here."""
        start = int(self.random.integers(self.count))
        message = {"kind": "window", "start": start, "count": ROWS}
        await self._answered("scroll", "Table", "window", lambda: self.visitor.tell("Table", message))

    async def sort(self) -> None:
        """Sort the images by a column, or the other way; until the table has another order."""
        self.ascending = not self.ascending
        message = {"kind": "sort", "column": "score", "ascending": self.ascending}
        await self._answered("sort", "Table", "list_number", lambda: self.visitor.tell("Table", message))

    async def view(self) -> None:
        """Open a view that somebody saved, with another filter than before; until all of it is here."""
        filters = {"kind": {"values": [f"kind {len(self.waits['view']) % KINDS}"]}}
        query = urlencode({"colour": "kind", "filters": json.dumps(filters), "layout": CURATE})
        message = {"kind": "went", "search": f"?{query}"}
        await self._answered("view", "PageUrl", "arrivals", lambda: self.visitor.tell("PageUrl", message))

    async def _answered(
        self, what: str, part: str, attribute: str, act: Callable[[], Awaitable[None]]
    ) -> None:
        self.waits[what].append(await self.visitor.told_by(part, attribute, act))

    async def _redrawn(self, what: str, act: Callable[[], Awaitable[None]]) -> None:
        self.waits[what].append(await self.visitor.next_picture(act))


async def arrive(address: str, home: Path, count: int, *, cookie: str = "") -> list[Person]:
    """So many people, each with the page open and the first picture seen."""
    atlas = SearchEngine(Settings.load(home))
    xy = atlas.xy[np.random.default_rng(1).integers(0, len(atlas), min(len(atlas), 50_000))]
    people = []
    for seed in range(count):
        visitor = await Visitor.come(address, cookie=cookie)
        await visitor.size()
        people.append(Person(visitor, xy, atlas.view, count=len(atlas), seed=seed))
        await people[-1]._shown()  # noqa: SLF001 - the page's own first picture
    for person in people:
        person.waits.clear()
    atlas.close()
    return people


async def measured(server: Server, home: Path, n: int, count: int) -> Waits:
    """What people who all do the same kind of thing at once wait for it."""
    people = await arrive(server.address, home, count)
    await people[0].hover()
    for _ in COLOURS:  # what is worked out once a process is not what is measured
        await people[0].colour()
    doing = ["zoom", "hover", "colour"]
    if people[0].visitor.part("FilterPanel"):
        doing.append("filter")
        for _ in range(2):  # what does not pass has no card
            await people[0].filter()
    if n <= SEARCHED:
        doing.append("search")
        await people[0].search()
    waits = await all_do(people, doing)
    people = await arrive(server.address, home, count, cookie=f"clipper-layout={CURATE}")
    if people[0].visitor.part("Table"):
        await people[0].sort()
        waits |= await all_do(people, WORKBENCH)
    return waits


async def all_do(people: Sequence[Person], doing: Sequence[str]) -> Waits:
    """What people wait who do the same kind of thing at once, one kind after the other. Then they leave."""
    people[0].waits.clear()
    for what in doing:
        await asyncio.gather(*(_again(getattr(person, what), person) for person in people))
    for person in people:
        await person.visitor.leave()
    return {what: [wait for person in people for wait in person.waits[what]] for what in doing}


async def _again(act: Callable[[], Awaitable[None]], person: Person) -> None:
    for _ in range(TIMES):
        await act()
        await asyncio.sleep(float(person.random.uniform(0.2, 0.8)))


async def crowded(server: Server, home: Path, seconds: float, *, count: int = LOAD) -> None:
    """Print what people wait who zoom, point and search at once, each as a person does, for a while."""
    people = await arrive(server.address, home, count)
    ends = time.monotonic() + seconds
    missed = 0  # cards that did not come: the movement that a busy server takes as one with the next

    async def live(person: Person) -> None:
        nonlocal missed
        while time.monotonic() < ends:
            await person.zoom()
            await asyncio.sleep(float(person.random.uniform(*LOOKING)))
            hover = asyncio.create_task(person.hover())
            missed += not (await asyncio.wait([hover], timeout=CARD))[0]  # a message half sent is none
            if person.random.random() < 0.2:
                await person.search()

    watch = asyncio.create_task(_cores(server, seconds))
    ended = await asyncio.gather(*map(live, people), return_exceptions=True)
    errors = [repr(e) for e in ended if e is not None] + [e for p in people for e in p.visitor.errors]
    print(
        f"{count} people for {seconds:.0f} s: {len(errors)} errors {errors[:3] or ''}, {missed} cards missed"
    )
    for what in ("zoom", "hover", "search"):
        waits = [wait for person in people for wait in person.waits[what]]
        most = max(waits, default=0) * 1000
        print(f"  {what}: {len(waits):,} times, {told(waits)} ms (p50 / p95), {most:.0f} at most")
    busy, own, rest = await watch
    memory = server.memory_mib()
    print(
        f"  cores: {busy:.2f} the server, {own:.2f} the people, {rest:.2f} others; {memory:,.0f} MiB",
        flush=True,
    )
    for person in people:
        await person.visitor.leave()


async def _cores(server: Server, seconds: float) -> tuple[float, float, float]:
    """How many cores are busy for a while: with the server, with this process, and with anything else."""
    tick = os.sysconf("SC_CLK_TCK")

    def used() -> np.ndarray:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        total = (sum(fields) - fields[3] - fields[4]) / tick
        server_s, own = server.cpu_seconds(), time.process_time()
        return np.array([server_s, own, total - server_s - own, time.monotonic()])

    before = used()
    await asyncio.sleep(seconds)
    busy = used() - before
    return tuple(float(part / busy[3]) for part in busy[:3])  # type: ignore[return-value]


def told(waits: list[float]) -> str:
    """Median and 95th percentile of seconds, as milliseconds."""
    return " / ".join(f"{np.quantile(waits, q) * 1000:.0f}" for q in (0.5, 0.95)) if waits else "-"


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or None where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def in_browser(address: str) -> Waits:
    """Seconds in a real browser: from a wheel event to its picture, to the first paint, to the first picture.

    Its own visits are the third and later ones: from then on a browser keeps scripts compiled.
    """
    waits: Waits = defaultdict(list)
    with chromium() as browser:
        if browser is None:
            return waits
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        for visit in range(6):
            page = context.new_page()
            page.goto(f"{address}/viewer")
            pictured = page.wait_for_function(PAINTED, polling=20, timeout=60_000).json_value()
            if visit >= KNOWN:
                waits["first paint"].append(page.evaluate(FIRST_PAINT))
                waits["first picture"].append(pictured)
            page.wait_for_selector(".results .card")
            page.wait_for_timeout(1500)
            box = page.locator(".clipper-map").bounding_box()
            where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
            page.mouse.move(where["x"], where["y"])
            waits["wheel"] += page.evaluate(WHEEL, {"steps": 12, **where})
            page.close()
    return waits


def report(folder: Path, sizes: list[int], *, browser: bool) -> None:
    """Print a table, a line for each size and number of people."""
    columns = ("zoom", "hover", "search", "filter", "colour", *WORKBENCH)
    print(f"Milliseconds until it is there, p50 / p95; {os.cpu_count()} cores, a map of {WIDTH} x {HEIGHT}\n")
    print(f"| images | people | {' | '.join(columns)} | in Chromium: {' | '.join(IN_BROWSER)} |")
    print("|---" * (len(columns) + len(IN_BROWSER) + 2) + "|")
    for n in sizes:
        home = home_of(folder, n)
        with started(home, options=OPTIONS) as server:
            asyncio.run(_ready(server))
            for count in (1, CROWD):
                waits = asyncio.run(measured(server, home, n, count))
                seen = in_browser(server.address) if browser and count == 1 else {}
                cells = [*(told(waits.get(what, [])) for what in columns)]
                cells += [told(seen.get(what, [])) for what in IN_BROWSER]
                print(f"| {n:,} | {count} | {' | '.join(cells)} |", flush=True)


async def _ready(server: Server) -> None:
    """Wait until the server has done what it does once: its first visitor's page is slow before that."""
    for _ in range(3):
        visitor = await Visitor.come(server.address)
        await visitor.size()
        await visitor.leave()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()) / "clipper-generated"
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--load", type=float, default=0.0, help=f"seconds of {LOAD} people at once, instead")
    parser.add_argument("--workers", nargs="+", type=int, default=[1], help="server processes for --load")
    parser.add_argument("--rounds", type=int, default=1, help="times that each of --workers is measured")
    parser.add_argument("--no-browser", action="store_true")
    asked = parser.parse_args()
    if not asked.load:
        report(asked.folder, asked.sizes, browser=not asked.no_browser)
        return
    home = home_of(asked.folder, asked.sizes[0] if len(asked.sizes) == 1 else 1_000_000)
    for workers in asked.workers * asked.rounds:
        with started(home, options=OPTIONS, workers=workers) as server:
            asyncio.run(_ready(server))
            print(f"{workers} server processes, ", end="")
            asyncio.run(crowded(server, home, asked.load))


if __name__ == "__main__":
    main()
