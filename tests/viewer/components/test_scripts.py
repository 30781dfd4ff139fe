"""The page's own script: one module of all components, kept by a browser as long as it is the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import param
import pytest
from panel_server import fetch, serving

import viewer.app  # noqa: F401 - makes all components known
from viewer.components.base import Component, module


@pytest.fixture(scope="module")
def address(sample_home: Path) -> Iterator[str]:
    with serving(sample_home) as url:
        yield f"{url}/viewer"


def test_every_component_is_in_the_module_once() -> None:
    named = re.findall(r"^components\.(\w+) = ", module().text, re.MULTILINE)
    assert named == sorted(
        name for name, part in param.concrete_descendents(Component).items() if part.script
    )
    assert {"Lasso", "Gallery", "ColourKey", "NoAtlas"} <= {*named}


def test_the_module_is_served_under_an_address_that_never_means_another_text(address: str) -> None:
    status, headers, body = fetch(f"{address}/{module().address.removeprefix('./viewer/')}")
    assert (status, body.decode()) == (200, module().text)
    assert headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in headers["Cache-Control"]


def test_a_page_of_another_release_is_answered_and_keeps_nothing(address: str) -> None:
    status, headers, body = fetch(f"{address}/components-{'0' * 16}.js")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert body.decode() == module().text


@pytest.mark.parametrize("name", ["components-.js", "components-../app.py", "components-zz.js", "app.py"])
def test_no_other_file_of_the_program_is_served(address: str, name: str) -> None:
    assert fetch(f"{address}/{name}")[0] == 404


def test_the_page_loads_only_scripts_it_uses(address: str) -> None:
    loaded = re.findall(r'<script[^>]* src="([^"?]+)', fetch(address)[2].decode())
    assert [name for name in loaded if re.search("panel|bokeh", name)]
    assert not [name for name in loaded if re.search("tabulator|luxon|shims|-gl", name)]


def test_only_a_page_with_a_map_is_outlined_with_one(address: str, tmp_path: Path) -> None:
    outline = re.compile(r'<div id="loader" class="([^"]*)"')
    assert "bare" not in outline.search(fetch(address)[2].decode())[1]
    with serving(tmp_path) as url:
        assert "bare" in outline.search(fetch(f"{url}/viewer")[2].decode())[1]
