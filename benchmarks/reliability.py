"""Print what killed runs and damaged files cost, as tried here: tries and losses, a line for each kind.

Runs are killed at every kind of moment at which something on disk has just changed, or is about to, and at
random times; afterwards what is published must be the old atlas or the new one, sound, and the next run must
end as one that nothing interrupted.

    python benchmarks/reliability.py [RANDOM_KILLS]
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clipper"))

import faults  # noqa: E402 - found through the line above

IMAGES, RANDOM_KILLS = 24, 50


def at_moments(changed: Path, moments: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """A home whose run was killed, for each kind of moment."""
    for kind, moment in {moment.rpartition(" ")[0]: moment for moment in moments}.items():
        home = Path(shutil.copytree(changed, folder / "home"))
        if faults.kill_at(home, moment):
            yield kind, home
        shutil.rmtree(home)


def at_random(changed: Path, seconds: float, tries: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A home whose run was killed, for each of many times within it."""
    for moment in faults.at_random(seconds, tries):
        home = Path(shutil.copytree(changed, folder / "home"))
        if faults.kill_after(home, moment):
            yield "at a random time", home
        shutil.rmtree(home)


def main() -> None:
    """Try and print."""
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else RANDOM_KILLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "indexed"
        faults.begin(home, IMAGES)
        faults.moments(home)
        before = faults.state(home)
        faults.change(home)
        changed = Path(shutil.copytree(home, folder / "changed"))
        moments = faults.moments(home)
        after = faults.state(home)
        seconds = faults.duration(Path(shutil.copytree(changed, folder / "timed")))
        told: dict[str, list[int]] = {}
        for source in (at_moments(changed, moments, folder), at_random(changed, seconds, tries, folder)):
            for kind, killed in source:
                losses = faults.losses(killed, before=before, after=after or {})
                row = told.setdefault(kind, [0, 0])
                row[0] += 1
                row[1] += bool(losses)
                print(f"{kind}: {'; '.join(losses) or 'nothing lost'}", file=sys.stderr, flush=True)
        print("| killed | tries | losses |\n|---|---|---|")
        for kind, (count, lost) in told.items():
            print(f"| {kind} | {count} | {lost} |")


if __name__ == "__main__":
    main()
