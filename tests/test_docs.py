import importlib.util
import re
import runpy
from itertools import permutations
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import typer
from test_layers import CORE, VIEWER, floors, wing_of

import clipper
from clipper import errors
from clipper.cli.main import app
from clipper.settings import Settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# Not the changelog: it names what there was.
WRITTEN = (README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/*.md"))
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in WRITTEN}
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def options() -> dict[str, set[str]]:
    """The options of each command of `clipper`."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
        for name, command in commands.items()
    }


def build_hooks() -> ModuleType:
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("build_hooks", ROOT / "docs" / "build_hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_fits_on_a_screen():
    assert len(README.read_text().splitlines()) <= 60


def test_the_table_lists_every_setting_with_its_default_and_its_meaning():
    expected = []
    for name, field in Settings.model_fields.items():
        if name != "home":
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            shown = f"`{default}`" if default else ""
            expected.append(f"| `{name}` | {shown} | {field.description} |")
    assert re.findall(r"^\| `.*$", PAGES["docs/settings.md"], re.MULTILINE) == expected


def test_every_make_target_in_the_pages_exists():
    makefile = (ROOT / "Makefile").read_text()
    named = {
        target for text in PAGES.values() for target in re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]*)", text)
    }
    assert {"demo", "test", "check", "test-slow", "docs", "reliability", "bench", "bench-viewer"} <= named
    for target in named:
        assert f"\n{target}:" in makefile, target


def test_every_option_in_the_pages_exists():
    known = options()
    found = 0
    for page, text in PAGES.items():
        for command, rest in re.findall(
            r"\bclipper (index|search|view|info|report|doctor)\b([^`\n#]*)", text
        ):
            for option in OPTION.findall(re.sub(r"'[^']*'", "", rest)):
                assert option in known[command], f"{page}: clipper {command} {option}"
                found += 1
    assert found > 10


def test_the_commands_page_lists_every_option():
    sections = re.split(r"^## ", PAGES["docs/command.md"], flags=re.MULTILINE)
    for command, known in options().items():
        section = next(text for text in sections if text.startswith(f"`clipper {command}`"))
        listed = set(re.findall(r"(?m)^\| `(-[a-z-]+)", section))
        assert listed == known - {"--help"}, command


def test_every_file_named_in_the_pages_exists():
    named = {
        (page, path)
        for page, text in PAGES.items()
        for path in re.findall(r"`((?:clipper|pipelines|viewer|benchmarks|docs|tests)/[\w./-]*)`", text)
    }
    assert len(named) > 20
    missing = [f"{page}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()]
    assert not missing


def test_the_python_page_shows_the_whole_public_surface():
    shown = set(re.findall(r"(?m)^::: clipper\.(\w+)$", PAGES["docs/python.md"]))
    tree = set(re.findall(r"\w+Error", errors.__doc__ or ""))
    assert set(clipper.__all__) <= shown | tree


def drawn(package: str) -> dict[str, float]:
    """The wings and modules of a package in the drawing, each with its distance from the top."""
    drawing = (ROOT / "docs" / "diagrams" / "wings.svg").read_text()
    inside = drawing.split(f"<!-- {package}/ -->")[1].split("<!--")[0]
    cells = re.findall(r'y="([\d.]+)"><tspan class="name">([^<]+)<', inside)
    return {name.rstrip("/"): float(y) for y, names in cells for name in names.split(", ")}


def test_the_drawings_are_those_that_the_script_draws(tmp_path: Path):
    draw = runpy.run_path(str(ROOT / "docs" / "diagrams" / "draw.py"))
    for name, function in (("wings.svg", "draw_wings"), ("image.svg", "draw_way")):
        draw[function](tmp_path / name)
        assert (tmp_path / name).read_text() == (ROOT / "docs" / "diagrams" / name).read_text()


@pytest.mark.parametrize("package", ["clipper", "pipelines", "viewer"])
def test_the_drawing_of_the_wings_shows_every_one(package: str):
    wings = {wing_of(path, package) for path in (ROOT / package).rglob("*.py")} - {"__init__"}
    assert wings <= drawn(package).keys()


@pytest.mark.parametrize(("package", "plan"), [("clipper", CORE), ("viewer", VIEWER)])
def test_the_drawing_of_the_wings_has_them_in_the_order_of_their_imports(package: str, plan: str):
    floor, shown = floors(plan), drawn(package)
    for one, other in permutations(floor.keys() & shown.keys(), 2):
        assert floor[one] <= floor[other] or shown[one] <= shown[other], f"{one} is drawn below {other}"


def test_a_link_to_a_file_outside_of_docs_becomes_one_to_its_page():
    page = SimpleNamespace(
        file=SimpleNamespace(abs_src_path=str(ROOT / "docs" / "limits.md"), src_uri="limits.md")
    )
    text = "[a](../CHANGELOG.md#now) [b](map.md) [c](https://example.org/x.md)"
    rewritten = build_hooks().on_page_markdown(text, page, None, None)
    assert rewritten == "[a](changelog.md#now) [b](map.md) [c](https://example.org/x.md)"


def test_a_notebook_becomes_a_page_with_its_outputs():
    outputs = [
        {"output_type": "stream", "text": ["62 images\n", "on the map\n"]},
        {"output_type": "display_data", "data": {"image/png": "aGVsbG8=\n", "text/plain": "<Figure>"}},
        {
            "output_type": "execute_result",
            "data": {"text/html": ["<table>\n", "\n", "</table>"], "text/plain": "x"},
        },
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# A tour\n", "\n", "Hello."]},
        {"cell_type": "code", "source": ["import clipper"], "outputs": outputs},
    ]
    assert build_hooks().notebook_page({"cells": cells}).split("\n\n") == [
        "# A tour",
        "Hello.",
        "```python\nimport clipper\n```",
        "```text\n62 images\non the map\n```",
        '<img alt="Output" src="data:image/png;base64,aGVsbG8=">',
        '<div class="output">\n<table>\n</table>\n</div>\n',
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        '<script src="https://example.org/x.js"></script>',
        '<link rel="stylesheet" href="//example.org/x.css">',
        "<style>@import url('https://example.org/x.css')</style>",
    ],
)
def test_a_site_that_loads_from_another_host_is_refused(tmp_path: Path, foreign: str):
    hooks = build_hooks()
    page = tmp_path / "index.html"
    page.write_text('<a href="https://example.org">a link is followed by a person</a><img src="here.png">')
    hooks.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))
    page.write_text(foreign)
    with pytest.raises(hooks.PluginError, match=r"example\.org"):
        hooks.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))


def test_every_test_that_the_reliability_report_runs_exists():
    named = re.findall(
        r'"(tests/[^":\[]+)(?:::(\w+))?', (ROOT / "benchmarks" / "reliability.toml").read_text()
    )
    assert len(named) > 30
    missing = [
        (path, name)
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert not missing
