"""Print how long `clipper index` takes over an unchanged sample, beside an earlier commit of Clipper.

The earlier commit is checked out for the while. Each has a home with a copy of the sample, indexed by itself,
and both run in this environment, in turn.

    python benchmarks/unchanged.py [--before COMMIT] [--runs 15]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from figures import Figure, print_figures
from insight_sample import begin_home, image_names

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "fec05fd"  # the last one without insights
RUNS, MOST = 15, 1.10


class Spent(NamedTuple):
    """Seconds that a run took."""

    wall: float
    processor: float


def index(home: Path, checkout: Path) -> Spent:
    """Index a home with the code of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "clipper.cli", "index", "--home", str(home)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=checkout, env=environment)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def figures(commit: str = BEFORE, runs: int = RUNS) -> Iterator[Figure]:
    """Compare the medians of many runs."""
    spent: dict[str, list[Spent]] = {"before": [], "now": []}
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "checkout"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(earlier), commit], check=True, capture_output=True)
        try:
            checkouts = {"before": earlier, "now": ROOT}
            for name, checkout in checkouts.items():
                begin_home(Path(folder) / name, image_names())
                index(Path(folder) / name, checkout)
            for _ in range(runs):
                for name, checkout in checkouts.items():
                    spent[name].append(index(Path(folder) / name, checkout))
        finally:
            subprocess.run([*git, "remove", "--force", str(earlier)], check=True, capture_output=True)
    for kind in Spent._fields:
        before, now = (statistics.median(getattr(one, kind) for one in spent[name]) for name in spent)
        told = "by the clock" if kind == "wall" else "of the processor"
        yield Figure(f"Unchanged sample, seconds {told}, {commit}", before)
        yield Figure(f"Unchanged sample, seconds {told}, now", now)
        yield Figure(f"Unchanged sample, {told}: now, as a share of {commit}", now / before, MOST, most=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", default=BEFORE)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    print_figures("An unchanged run", figures(asked.before, asked.runs))


if __name__ == "__main__":
    main()
