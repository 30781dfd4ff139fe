"""What a page keeps when it changes to another version of the dataset, where rows are other images.

What does not belong here: the state as a whole (`version_change.py`), and finding out what changed
(`dataset/changes.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from clipper.query_syntax import Term
from viewer.dataset.changes import DatasetChanges
from viewer.dataset.dataset import Dataset
from viewer.session.answers import Answer, Terms, Unanswered
from viewer.session.steps import Found, OneImage, SelectionStep

MAX_MARKED = 2_000  # new images that get a mark; marks on more would say nothing


@dataclass(frozen=True)
class News:
    """The changes since the visitor last dismissed the notice, and the open image if it was removed."""

    changes: DatasetChanges
    lost: str = ""


def migrate_row(new: Dataset, old: Dataset, changes: DatasetChanges, row: int | None) -> int | None:
    """Return an image's row in another version, also if it was renamed; None if it was removed."""
    if row is None:
        return None
    image_id = old.atlas.ids[row]
    return new.row_of(changes.moved.get(image_id, image_id))


def new_rows(dataset: Dataset, changes: DatasetChanges) -> list[int]:
    """Return the rows of new and changed images; none if they are too many to mark."""
    ids = changes.notable
    rows = [dataset.row_of(image_id) for image_id in ids] if len(ids) <= MAX_MARKED else []
    return [row for row in rows if row is not None]


def migrate_selection(
    selection: np.ndarray | None, old: Dataset, new: Dataset, changes: DatasetChanges
) -> np.ndarray | None:
    """Return the selected images' rows in another version; None if none are left."""
    if selection is None or not changes.fates:  # the same images, in the same rows
        return selection
    ids, moved = old.atlas.ids, changes.moved
    wanted = {moved.get(ids[row], ids[row]) for row in selection.tolist()}
    rows = np.flatnonzero(np.fromiter((image_id in wanted for image_id in new.atlas.ids), bool, new.n))
    return rows if len(rows) else None


def keep_first_search(answer: Answer | None, before: Answer | Unanswered) -> Answer | None:
    """Return a query's answer in another version with the duration and the time of its first search."""
    return replace(answer, seconds=before.seconds, asked=before.asked) if answer else None


def migrate_unanswered(queries: Iterable[Answer | Unanswered], moved: Mapping[str, str]) -> list[Unanswered]:
    """Keep queries without their answers, and rename images in them: `moved` is old id to new."""
    return [Unanswered(migrate_terms(each.terms, moved), each.seconds, each.asked) for each in queries]


def migrate_steps(
    steps: Iterable[SelectionStep], moved: Mapping[str, str], texts: Mapping[str, str]
) -> list[SelectionStep]:
    """Rename images and queries in the steps of a selection; both mappings are old name to new."""
    return [_migrate_step(step, moved, texts) for step in steps]


def _migrate_step(step: SelectionStep, moved: Mapping[str, str], texts: Mapping[str, str]) -> SelectionStep:
    target = step.target
    if isinstance(target, OneImage):
        target = OneImage(moved.get(target.image_id, target.image_id))
    if isinstance(target, Found):
        target = replace(target, beside=moved.get(target.beside, target.beside))
    query = step.query if step.query is None else texts.get(step.query, step.query)
    return replace(step, target=target, query=query)


def migrate_terms(terms: Iterable[Term], moved: Mapping[str, str]) -> Terms:
    """Rename images in a query's terms: `moved` is old id to new."""
    return tuple(replace(term, like=moved.get(term.like, term.like)) for term in terms)
