"""Try everything that may happen to a dataset over the years, and print how often something was lost.

The tries are tests, those of them that take an hour too; the table says how often each case was tried and
how many of the tries lost, broke or did again what they should not have. With `--write` it goes into
docs/reliability.md.

    python benchmarks/reliability.py [--write]
"""

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["case"]


@dataclass
class Tally:
    """How often a case was tried, and how many of the tries failed."""

    tries: int = 0
    losses: int = 0
    skipped: int = 0


def run_tests(report: Path) -> None:
    """Run the tests of all cases, into a JUnit report."""
    chosen = dict.fromkeys(test for case in CASES for test in case["tests"])
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", f"--junitxml={report}", *chosen]
    subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)


def tally(report: Path) -> dict[str, Tally]:
    """By node id of each test case that ran; a test may say of itself how many tries it made."""
    found: dict[str, Tally] = {}
    for case in ET.parse(report).iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        told = {p.get("name"): p.get("value", "") for p in case.iter("property")}
        failed = any(case.find(kind) is not None for kind in ("failure", "error"))
        skipped = case.find("skipped") is not None
        tries = 0 if skipped else int(told.get("tries", "1"))
        found[f"{file}::{case.get('name')}"] = Tally(tries, int(failed), int(skipped))
    return found


def total(nodes: Iterable[str], found: Mapping[str, Tally]) -> Tally:
    """Of one case.

    Raises:
        LookupError: one of its tests did not run: it has another name by now.
    """
    added: Counter[str] = Counter()
    for node in nodes:
        own = [t for name, t in found.items() if name == node or name.startswith((f"{node}::", f"{node}["))]
        if not own:
            raise LookupError(f"{node} did not run")
        for one in own:
            added.update(vars(one))
    return Tally(**added)


def table(found: Mapping[str, Tally], minutes: float) -> str:
    """As Markdown."""
    lines, everything = [], Tally()
    for heading, cases in groupby(CASES, itemgetter("heading")):
        lines.append(f"| **{heading}** | | |")
        for case in cases:
            own = total(case["tests"], found)
            lines.append(
                f"| {case['name']} | {own.tries:,}{' (some skipped)' * bool(own.skipped)} | {own.losses} |"
            )
            everything = Tally(everything.tries + own.tries, everything.losses + own.losses)
    head = ["| Case | Tries | Losses |", "|---|---:|---:|"]
    when = time.strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    last = f"| **all** | {everything.tries:,} | {everything.losses} |"
    return "\n".join([*head, *lines, last, "", f"Made on {when} in {minutes:.0f} minutes ({machine})."])


def main() -> None:
    """Try, print, and write if that is asked for; fail if anything was lost."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        run_tests(report)
        found = tally(report)
    text = table(found, (time.monotonic() - started) / 60)
    print(text)
    if "--write" in sys.argv:
        page = PAGE.read_text("utf-8")
        between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page), "utf-8")
    if any(one.losses for one in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
