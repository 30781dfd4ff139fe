"""What the steps of insights share: a part is made once from its inputs, or is switched off.

What does not belong here: the contents of a part (`indexing/insights/`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipper.hashing import digest
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.store.staged import ASSETS, INSIGHTS
from clipper.store.tables import is_written, read_made_of

# Writes a part at a path. Its JSON holds these entries, the "counts" that the step reports, and "rows" that a
# person reads in Dagster.
Make = Callable[[Path, Mapping[str, Any]], None]


def insight_step(
    work: Workspace,
    part: str,
    *,
    of: Sequence[str],
    inputs: object,
    make: Make,
    follows: bool = False,
    wanted: bool = True,
) -> Step:
    """Make one part of the insights, unless it is there; stage none if it, or one that it needs, is off.

    Args:
        work: the home.
        part: the part's name, which is also that of the setting that switches it off, if there is one.
        of: the parts that it is made of; publishing refuses it with other versions of them.
        inputs: what else its version depends on, such as settings.
        make: makes and writes the part.
        follows: whether the part is made from its staged version too. Then this one stays as long as all else
            is the same.
        wanted: whether anybody asks for the part; without it none is staged.
    """
    with timed(ASSETS[part]) as step:
        work.drop_condemned(part)
        without = any(name in INSIGHTS and not getattr(work.staged, name) for name in of)
        if without or not getattr(work.settings, part, True):
            work.stage(**{part: ""})
            step.counts = {"switched_off": True}
            return step
        if not wanted:
            work.stage(**{part: ""})
            return step
        made_of = {"of": {name: work.require(name) for name in of}, "inputs": digest(part, inputs)}
        before = getattr(work.staged, part) if follows else ""
        if before and _made_of(work, part, before).items() >= made_of.items():
            step.version = before
        else:
            step.version = digest(part, made_of, before) if follows else digest(part, made_of)
        path = work.home.part(part, step.version)
        if not is_written(path):
            make(path, made_of)
        work.stage(**{part: step.version})
        written = read_made_of(path)
        step.counts, step.rows = dict(written["counts"]), list(written.get("rows", ()))
    return step


def _made_of(work: Workspace, part: str, version: str) -> Mapping[str, Any]:
    path = work.home.part(part, version)
    return read_made_of(path) if is_written(path) else {}
