"""Print the measured figures of the insights beside their bars, and which bars are missed.

The sample must be indexed. `--quick` measures a part, and neither the cost of many images nor that of a run
that changes nothing.

    python benchmarks/insights.py [--quick] [names] [clusters] [duplicates] [scores] [cost] [unchanged]
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

import insight_clusters
import insight_cost
import insight_duplicates
import insight_names
import insight_scores
import unchanged
from figures import Figure, print_figures
from insight_sample import Sample

SECTIONS = ("names", "clusters", "duplicates", "scores", "cost", "unchanged")
SLOW = ("cost", "unchanged")
QUICK_ORIGINALS = 40

Measured = Iterable[Figure]


def figures_of(sample: Sample, *, quick: bool) -> dict[str, Callable[[], Measured]]:
    """What measures each section."""
    seeds = range(1 if quick else 3)
    planted = {"originals": QUICK_ORIGINALS} if quick else {}
    return {
        "names": partial(insight_names.figures, sample, shown=True),
        "clusters": lambda: chain(
            insight_clusters.agreement_figures(sample), insight_clusters.lasting_figures(seeds)
        ),
        "duplicates": partial(insight_duplicates.figures, seeds=seeds, **planted),
        "scores": lambda: chain(
            insight_scores.outlier_figures(sample), insight_scores.label_figures(sample, seeds)
        ),
        "cost": insight_cost.report,
        "unchanged": unchanged.figures,
    }


def main() -> None:
    """Measure and print what is asked for, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], metavar="section", help="all if none")
    parser.add_argument("--quick", action="store_true", help="one seed, fewer copies, no cost")
    asked = parser.parse_args()
    sections = asked.sections or [name for name in SECTIONS if not asked.quick or name not in SLOW]
    measures = figures_of(Sample(), quick=asked.quick)
    printed = [figure for name in sections for figure in print_figures(name.capitalize(), measures[name]())]
    asked_of = [figure for figure in printed if figure.bar is not None]
    missed = sum(not figure.kept for figure in asked_of)
    print(f"\n{len(asked_of) - missed} of {len(asked_of)} are as asked")


if __name__ == "__main__":
    main()
