"""The step `label_issues`: images whose vector says another label than their own, by column.

What does not belong here: doubting a label (`insight/labels.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import integers, rows_of
from clipper.images.folder_names import SPLIT
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.labels import MISSING, doubt_labels, reason_to_skip
from clipper.metadata.columns import FILE, FOLDER, TAGS, Column, columns_of
from clipper.metadata.keys.forms import texts
from clipper.models.families.families import reads_text
from clipper.models.query_encoder import QueryEncoder
from clipper.store import embeddings
from clipper.store.tables import read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LABELS_VERSION = "1"
SHOWN_ROWS = 200  # labels in Dagster's table


def find_label_issues(work: Workspace) -> Step:
    """Check every column of categories that vectors explain. Of copies, the first one's label counts."""
    skipped: dict[str, str] = {}

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        graph = work.graph(keys)
        ids, table, names = _labelled(work, keys)
        rows: list[dict[str, Any]] = []
        for name in names:
            codes, values = _encode(table[name])
            if why := reason_to_skip(codes, graph):
                skipped[name] = why
                continue
            found = _doubts(work, keys, ids, name=name, codes=codes, values=values)
            rows += [row for row in found if row["confidence"] >= work.settings.label_confidence]
        counts = {"columns": len(names) - len(skipped), "images": len(rows)}
        made = {**made_of, "skipped": skipped, "counts": counts, "rows": rows[:SHOWN_ROWS]}
        write_part(path, _table(rows), made)

    inputs = [LABELS_VERSION, work.settings.label_confidence]
    return insight_step(work, "label_issues", of=["neighbours", "metadata"], inputs=inputs, make=make)


def _labelled(work: Workspace, keys: Sequence[bytes]) -> "tuple[pa.LargeStringArray, pa.Table, list[str]]":
    """Return an image of each content, the metadata of these images, and the columns of categories."""
    import pyarrow as pa

    path = work.home.part("metadata", work.require("metadata"))
    table = read_parquet(path)
    columns = columns_of(read_made_of(path)["columns"], lambda: table)
    members = work.members()
    ids = members.take(rows_of(pa.array(keys, pa.binary(16)), members.keys)).ids
    rows = rows_of(ids, texts(table["id"]))
    names = [c.name for c in columns if c.role == "category" and not _is_no_label(c)]
    return ids, table.take(integers(rows)), names


def _is_no_label(column: Column) -> bool:
    """Whether a column says nothing that could be a wrong label: facts of files, tags, parts of a split."""
    return column.has(FILE) or column.origin == TAGS or (column.name == SPLIT and column.has(FOLDER))


def _encode(cells: "pa.ChunkedArray") -> "tuple[np.ndarray, list[str]]":
    """Return each image's class, (n,) int32, MISSING without a value; and the classes' names."""
    import numpy as np

    encoded = cells.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return np.asarray(codes, np.int32), [str(value) for value in encoded.dictionary.to_pylist()]


def _doubts(
    work: Workspace,
    keys: Sequence[bytes],
    ids: "pa.LargeStringArray",
    *,
    name: str,
    codes: "np.ndarray",
    values: Sequence[str],
) -> list[dict[str, Any]]:
    """Return a row for each label of a column that looks wrong, the surest first."""
    _, model, store = work.embeddings()
    encoder = QueryEncoder(work.home, work.staged, work.settings)
    meant = encoder.word_vectors(list(values)) if reads_text(model) else None
    found = doubt_labels(embeddings.MappedVectors(store, keys), codes, texts=meant)
    return [
        {
            "column": name,
            "id": str(ids[row]),
            "given": values[found.given[row]],
            "suggested": values[found.suggested[row]],
            "confidence": round(float(found.confidence[row]), 4),
        }
        for row in found.ranked().tolist()
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    types = {name: pa.string() for name in ("column", "id", "given", "suggested")}
    schema = pa.schema([*types.items(), ("confidence", pa.float32())])
    return pa.Table.from_pylist(list(rows), schema=schema)
