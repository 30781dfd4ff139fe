"""Findings as the page shows them: a card of each, and the images of one with their notes, page by page.

What does not belong here: the panel that sends them (`insights.py`), and working them out
(`dataset/findings/findings.py`).
"""

from typing import Any

import numpy as np

from clipper.atlas.findings import Finding
from viewer.components.side.result_cards import image_card
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import Findings
from viewer.dataset.image_words import describe_file

STRIP = 5  # thumbnails on a card
MAX_SHOWN = 12  # images of a group shown at first
MAX_UNFOLDED = 500  # images of a group shown at most
MAX_TITLE, MAX_DETAIL, MAX_NOTE = 300, 1_000, 200  # characters that are sent; metadata may hold a novel


def finding_cards(dataset: Dataset, findings: Findings) -> list[dict[str, Any]]:
    """Return a card for each finding: key, title, detail, count and its first images."""
    return [
        {
            **finding_words(finding),
            "count": len(finding.rows),
            "images": [dataset.image_ref(row) for row in finding.rows[:STRIP].tolist()],
        }
        for finding in findings
    ]


def finding_words(finding: Finding) -> dict[str, Any]:
    """Return the key, the title and the detail of a finding, cut where they are very long."""
    return {
        "key": finding.key,
        "title": finding.title[:MAX_TITLE],
        "detail": finding.detail[:MAX_DETAIL],
    }


def finding_view(finding: Finding, positions: np.ndarray) -> dict[str, Any]:
    """Return an open finding's words and counts; `positions` (k,) are the images that pass the filters."""
    keep = None if finding.keep is None else finding.keep[positions]
    return {
        **finding_words(finding),
        "count": len(positions),
        "hidden": len(finding.rows) - len(positions),
        "groups": None if finding.groups is None else len(np.unique(finding.groups[positions])),
        "spare": None if keep is None else int(np.count_nonzero(~keep)),
    }


def shown_positions(finding: Finding, positions: np.ndarray) -> np.ndarray:
    """Return those of some positions (k,), ascending, that are shown at first: the first of each group."""
    return positions if finding.groups is None else positions[_ranks(finding, positions) < MAX_SHOWN]


def folded_positions(finding: Finding, positions: np.ndarray, group: int) -> np.ndarray:
    """Return the positions in a group that `shown_positions` leaves out; of very many, the first."""
    own = positions[finding.groups[positions] == group] if finding.groups is not None else positions[:0]
    return own[MAX_SHOWN : MAX_SHOWN + MAX_UNFOLDED]


def _ranks(finding: Finding, positions: np.ndarray) -> np.ndarray:
    """Return the rank of each of some positions (k,) in its group, from 0; groups lie side by side."""
    groups = finding.groups[positions] if finding.groups is not None else np.arange(len(positions))
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])) if len(groups) else positions[:0]
    sizes = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, sizes)


def group_sizes(finding: Finding, positions: np.ndarray) -> dict[int, int]:
    """Return how many of some positions (k,) each group has, by its number."""
    if finding.groups is None:
        return {}
    numbers, counts = np.unique(finding.groups[positions], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def finding_items(
    dataset: Dataset, finding: Finding, positions: np.ndarray, sizes: dict[int, int]
) -> list[dict[str, Any]]:
    """Return the images at some positions (k,): each with its note, and its group and that group's size."""
    items = []
    for at in positions.tolist():
        item = image_card(dataset, int(finding.rows[at])) | {"at": at, "note": finding.notes[at][:MAX_NOTE]}
        if finding.groups is not None:
            group = int(finding.groups[at])
            item |= {"group": group, "size": sizes[group]}
        if finding.keep is not None:
            item |= {"keep": bool(finding.keep[at]), "facts": describe_file(dataset, int(finding.rows[at]))}
        items.append(item)
    return items
