"""The findings of a dataset, worked out once: the images of each in the order in which the page lists them.

What does not belong here: how anything is found (`clipper/insight/`), and showing it
(`components/side/insights.py`).
"""

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clipper.atlas.findings import Finding
from viewer.dataset.dataset import Dataset

Findings = Sequence[Finding]
_lock = threading.Lock()


def findings_of(dataset: Dataset) -> Findings:
    """Return the findings of a dataset, the ones to act on first; the first call may take seconds.

    Raises:
        ClipperError: a part of the dataset is damaged.
    """
    with _lock:
        if "findings" not in dataset.cache:
            dataset.cache["findings"] = tuple(map(in_listed_order, dataset.atlas.findings))
    found: Findings = dataset.cache["findings"]
    return found


def known_findings(dataset: Dataset) -> Findings | None:
    """Return the findings of a dataset if they have been worked out, else None."""
    found: Findings | None = dataset.cache.get("findings")
    return found


def find_by_key(findings: Findings | None, key: str) -> Finding | None:
    """Return the finding of a key; None if there is none."""
    return next((finding for finding in findings or () if finding.key == key), None)


def in_listed_order(finding: Finding) -> Finding:
    """Put the images of each group side by side, the one to keep first, and give every image a note."""
    notes = (*finding.notes, *[""] * len(finding.rows))[: len(finding.rows)]
    if finding.groups is None or not len(finding.rows):
        return replace(finding, notes=notes)
    _, first, group = np.unique(finding.groups, return_index=True, return_inverse=True)
    spare = np.zeros(len(finding.rows), bool) if finding.keep is None else ~finding.keep
    order = np.lexsort((spare, first[group]))
    return replace(
        finding,
        rows=finding.rows[order],
        notes=tuple(notes[at] for at in order.tolist()),
        groups=finding.groups[order],
        keep=None if finding.keep is None else finding.keep[order],
    )


def found_rows(dataset: Dataset, key: str, *, beside: str = "", spare: bool = False) -> np.ndarray:
    """Return the rows (k,) int64 of a finding; none if the dataset does not have it.

    Args:
        dataset: the dataset.
        key: the finding's.
        beside: an image's id: only its group; "": all groups.
        spare: leave out the images to keep.
    """
    finding = find_by_key(findings_of(dataset), key)
    if finding is None:
        return np.empty(0, np.int64)
    wanted = np.ones(len(finding.rows), bool)
    if beside:
        own = finding.rows == dataset.row_of(beside)
        wanted = own if finding.groups is None else np.isin(finding.groups, finding.groups[own])
    if spare and finding.keep is not None:
        wanted &= ~finding.keep
    return finding.rows[wanted]


def are_copies(dataset: Dataset, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of some rows (k,) have the same bytes as one of `others` (m,): (k,) bool.

    A tag belongs to the bytes, so such an image cannot be tagged without the other one.
    """
    hashes = dataset.atlas.hashes
    known = {hashes[row] for row in others.tolist()}
    return np.fromiter((hashes[row] in known for row in rows.tolist()), bool, len(rows))
