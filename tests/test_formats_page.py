"""The page of what Clipper reads is what its script finds out."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("formats_page", ROOT / "docs" / "formats.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_lists_each_format_as_it_is_read(script: ModuleType):
    text = script.PAGE.read_text()
    rows = script._format_rows()
    assert len(rows) > 40
    assert [row for row in rows if f"| {' | '.join(row)} |" not in text] == []
    assert len(re.findall(r"as it is|converted \|", text)) >= len(rows)


@pytest.mark.slow
def test_the_page_is_what_its_script_writes(script: ModuleType):
    assert script.page() == script.PAGE.read_text()
