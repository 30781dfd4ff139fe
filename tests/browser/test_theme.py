"""Dark or light: as the system, until a person chooses."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import changed, clean, settled, within_a_minute

Visit = Callable[..., SimpleNamespace]
GROUNDS = {"dark": "rgb(13, 15, 20)", "light": "rgb(250, 251, 252)"}
# Keeps the ground of the outline and of the map in every frame that is painted.
WATCH = """
window.grounds = new Set()
const ground = (el) => el && window.grounds.add(getComputedStyle(el).backgroundColor)
const look = () => {
  const outline = document.getElementById("loader")
  if (outline && outline.style.display !== "none") { ground(outline) }
  else { ground(document.querySelector(".mui-dark, .mui-light") && shadowed(document, ".map-area")) }
  requestAnimationFrame(look)
}
const shadowed = (root, selector) => {
  for (const el of root.querySelectorAll("*")) {
    if (el.matches(selector)) { return el }
    const found = el.shadowRoot && shadowed(el.shadowRoot, selector)
    if (found) { return found }
  }
  return null
}
requestAnimationFrame(look)
"""


def ground(page: object) -> str:
    return page.locator(".map-area").evaluate("el => getComputedStyle(el).backgroundColor")


def becomes(page: object, theme: str) -> None:
    for _ in within_a_minute(page):
        if ground(page) == GROUNDS[theme]:
            return
    raise AssertionError(f"the page is not {theme}")


def corner(page: object) -> int:
    """The brightness of the picture's first pixel."""
    return page.evaluate(
        "() => [...Bokeh.documents[0]._all_models.values()].find((m) => m.data?.image).data.image[0][0] & 255"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_first_visit_has_the_systems_theme_from_the_first_paint(
    visit: Visit, viewer_url: str, scheme: str
) -> None:
    seen = visit(viewer_url, scheme=scheme, before=WATCH)
    settled(seen.page)
    assert seen.page.evaluate("[...window.grounds]") == [GROUNDS[scheme]]
    assert (corner(seen.page) > 128) is (scheme == "light")
    assert "clipper-theme" not in seen.page.evaluate("document.cookie")
    clean(seen)


@pytest.mark.slow
def test_the_page_follows_the_system_until_a_person_chooses_and_can_again(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url, scheme="light")
    page = seen.page
    before = settled(page)
    page.emulate_media(color_scheme="dark")
    becomes(page, "dark")
    before = changed(page, before)
    page.get_by_label("Toggle theme").click()
    becomes(page, "light")
    page.wait_for_function("document.cookie.includes('clipper-theme=light')")
    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.wait_for_selector(".results .card")
    becomes(page, "light")
    page.get_by_label("Toggle theme").click()
    becomes(page, "dark")
    page.wait_for_function("!document.cookie.includes('clipper-theme')")
    page.emulate_media(color_scheme="light")
    becomes(page, "light")
    clean(seen)
