"""What a person may want to look at in a version: duplicates, odd images, doubtful labels, poor pictures.

The viewer's tab, the report and the command show the same findings. What does not belong here: how things are
found (`insight/`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipper.atlas.html import counted
from clipper.atlas.published import Published
from clipper.columns import integers, truths
from clipper.insight.agreement import COMPARED
from clipper.insight.doubles.duplicates import EXACT
from clipper.insight.doubles.leaks import find_splits, leaks
from clipper.store.snapshots import short_names

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# The faults that a picture has; it is the others, such as "blurred".
_HAVE = {"low information": "little detail", "extreme shape": "an extreme shape", "odd size": "an odd size"}


# So few of the nearest others that two models share, or fewer, make a finding.
FEW_SHARED = 2
_NAMED = 3  # pairs of parts that a title names


@dataclass(frozen=True, eq=False)
class Finding:
    """A finding: one sentence, and the images that it is about.

    `rows` (k,) int64 are images, the most striking first. `notes` says something of each, such as the label
    that its neighbors suggest. `groups` (k,) int64 numbers what belongs together; None if nothing does.
    `keep` (k,) bool marks the image to keep in each group.
    """

    key: str  # as addresses and the report name it: "duplicates", "labels:group"
    title: str
    detail: str
    rows: "np.ndarray"
    notes: tuple[str, ...] = ()
    groups: "np.ndarray | None" = None
    keep: "np.ndarray | None" = None


def find_all(atlas: Published) -> list[Finding]:
    """Return all findings of a version that are about at least one image, the ones to act on first."""
    return [finding for make in _MAKERS for finding in make(atlas) if len(finding.rows)]


def _leaks(atlas: Published) -> Iterator[Finding]:
    """Yield, for each column that splits the dataset, the copies that are in two of its parts."""
    table = atlas.insights.duplicates
    if table is None or not len(table):
        return
    import numpy as np

    rows, groups = _rows(atlas, table), table["group"].to_numpy()
    keep = table["keep"].to_numpy(zero_copy_only=False)
    for name, parts in _splits(atlas).items():
        names = parts.take(integers(rows)).to_pylist()
        leaking = leaks(np.arange(len(rows)), groups, names)
        chosen = np.isin(groups, [leak.group for leak in leaking])
        spanned = sorted({part for leak in leaking for part in leak.parts})
        yield Finding(
            f"leaks:{name}",
            f"{counted(len(leaking), 'group')} of copies in more than one {name}: {', '.join(spanned)}",
            "What a model learned from one of them, it is tested on with the other.",
            rows[chosen],
            notes=tuple(f"{name}: {names[at] or 'none'}" for at in np.flatnonzero(chosen).tolist()),
            groups=groups[chosen],
            keep=keep[chosen],
        )


def _splits(atlas: Published) -> "dict[str, pa.Array]":
    """Return the part of each image in each split of the dataset: of columns, and of the first folders."""
    import pyarrow as pa

    few = [name for name, column in atlas.columns.items() if column.role == "category"]
    columns = {name: atlas.metadata_table[name] for name in few}
    return find_splits(columns, pa.array(atlas.ids, pa.large_string()))


def _duplicates(atlas: Published) -> Iterator[Finding]:
    """Yield near-duplicates and exact copies: a group with one near-duplicate in it counts as near."""
    table = atlas.insights.duplicates
    if table is None:
        return
    import numpy as np

    groups = table["group"].to_numpy()
    keep = table["keep"].to_numpy(zero_copy_only=False)
    exact = np.array(table["kind"].to_pylist(), object) == EXACT
    near = np.isin(groups, groups[~keep & ~exact])
    for key, chosen, what in (("duplicates", near, "near-duplicates"), ("copies", ~near, "exact copies")):
        part = table.filter(chosen)
        groups_of = groups[chosen]
        yield Finding(
            key,
            f"{counted(len(np.unique(groups_of)), 'group')} of {what}, {counted(len(part), 'image')}",
            "The first of each group is the one to keep: the largest, the least compressed, or the oldest.",
            _rows(atlas, part),
            notes=tuple(map(_note, part.to_pylist())),
            groups=groups_of,
            keep=keep[chosen],
        )


def _labels(atlas: Published) -> Iterator[Finding]:
    """Yield, for each column of categories, the images whose label looks wrong, the surest first."""
    table = atlas.insights.label_issues
    if table is None:
        return
    import numpy as np

    columns = np.array(table["column"].to_pylist(), object)
    for name in dict.fromkeys(columns.tolist()):
        part = table.filter(columns == name)
        yield Finding(
            f"labels:{name}",
            f"{counted(len(part), 'image')} whose {name} looks wrong",
            "What an image shows is more like another value, which stands below it.",
            _rows(atlas, part),
            notes=tuple(
                f"{row['given']} → {row['suggested']}? ({row['confidence']:.0%})" for row in part.to_pylist()
            ),
        )


def _pictures(atlas: Published) -> Iterator[Finding]:
    """Yield, for each fault of pictures, the images that have it."""
    table = atlas.insights.scores
    if table is None:
        return
    import numpy as np

    issues = table["picture_issues"].to_pylist()
    for issue in sorted({name for names in issues if names for name in names}):
        rows = np.array([row for row, names in enumerate(issues) if names and issue in names], np.int64)
        yield Finding(
            f"pictures:{issue.replace(' ', '-')}",
            f"{counted(len(rows), 'picture')} {_state(issue, len(rows))}",
            "That is unusual in this dataset, and bad by any measure.",
            rows,
        )


def _drift(atlas: Published) -> Iterator[Finding]:
    """Yield the new images if they differ from those before by more than chance, the most unlike first."""
    drift, table = atlas.insights.drift, atlas.insights.new_images
    if not drift.get("drifted") or table is None:
        return
    import numpy as np

    kinds = dict(zip(table["image"].to_pylist(), table["kind"].to_pylist(), strict=True))
    new = [row for row, key in enumerate(atlas.hashes) if key in kinds]
    rows = np.array(sorted(new, key=lambda row: (kinds[atlas.hashes[row]] != "sparse", row)), np.int64)
    yield Finding(
        "drift",
        f"{counted(len(rows), 'new image')} unlike those before",
        str(drift["summary"]),
        rows,
        notes=tuple(
            "far from all before" if kinds[atlas.hashes[row]] == "sparse" else "" for row in rows.tolist()
        ),
    )


def _split_drift(atlas: Published) -> Iterator[Finding]:
    """Yield, for each split, the images that make two of its parts differ by more than chance.

    These are the images of the smaller part that are far from any of the larger one, else all of its images.
    """
    pairs = [pair for pair in atlas.insights.split_drift if pair["drifted"]]
    if not pairs:
        return
    import numpy as np
    import pyarrow.compute as pc

    splits = _splits(atlas)
    for column in dict.fromkeys(pair["column"] for pair in pairs):
        own = [pair for pair in pairs if pair["column"] == column]
        parts = splits.get(column)
        members: list[list[int]] = [
            [] if parts is None else np.flatnonzero(truths(pc.equal(parts, pair["one"]))).tolist()
            for pair in own
        ]
        far = [
            [row for row in rows if atlas.hashes[row] in pair["far"]]
            for rows, pair in zip(members, own, strict=True)
        ]
        shown = [found or rows for found, rows in zip(far, members, strict=True)]
        notes = [
            f"{pair['one']}: far from any of {pair['other']}" if found else f"{pair['one']}"
            for pair, found in zip(own, far, strict=True)
        ]
        named = [f"{pair['one']} and {pair['other']}" for pair in own]
        more = f", and {len(named) - _NAMED} more pairs," if len(named) > _NAMED else ""
        yield Finding(
            f"drift:{column}",
            f"{column}: {'; '.join(named[:_NAMED])}{more} differ by more than chance",
            " ".join(f"{name}: {pair['summary']}" for name, pair in zip(named, own, strict=True)),
            np.array([row for rows in shown for row in rows], np.int64),
            notes=tuple(note for note, rows in zip(notes, shown, strict=True) for _ in rows),
            groups=np.repeat(np.arange(len(shown)), [len(rows) for rows in shown]) if len(own) > 1 else None,
        )


def _outliers(atlas: Published) -> Iterator[Finding]:
    """Yield the images that stand apart, the oddest first."""
    table = atlas.insights.scores
    if table is None:
        return
    import numpy as np

    scores = table["outlier"].to_numpy()
    rows = np.flatnonzero(table["stands_apart"].to_numpy(zero_copy_only=False))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    yield Finding(
        "outliers",
        f"{counted(len(rows), 'image')} that {'stands' if len(rows) == 1 else 'stand'} apart",
        "They are far from what is usual in this dataset, by what they show or by how they look.",
        rows,
        notes=tuple(f"{score:.1f} deviations" for score in scores[rows].tolist()),
    )


def _models(atlas: Published) -> Iterator[Finding]:
    """Yield, for each model but the first, the images in whose nearest others the two differ most."""
    import numpy as np

    short = dict(zip(atlas.models, short_names(atlas.models), strict=True))
    first = short[atlas.models[0]]
    for model, column, cells in atlas.insights.agreements:
        same = np.rint(cells.to_numpy() * COMPARED).astype(np.int64)
        rows = np.flatnonzero(same <= FEW_SHARED)
        rows = rows[np.argsort(same[rows], kind="stable")]
        yield Finding(
            f"models:{short[model]}",
            f"{counted(len(rows), 'image')} that {short[model]} sees among others than {first} does",
            f"Of the {COMPARED} nearest others by one model, at most {FEW_SHARED} are among those by the "
            f"other. The column {column.name} has the share for every image.",
            rows,
            notes=tuple(f"{count} of {COMPARED} are the same" for count in same[rows].tolist()),
        )


def _state(issue: str, count: int) -> str:
    """Write what is wrong with pictures: "are blurred", "has an odd size"."""
    if issue in _HAVE:
        return f"{'has' if count == 1 else 'have'} {_HAVE[issue]}"
    return f"{'is' if count == 1 else 'are'} {issue}"


def _note(row: dict[str, Any]) -> str:
    return f"keep: {row['why']}" if row["keep"] else f"{row['kind']}: {row['why']}"


def _rows(atlas: Published, table: "pa.Table") -> "np.ndarray":
    """Return the rows of the images that a table names by `id`: (k,) int64."""
    import numpy as np

    return np.array([atlas.row(image_id) for image_id in table["id"].to_pylist()], np.int64)


# The findings in the order in which they are listed.
_MAKERS: tuple[Callable[[Published], Iterator[Finding]], ...] = (
    _leaks, _labels, _duplicates, _drift, _split_drift, _pictures, _outliers, _models,
)  # fmt: skip
