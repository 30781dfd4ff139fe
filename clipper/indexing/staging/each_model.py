"""Makes a step run once for each model of an atlas.

What does not belong here: which models there are (`indexing/embed.py` stages them), and the steps.
"""

from collections.abc import Callable
from functools import wraps

from clipper.indexing.staging.workspace import Step, Workspace


def for_each_model(step: Callable[[Workspace], Step]) -> Callable[[Workspace], Step]:
    """Make a step run for every staged model, each with parts of its own.

    The report is that of the first model, and has those of the others by their names.
    """

    @wraps(step)
    def of_all(work: Workspace) -> Step:
        first, *others = work.each_model()
        report = step(first)
        for each in others:
            found = step(each)
            name = str(each.staged.model["name"])
            report.further[name] = found
            report.seconds = round(report.seconds + found.seconds, 3)
            report.notes += [f"{name}: {note}" for note in found.notes if note not in report.notes]
        return report

    return of_all
