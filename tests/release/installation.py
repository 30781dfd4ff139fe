"""Runs commands of an environment that the repository does not lead into."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 3600  # seconds; the longest command installs two gigabytes
LEADING_HERE = re.compile("PYTHON|CLIPPER_|DAGSTER_|VIRTUAL_ENV|COVERAGE_")


def outside() -> dict[str, str]:
    """This process's environment variables, without those that lead into the repository."""
    return {name: value for name, value in os.environ.items() if not LEADING_HERE.match(name)}


@dataclass(frozen=True)
class Installation:
    """An environment, in a folder of its own."""

    folder: Path

    def command(self, name: str, *arguments: str | Path) -> list[str]:
        """The command line of a program of this environment."""
        return [str(self.folder / "bin" / name), *map(str, arguments)]

    def run(
        self, name: str, *arguments: str | Path, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of this environment in its folder."""
        done = subprocess.run(
            self.command(name, *arguments),
            cwd=self.folder, env=outside(), capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def install(self, requirement: str | Path) -> None:
        """Install a requirement, with the versions that were tested together."""
        pinned = ("--quiet", "--disable-pip-version-check", "--constraint", ROOT / "constraints.txt")
        self.run("python", "-m", "pip", "install", *pinned, requirement)
