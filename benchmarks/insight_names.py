"""Print the name of each cluster of the sample, and how well it holds as a query.

A query for the name returns as many images as the cluster has. The score is the share of them that lie in the
cluster.

    python benchmarks/insight_names.py [names] [templates]
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
from figures import Figure, print_header, print_row
from insight_sample import Sample

from clipper.insight.words import vocabulary
from clipper.insight.words.naming import ClusterName
from clipper.store.parts.clusters import LEVELS

# The least median share of the middle level.
FLOOR, MIDDLE = 0.60, 1
TEMPLATES = (
    ("{}",),
    ("a photo of a {}",),
    ("{}", "a photo of a {}"),
    ("{}", "a photo of a {}", "a picture of {}"),
)


def names(sample: Sample) -> None:
    """Print name by name, and the median of each level."""
    found = sample.names()
    shares = sample.shares(found)
    for level in range(LEVELS):
        print_names(sample, found, shares, level)
        print(f"\n{_summary(found, shares, sample.clusters.rows_at(level))}")
    alone = sample.names(own=False)
    rows = sample.clusters.rows_at(MIDDLE)
    print(f"without metadata, middle level: {_summary(alone, sample.shares(alone), rows)}")


def print_names(sample: Sample, found: Sequence[ClusterName], shares: np.ndarray, level: int) -> None:
    """Print the names of a level."""
    print_header(f"level {level}", "images", "name", "from", "score", "share", "next best")
    for row in sample.clusters.rows_at(level).tolist():
        name = found[row]
        share = "" if np.isnan(shares[row]) else f"{shares[row]:.2f}"
        size = sample.clusters.sizes[row]
        print_row(size, name.name or "-", name.source, f"{name.score:.2f}", share, ", ".join(name.runners_up))


def figures(sample: Sample, *, shown: bool = False) -> Iterator[Figure]:
    """Measure the names of the middle level as queries; print them, if they are to be shown."""
    found = sample.names()
    shares = sample.shares(found)
    if shown:
        print_names(sample, found, shares, MIDDLE)
    rows = sample.clusters.rows_at(MIDDLE)
    named = sum(bool(found[row].name) for row in rows)
    called = (
        f"Middle level: median share of a name's first results in its cluster, {named} of {len(rows)} named"
    )
    yield Figure(called, float(np.nanmedian(shares[rows])), FLOOR)


def _summary(found: Sequence[ClusterName], shares: np.ndarray, rows: np.ndarray) -> str:
    named = sum(bool(found[row].name) for row in rows)
    median = np.nanmedian(shares[rows]) if named else np.nan
    return f"{named} of {len(rows)} clusters have a name; median share {median:.2f}"


def templates(sample: Sample) -> None:
    """Print what the templates around a word change."""
    kept = vocabulary.TEMPLATES
    for vocabulary.TEMPLATES in TEMPLATES:
        sample.__dict__.pop("shipped", None)
        found = sample.names()
        print(f"{vocabulary.TEMPLATES}: {_summary(found, sample.shares(found), sample.clusters.rows_at(1))}")
    vocabulary.TEMPLATES = kept


def main() -> None:
    """Print what is asked for, or all."""
    sample = Sample()
    for name in sys.argv[1:] or ["names", "templates"]:
        {"names": names, "templates": templates}[name](sample)


if __name__ == "__main__":
    main()
