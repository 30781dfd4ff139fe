"""A stranger finds the room: wings import only wings below, nothing goes in a circle, no wing is crowded."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the roof down to the ground. What stands on one line does not import its neighbours.
CORE = """
    cli
    doctor
    indexing
    indexing/contents indexing/files indexing/insights
    indexing/cluster
    indexing/staging
    atlas
    atlas/given notebook
    export
    export/page
    export/drawing
    export/formats
    chroma models
    models/families
    models/engines
    insight insight/clustering insight/doubles insight/words
    store/parts store/given
    similarity
    store annotations
    store/columns
    annotations/formats
    metadata
    metadata/keys
    metadata/values
    images/archives
    projection images
    projection/forces
    projection/search
    images/decoders images/picture images/files
    images/decoders/tiff
    sandbox
    query
    predicate
    columns
    query_syntax query_filter settings
    mirror
    hashing text caches system access network threads
    errors
"""
VIEWER = """
    __main__ main app_hooks
    server app
    server/processes
    components/side components/beside
    components/lists components/axes
    components/map components/page components/layout
    components
    session/workers
    session
    render dataset/findings dataset/axes
    dataset
    dataset/columns dataset/geometry
    theme pools compat homes
"""
MAX_FILES = 13  # a dozen and the `__init__.py` that says what the wing is for


def floors(plan: str) -> dict[str, int]:
    """The floor of each wing or module of a plan, 0 on the ground."""
    lines = [line.split() for line in plan.split("\n") if line.strip()]
    return {name: floor for floor, names in enumerate(reversed(lines)) for name in names}


def wing_of(path: Path, package: str) -> str:
    """The wing in which a file lies, or the module itself where it stands at the package's top."""
    inside = path.relative_to(ROOT / package).with_suffix("")
    return str(inside) if len(inside.parts) == 1 else str(inside.parent)


def imported(path: Path, package: str) -> Iterator[Path]:
    """The files of the same package that a file imports: within functions and for types alone, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == package:
            module = ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                named = (module / f"{alias.name}.py", module.with_suffix(".py"), module / "__init__.py")
                yield next(file for file in named if file.exists())


def arrows(package: str) -> Iterator[tuple[Path, Path]]:
    """Each file of a package but its `__init__.py`, with each file that it imports."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if path != ROOT / package / "__init__.py":
            yield from ((path, other) for other in imported(path, package))


@pytest.mark.parametrize(("package", "plan"), [("clipper", CORE), ("viewer", VIEWER)])
def test_a_wing_imports_only_wings_below_it(package: str, plan: str):
    floor = floors(plan)
    named = [(wing_of(a, package), wing_of(b, package), a) for a, b in arrows(package)]
    assert {wing for one, other, _ in named for wing in (one, other)} <= set(floor) | {"__init__"}
    upward = [
        f"{path.relative_to(ROOT)} imports {other}"
        for one, other, path in named
        if one != other and floor[one] <= floor[other]
    ]
    assert not upward


@pytest.mark.parametrize("package", ["clipper", "pipelines", "viewer"])
def test_no_imports_go_in_a_circle(package: str):
    graph: dict[Path, set[Path]] = {}
    for one, other in arrows(package):
        if one != other:
            graph.setdefault(one, set()).add(other)
    assert graph
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(str(path.relative_to(ROOT)) for path in error.args[1]))


@pytest.mark.parametrize("package", ["clipper", "pipelines", "viewer"])
def test_a_wing_holds_a_dozen_files_at_most(package: str):
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    crowded = [folder for folder in folders if len(list(folder.glob("*.py"))) > MAX_FILES]
    assert not crowded
