"""The latest runs that published something: kept with what is published, in its one file, the newest first.

A run that changed nothing publishes nothing, and is not among them. What does not belong here: the runs of
Dagster, which have logs and a history of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST = 20  # runs that are remembered


@dataclass(frozen=True)
class Run:
    """When a version was published, what its run counted, and the seconds it took; None: not known."""

    at: datetime
    version: str
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None

    def told(self) -> dict[str, Any]:
        """The run as JSON holds it."""
        counts = dict(self.counts)
        return {"at": self.at.isoformat(), "version": self.version, "counts": counts, "seconds": self.seconds}


def after(run: Run, earlier: Sequence[Run]) -> tuple[Run, ...]:
    """A run and those before it, as many as are remembered."""
    return (run, *earlier)[:MOST]


def read(told: object) -> tuple[Run, ...]:
    """The runs of a JSON value; what is no run, as in a file that somebody edited, is passed over."""
    found = (_run(entry) for entry in told) if isinstance(told, list) else ()
    return tuple(run for run in found if run is not None)[:MOST]


def _run(told: object) -> Run | None:
    try:
        at, version, counts, seconds = (told[name] for name in ("at", "version", "counts", "seconds"))  # type: ignore[index]
        when = datetime.fromisoformat(at)
        known = {str(name): int(count) for name, count in counts.items()}
        took = None if seconds is None else float(seconds)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return Run(when if when.tzinfo else when.replace(tzinfo=UTC), str(version), known, took)
