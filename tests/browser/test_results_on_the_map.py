"""The best results around the mark of their query."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import ask, clean, marked, pointed_at, results, screen, settled

Visit = Callable[..., SimpleNamespace]
RADIUS = 99  # pixels from the mark to the images around it


@pytest.mark.slow
def test_results_fan_out_around_the_mark_are_shown_under_the_pointer_and_open_by_a_click(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    settled(page)
    ask(page, "red heart")
    page.wait_for_selector(".results h2:has-text('red heart')")
    found = [label.split(",")[0] for label in results(page)[:10]]
    shown = marked(page, {"red heart"})
    settled(page)
    x, y = screen(page, shown["x"][0], shown["y"][0])
    hovered: dict[str, tuple[float, float]] = {}
    for turn in range(24):
        at = x + RADIUS * math.sin(turn * math.pi / 12), y + RADIUS * math.cos(turn * math.pi / 12)
        for name in pointed_at(page, *at):
            hovered.setdefault(name, at)
    assert len(set(found) & set(hovered)) >= 7
    name = next(name for name in found if name in hovered)
    page.mouse.click(*hovered[name])
    page.locator(".detail .sheet", has_text=name).wait_for()
    clean(seen)
