"""What a person does with the page, in words the tests can use."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import Error, expect

# Finds the figure's models from outside; everything the tests ask about the map goes through this.
MODELS = (
    "const all = [...Bokeh.documents[0]._all_models.values()];"
    " const fig = all.find((m) => m.type === 'Figure');"
)

# The map has a picture: the image source is no longer the 2 x 2 it starts with.
PICTURE = """() => [...(window.Bokeh?.documents[0]?._all_models.values() ?? [])]
    .some((m) => m.type === "ColumnDataSource" && m.data.image?.[0]?.length > 4)"""


def clean(seen: SimpleNamespace) -> None:
    """Check that a page complained of nothing, asked no other server and opened no dialog."""
    assert (seen.errors, seen.elsewhere, seen.dialogs) == ([], [], [])


def within_a_minute(page: Any, *, every: int = 50) -> Iterator[None]:
    """Look again and again, some milliseconds apart, for a minute at most: a busy machine is no failure."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        yield
        page.wait_for_timeout(every)


def soon(page: Any, check: Callable[[], object]) -> None:
    """Check what is not yet so, for a minute at most."""
    for _ in within_a_minute(page):
        if check():
            return
    assert check()


def ask(page: Any, text: str) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def colour_by(page: Any, title: str) -> None:
    """Choose what colours the map."""
    page.locator(".clipper-colour").get_by_role("combobox").click()
    page.get_by_role("listbox", name="Colour by").get_by_text(title, exact=True).click()


def results(page: Any) -> list[str]:
    return page.locator(".results .card").evaluate_all(
        "els => els.map((el) => el.getAttribute('aria-label'))"
    )


def markers(page: Any) -> dict[str, list[Any]]:
    return page.evaluate(
        f"() => {{ {MODELS} const s = all.find((m) => m.type === 'ColumnDataSource' && m.data.star);"
        " return {text: [...s.data.label], x: [...s.data.x], y: [...s.data.y], alpha: [...s.data.alpha]}; }"
    )


def marked(page: Any, texts: set[str]) -> dict[str, list[Any]]:
    """The markers once they are those of `texts`."""
    for _ in within_a_minute(page):
        found = markers(page)
        if set(found["text"]) == texts:
            return found
    raise AssertionError(f"the markers are {found['text']}, not {texts}")


def ranges(page: Any) -> dict[str, float]:
    return page.evaluate(
        f"() => {{ {MODELS} return {{x0: fig.x_range.start, x1: fig.x_range.end, y0: fig.y_range.start,"
        " y1: fig.y_range.end, w: fig.inner_width, h: fig.inner_height}; }"
    )


def glides(page: Any) -> bool:
    """Whether the map is on its way."""
    return page.evaluate(f"() => {{ {MODELS} return Boolean(fig.clipper_flight) }}")


def arrived(page: Any, before: dict[str, float]) -> dict[str, float]:
    """The ranges once they differ from `before` and have come to rest."""
    last = before
    for _ in within_a_minute(page, every=100):
        now = ranges(page)
        if now == last != before and not glides(page):
            return now
        last = now
    raise AssertionError("the map did not move")


def picture(page: Any) -> Any:
    """Something that changes whenever another picture is shown; None before the first."""
    return page.evaluate(
        f"() => {{ {MODELS} const s = all.find((m) => m.type === 'ColumnDataSource' && m.data.image);"
        " const p = s.data.image[0]; let h = 7; if (p.length <= 4) { return null }"
        " for (let i = 0; i < p.length; i += 97) { h = (h * 31 + p[i]) | 0 }"
        " return [s.data.x[0], s.data.dw[0], p.length, h].join(' '); }"
    )


def settled(page: Any, *, quiet: int = 700) -> Any:
    """The picture once it has not changed for `quiet` milliseconds."""
    before = None
    for _ in within_a_minute(page, every=quiet):
        now = picture(page)
        if now is not None and now == before and not glides(page):
            return now
        before = now
    raise AssertionError("the map never came to rest")


def still(part: Any) -> dict[str, float]:
    """The box of a part of the page once it moves no more."""
    last = None
    for _ in within_a_minute(part.page, every=100):
        now = part.bounding_box()
        if now is not None and now == last:
            return now
        last = now
    raise AssertionError("it never came to rest")


def changed(page: Any, before: Any) -> Any:
    """The next picture that differs from `before`, once the map has come to rest."""
    for _ in within_a_minute(page, every=100):
        if picture(page) != before:
            return settled(page)
    raise AssertionError("the picture did not change")


def screen(page: Any, x: float, y: float) -> tuple[float, float]:
    """The place of a map position on the screen."""
    seen, box = ranges(page), page.locator(".clipper-map").bounding_box()
    return (
        box["x"] + (x - seen["x0"]) / (seen["x1"] - seen["x0"]) * seen["w"],
        box["y"] + (seen["y1"] - y) / (seen["y1"] - seen["y0"]) * seen["h"],
    )


def pointed_at(page: Any, x: float, y: float, *, patience: int = 5000) -> list[str]:
    """The name on the card of the image under the pointer, at a place of the page; [] if no card comes.

    Without names on the map (`names=0` in the address): where one lies, it gets the pointer.
    """
    page.mouse.move(5, 5)
    expect(page.locator(".hover.shown")).to_have_count(0)
    page.mouse.move(x, y)
    with suppress(Error):  # no card comes
        page.locator(".hover.shown .label").wait_for(timeout=patience)
    return page.locator(".hover.shown .label").all_inner_texts()


def is_named(page: Any, x: float, y: float) -> bool:
    """Whether a cluster's name lies over a map position: the name gets the pointer there."""
    left, top = screen(page, x, y)
    boxes = [name.bounding_box() for name in page.locator(".names-over .name:visible").all()]
    return any(
        box["x"] <= left <= box["x"] + box["width"] and box["y"] <= top <= box["y"] + box["height"]
        for box in boxes
        if box
    )


def zoom_at(page: Any, x: float, y: float, *, steps: int) -> None:
    page.mouse.move(*screen(page, x, y))
    for _ in range(steps):
        page.mouse.wheel(0, -240)
        page.wait_for_timeout(120)
    settled(page)
