"""Do three tasks in the viewer as a person does, and print what each takes: clicks, keys, and seconds.

    python benchmarks/tasks.py [--show FOLDER]

A real browser shows the sample. Waiting is measured. The time of the hands and of the head is that of the
keystroke-level model: K. Card, T. Moran, A. Newell, "The keystroke-level model for user performance time
with interactive systems", Communications of the ACM 23 (1980).
"""

import argparse
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "viewer"), str(ROOT / "tests" / "browser")]

from helpers import settled  # noqa: E402 - found through the line above
from panel_server import serving  # noqa: E402

SIZE = {"width": 1440, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
# Seconds of the keystroke-level model.
KEY = 0.28  # an average typist's
CLICK = 1.1 + 0.2  # pointing, and pressing the button
BEST = 100  # images that the second task keeps
THINK = 1.35  # before each step: a click, or a word that is typed


@dataclass
class Person:
    """Somebody at the page: each act is counted, and its effect is waited for."""

    page: Any
    clicks: int = 0
    keys: int = 0
    thoughts: int = 0
    waited: float = 0.0
    steps: list[str] = field(default_factory=list)

    def click(self, what: str, target: Locator, *, until: Locator | None = None) -> None:
        """Press a button, until something is in view."""
        self._do(what, target.click, until)
        self.clicks += 1

    def click_at(self, what: str, target: Locator, *, share: float) -> None:
        """Press a slider at a share of its width."""
        box = target.bounding_box() or {}
        at = {"x": box["width"] * share, "y": box["height"] / 2}
        self._do(what, lambda: target.click(position=at), None)
        self.clicks += 1

    def type(self, what: str, text: str, *, until: Locator | None = None) -> None:
        """Type a text and Enter, into what has the focus."""
        self._do(
            what, lambda: (self.page.keyboard.insert_text(text), self.page.keyboard.press("Enter")), until
        )
        self.keys += len(text) + 1

    def press(self, what: str, key: str) -> None:
        """Press a key, or several at once."""
        self._do(what, lambda: self.page.keyboard.press(key), None)
        self.keys += key.count("+") + 1

    def choose(self, what: str, field: Locator, title: str, *, until: Locator | None = None) -> None:
        """Choose an entry of a native menu: two clicks."""
        self._do(what, lambda: field.select_option(label=title), until)
        self.clicks += 2

    def _do(self, what: str, act: Callable[[], object], until: Locator | None) -> None:
        began = time.perf_counter()
        act()
        if until is not None:
            expect(until.first).to_be_visible(timeout=60_000)
        self.waited += time.perf_counter() - began
        self.thoughts += 1
        self.steps.append(what)

    @property
    def seconds(self) -> float:
        """Seconds of hands and head, and of waiting."""
        return self.clicks * CLICK + self.keys * KEY + self.thoughts * THINK + self.waited


def over_represented(person: Person) -> None:
    """Answer: which groups are over-represented among images like this one?"""
    page = person.page
    person.click("the image", page.locator(".results .card").first, until=page.locator(".detail .sheet"))
    person.click(
        "More like this", page.locator(".detail").get_by_role("button", name="More like this"),
        until=page.locator(".results h2"),
    )  # fmt: skip
    person.click("the menu that selects", page.get_by_role("button", name="Select images of this list"))
    person.click(
        "Select the first 100", page.get_by_role("menuitem", name="Select the first 100", exact=True)
    )
    first = page.get_by_role("switch", name="Over-represented first")
    person.click("the tab Filter", page.get_by_role("tab", name="Filter"), until=first)
    person.click("Over-represented first", first)


def best_of_the_cats(person: Person) -> None:
    """Do: sort by uniqueness, keep the best 100 of the cats, export as COCO."""
    page = person.page
    person.press("the search field", "/")
    person.type("cat", "cat", until=page.locator(".results h2", has_text="cat"))
    person.click_at("the least similarity", page.get_by_label("Least similarity of a result"), share=0.6)
    page.wait_for_function("location.search.includes('cut=')")
    person.choose("sort by uniqueness", page.get_by_label("Sort by"), "Uniqueness")
    person.click("the menu that selects", page.get_by_role("button", name="Select images of this list"))
    person.click(
        "Select the first 100", page.get_by_role("menuitem", name="Select the first 100", exact=True)
    )
    export = page.locator(".chosen").get_by_role("button", name="Export")
    person.click("the tab Selection", page.get_by_role("tab", name="Selection"), until=export)
    person.click("Export", export)
    with page.expect_download() as download:
        person.click("COCO", page.get_by_role("menuitem", name="COCO"))
    with zipfile.ZipFile(download.value.path()) as exported:
        images = [name for name in exported.namelist() if name.endswith(".jpg")]
    if len(images) != BEST:
        raise AssertionError(f"{len(images)} images were exported, not {BEST}")


def what_i_see(person: Person) -> str:
    """Do: send a colleague what I see. Return the address that is sent."""
    person.press("the address", "Control+L")
    person.press("copy it", "Control+C")
    return str(person.page.url)


TASKS: dict[str, Callable[[Person], object]] = {
    "which groups are over-represented among images like this one?": over_represented,
    "sort by uniqueness, keep the best 100 of the cats, export as COCO": best_of_the_cats,
    "send a colleague what I see": what_i_see,
}


def main() -> None:
    """Do the tasks, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--show", type=Path, help="a folder for pictures of how each task ends")
    parser.add_argument("--home", type=Path, default=ROOT / "data")
    asked = parser.parse_args()
    print("| task | clicks | keys | steps | waited, s | in all, s |\n|---|---|---|---|---|---|")
    with serving(asked.home) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for number, (title, task) in enumerate(TASKS.items(), 1):
            page = browser.new_context(viewport=SIZE, accept_downloads=True).new_page()
            page.goto(f"{address}/viewer")
            page.wait_for_selector(".results .card", timeout=60_000)
            settled(page)
            person = Person(page)
            task(person)
            print(
                f"| {title} | {person.clicks} | {person.keys} | {len(person.steps)} |"
                f" {person.waited:.1f} | {person.seconds:.0f} |", flush=True
            )  # fmt: skip
            print(json.dumps(person.steps), file=sys.stderr)
            if asked.show is not None:
                page.wait_for_timeout(1500)
                page.screenshot(path=asked.show / f"task-{number}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
