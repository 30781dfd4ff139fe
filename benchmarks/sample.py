"""Print what the README claims about the sample, as measured on this machine.

Whole commands are timed from outside, on a copy of the sample; searches in an open viewer's process and
the map's placing of queries are measured within one.

    python benchmarks/sample.py
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from clipper.atlas.engine import SearchEngine
from clipper.query import Query
from clipper.settings import Settings

DATA = Path(__file__).resolve().parents[1] / "data"
SEARCHES = ("red heart", "cat", "a flag with a star", "sad face", "winter sport")
NAMES = 100
BEST = 10


def command(*words: str) -> float:
    """Seconds that one `clipper` command takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "clipper.cli", *words], check=True, capture_output=True)
    return time.perf_counter() - started


def copy_of_sample(folder: Path) -> Path:
    """The sample without its store."""
    return Path(shutil.copytree(DATA, folder / "data", ignore=shutil.ignore_patterns("store", "sample")))


def time_commands(home: Path) -> dict[str, float]:
    """Seconds of the first pass, of passes over nothing new, and of cold searches."""
    place = ("--home", str(home))
    return {
        "clipper index, first time": command("index", *place),
        "clipper index, unchanged": statistics.median(command("index", *place) for _ in range(3)),
        "clipper search, cold": statistics.median(command("search", text, *place) for text in SEARCHES[:3]),
    }


def time_searches(atlas: SearchEngine) -> list[float]:
    """Seconds of searches in a process that is warm, as the viewer's is."""
    atlas.warm()
    seconds = []
    for text in SEARCHES * 4:
        started = time.perf_counter()
        atlas.rank(Query(text=text), k=100)
        seconds.append(time.perf_counter() - started)
    return seconds


def query_distances(atlas: SearchEngine) -> np.ndarray:
    """Distances from query markers to their ten best images, (100, 10), as shares of the map's width."""
    names = {atlas.name(row): None for row in range(len(atlas))}
    chosen = names.sample(min(NAMES, len(names)), random_state=0)
    width = float(np.ptp(atlas.xy[:, 0]))
    rows = []
    for name in chosen:
        hits = atlas.rank(Query(text=name), k=BEST)
        rows.append(np.linalg.norm(atlas.xy[hits.rows] - (hits.x, hits.y), axis=1) / width)
    return np.array(rows)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = copy_of_sample(Path(folder))
        for name, seconds in time_commands(home).items():
            print(f"{name:<42} {seconds:6.2f} s")
        atlas = SearchEngine(Settings.load(home))
        seconds = time_searches(atlas)
        print(f"{'search in a warm process, median':<42} {1e3 * statistics.median(seconds):6.0f} ms")
        print(f"{'search in a warm process, slowest of 20':<42} {1e3 * max(seconds):6.0f} ms")
        distances = query_distances(atlas)
        print(f"{'query marker to its ten best, median':<42} {np.median(distances):6.2%} of the map's width")
        print(f"{'map and search':<42} {json.dumps(atlas.info()['quality'] | atlas.info()['search'])}")


if __name__ == "__main__":
    main()
