"""What a page keeps when it goes from one version of the dataset to another: rows mean other images there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clipper.query_syntax import Term
from viewer.dataset.changes import DatasetChanges
from viewer.dataset.dataset import Dataset
from viewer.session.answers import Answer

MAX_MARKED = 2_000  # images that are marked as new; among more, marks would say nothing


@dataclass(frozen=True)
class News:
    """What has changed since the visitor last said that it is known, and an open image that is gone."""

    changes: DatasetChanges
    lost: str = ""


def migrate_row(new: Dataset, old: Dataset, changes: DatasetChanges, row: int | None) -> int | None:
    """The row of an image in another version, whatever it is called there; None where it is gone."""
    if row is None:
        return None
    image_id = old.atlas.ids[row]
    return new.row_of(changes.moved.get(image_id, image_id))


def new_rows(dataset: Dataset, changes: DatasetChanges) -> list[int]:
    """The rows of images worth a look, none where they are too many to be marked."""
    ids = changes.notable
    rows = [dataset.row_of(image_id) for image_id in ids] if len(ids) <= MAX_MARKED else []
    return [row for row in rows if row is not None]


def migrate_selection(
    selection: np.ndarray | None, old: Dataset, new: Dataset, changes: DatasetChanges
) -> np.ndarray | None:
    """The rows in another version of the images chosen in this one; None where none are left."""
    if selection is None:
        return None
    ids, moved = old.atlas.ids, changes.moved
    wanted = {moved.get(ids[row], ids[row]) for row in selection.tolist()}
    rows = np.flatnonzero(np.fromiter((image_id in wanted for image_id in new.atlas.ids), bool, new.n))
    return rows if len(rows) else None


def keep_duration(answer: Answer | None, asked: Answer) -> Answer | None:
    """A query's answer in another version, as quick as it was when a person waited for it."""
    return replace(answer, seconds=asked.seconds) if answer else None


def migrate_steps(
    steps: Iterable[Mapping[str, Any]], moved: Mapping[str, str], texts: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Steps with images and queries called as they are in another version; both mappings are old to new."""
    names = {"image": moved, "q": texts}
    return [
        {key: names[key].get(value, value) if key in names else value for key, value in step.items()}
        for step in steps
    ]


def migrate_terms(terms: Iterable[Term], moved: Mapping[str, str]) -> tuple[Term, ...]:
    """Terms with images called as they are in another version: `moved` has old id to new."""
    return tuple(replace(term, like=moved.get(term.like, term.like)) for term in terms)
