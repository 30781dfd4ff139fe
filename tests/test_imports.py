"""Imports run one way, and nothing heavy is loaded before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "clipper").rglob("*.py"))
HEAVY = {
    "torch",
    "distributed",
    "transformers",
    "chromadb",
    "umap",
    "numba",
    "pynndescent",
    "sklearn",
    "pandas",
    "pyarrow",
}
APART = (
    "clipper.models.encoder",
    "clipper.chroma.collection",
    "clipper.projection.layout",
    "clipper.store.embeddings",
)


def imports(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Each import statement and what it names, those within functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            yield node, node.module
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def packages(folder: str) -> dict[Path, set[str]]:
    return {path: {name.split(".")[0] for _, name in imports(path)} for path in (ROOT / folder).rglob("*.py")}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("clipper", {"pipelines", "viewer", "dagster", "panel", "holoviews", "datashader", "bokeh"}),
        ("pipelines", {"viewer", "panel", "holoviews", "datashader", "bokeh"}),
        ("viewer", {"pipelines", "dagster"}),
    ],
)
def test_imports_run_one_way(folder: str, forbidden: set[str]):
    found = packages(folder)
    assert found
    wrong = {str(path): names & forbidden for path, names in found.items() if names & forbidden}
    assert not wrong


def test_only_the_collection_knows_chroma():
    for folder in ("clipper", "pipelines", "viewer"):
        using = {path.name for path, names in packages(folder).items() if "chromadb" in names}
        assert using == ({"collection.py"} if folder == "clipper" else set())


@pytest.mark.parametrize("name", APART)
def test_model_collection_projection_and_embeddings_do_not_know_each_other(name: str):
    used = {module for _, module in imports(ROOT.joinpath(*name.split(".")).with_suffix(".py"))}
    assert not used & set(APART) - {name}


def test_settings_know_nothing_but_errors_and_where_a_home_is():
    """A home's settings lie in it: of one on an object store they are fetched first."""
    used = {module for _, module in imports(ROOT / "clipper" / "settings.py")}
    assert {module for module in used if module.startswith("clipper")} <= {
        "clipper.errors",
        "clipper.errors.SettingsError",
        "clipper.mirror",
        "clipper.mirror.copy",
        "clipper.mirror.location",
    }


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_load_inside_functions(path: Path):
    """Compiled loops need numba from their first line on, and layers torch: they are heavy for all others."""
    own = {"numba": "_kernels", "torch": "_layers"}
    heavy_itself = path.stem.endswith(tuple(own.values()))
    allowed = {name for name, ending in own.items() if path.stem.endswith(ending)}
    tree = ast.parse(path.read_text())
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in statement.names]
            modules = [statement.module or ""] if isinstance(statement, ast.ImportFrom) else names
            assert not {module.split(".")[0] for module in modules} & (HEAVY - allowed)
            ends = tuple(own.values())
            assert heavy_itself or not any(name.endswith(ends) for name in [*modules, *names])


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_by_saying_what_it_is(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def loaded_by(code: str) -> set[str]:
    """The heavy libraries that are loaded after a piece of code ran in a process of its own."""
    code += f"\nimport sys; print('LOADED', *[name for name in {sorted(HEAVY)} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=280
    )
    return set(result.stdout.rpartition("LOADED")[2].split())


def test_importing_clipper_loads_nothing_heavy():
    assert loaded_by("import clipper") == set()


def test_importing_every_module_of_the_core_loads_nothing_heavy():
    apart = ("__init__", "__main__", "_kernels", "_layers")
    paths = [path.relative_to(ROOT).with_suffix("") for path in CORE if not path.stem.endswith(apart)]
    assert loaded_by("\n".join(f"import {'.'.join(path.parts)}" for path in paths)) == set()


def test_the_commands_help_loads_nothing_heavy():
    code = """
import sys
from clipper import cli
sys.argv = ["clipper", "--help"]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code
"""
    assert loaded_by(code) == set()


def test_a_search_does_not_load_the_code_that_indexes():
    code = """
import sys
import clipper.cli, clipper.atlas.engine
assert not [name for name in sys.modules if name.startswith(("clipper.indexing", "clipper.doctor"))]
"""
    assert loaded_by(code) == set()


def test_an_index_of_an_unchanged_folder_loads_no_heavy_library_but_the_one_that_reads_tables(
    indexed_home: Path,
):
    code = f"""
from clipper.indexing import run
from clipper.settings import Settings
from pathlib import Path
run.index(Settings.load(Path({str(indexed_home)!r})))
"""
    assert loaded_by(code) == {"pyarrow"}
