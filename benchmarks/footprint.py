"""How many packages and megabytes Clipper and each of its extras bring, as a table.

    python benchmarks/footprint.py

It reads the environment that it runs in, which must hold `clipper[all,postgres]`. The packages follow from
the requirements of those installed, and the sizes from the files that pip recorded for them.
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

INSTALLATIONS = (
    "clipper",
    "clipper[viewer]",
    "clipper[pipeline]",
    "clipper[dask]",
    "clipper[raw]",
    "clipper[postgres]",
    "clipper[all]",
)
LARGEST = 6


def packages(requirement: str) -> set[str]:
    """The names of all packages that a requirement brings, its own included.

    Raises:
        SystemExit: one of them is not installed here.
    """
    waiting = [Requirement(requirement)]
    followed: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) not in followed:
                followed.add((name, extra))
                waiting += _requirements(name, extra)
    return {name for name, _ in followed}


def megabytes(name: str) -> float:
    """The size of a package's files on disk, compiled modules included; one MB is 10^6 bytes."""
    package = _installed(name)
    paths = {Path(str(package.locate_file(file))) for file in package.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    """Print the table in Markdown, then the largest packages."""
    core = packages(INSTALLATIONS[0])
    sizes = {name: megabytes(name) for name in set().union(*map(packages, INSTALLATIONS))}
    print(f"| `pip install` | packages | MB | the largest that `{INSTALLATIONS[0]}` alone does not bring |")
    print("|---|---|---|---|")
    for installation in INSTALLATIONS:
        names = packages(installation)
        new = names if installation == INSTALLATIONS[0] else names - core
        largest = sorted(new, key=sizes.__getitem__, reverse=True)[:LARGEST]
        listed = ", ".join(f"{name} {sizes[name]:.0f}" for name in largest)
        print(f"| `{installation}` | {len(names)} | {sum(map(sizes.__getitem__, names)):.0f} | {listed} |")


def _requirements(name: str, extra: str) -> list[Requirement]:
    """What a package requires on this system, either without any extra ("") or for one extra."""
    declared = map(Requirement, _installed(name).requires or ())
    return [
        wanted for wanted in declared if wanted.marker is None or wanted.marker.evaluate({"extra": extra})
    ]


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise SystemExit(f"{name} is not installed here: pip install 'clipper[all,postgres]'") from error


if __name__ == "__main__":
    main()
