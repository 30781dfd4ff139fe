"""The menu of what can colour the map."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import clean, settled, still

Visit = Callable[..., SimpleNamespace]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (420, 860)])
def test_the_menu_has_headings_and_leaves_the_legends_counts_in_view(
    visit: Visit, viewer_url: str, width: int, height: int
) -> None:
    seen = visit(viewer_url, width=width, height=height)
    page = seen.page
    settled(page)
    if not page.locator(".legend .line").first.is_visible():
        page.locator(".fold button").click()
    page.locator(".clipper-colour").get_by_role("combobox").click()
    menu = page.locator(".MuiMenu-paper")
    menu.get_by_text("Density only").wait_for()
    headings = menu.locator(".MuiListSubheader-root").all_inner_texts()
    assert headings == [
        "Columns",
        "Search",
        "Your tags and words",
        "Clusters and density",
        "Measured by Clipper",
    ]
    box, legend = still(menu), page.locator(".legend").bounding_box()
    assert box["x"] >= legend["x"] + legend["width"] - 1
    assert box["x"] + box["width"] <= width
    menu.get_by_text("Cluster", exact=True).click()
    page.wait_for_selector(".legend .line >> text=flag")
    clean(seen)
