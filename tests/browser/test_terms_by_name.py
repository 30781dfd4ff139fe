"""Images named in a query, terms that name nothing, and more words than the model reads."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from helpers import ask, clean
from playwright.sync_api import expect

Visit = Callable[..., SimpleNamespace]


def test_an_image_is_named_by_its_name_and_one_that_is_not_there_breaks_nothing(
    visit: Visit, viewer_url: str
) -> None:
    seen = visit(viewer_url)
    page = seen.page
    ask(page, "like:red-heart")
    page.wait_for_selector(".clipper-search .image img")
    page.wait_for_selector(".results h2")
    ask(page, "dog like:nobody-at-all")
    page.wait_for_selector(".results .card")
    chip = page.locator(".clipper-search .image.unknown")
    expect(chip).to_contain_text("No image is called “nobody-at-all”.")
    expect(page.locator(".results .error")).to_have_count(0)
    ask(page, "cat")
    expect(chip).to_have_count(0)
    clean(seen)


@pytest.mark.slow
def test_a_long_query_says_which_words_counted(visit: Visit, viewer_url: str) -> None:
    seen = visit(viewer_url)
    page = seen.page
    ask(page, " ".join(f"cat number {i}" for i in range(60)))
    expect(page.locator(".clipper-search .note")).to_contain_text("A long text: searched in ")
    ask(page, "cat")
    expect(page.locator(".clipper-search .note")).to_have_count(0)
    clean(seen)
