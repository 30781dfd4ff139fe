"""The part `agreement`: where the models of an atlas see other neighbors than its first model.

What does not belong here: finding neighbors (`indexing/neighbours.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.agreement import COMPARED, share_of_neighbors
from clipper.metadata.columns import INSIGHT, Column, with_roles
from clipper.store.tables import write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

AGREEMENT_VERSION = "1"
COLUMN = "agreement"


def compare_models(work: Workspace) -> dict[str, Step]:
    """Compare each further model with the first: which of an image's nearest others do both see?

    Returns:
        a report for each further model, by its name; none in an atlas of one model.
    """
    first, *others = work.each_model()
    return {str(each.staged.model["name"]): _compare(each, first) for each in others}


def _compare(work: Workspace, first: Workspace) -> Step:
    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        shares = share_of_neighbors(first.graph(keys).rows, work.graph(keys).rows)
        table = _table(keys, shares)
        columns = [vars(column) for column in with_roles([Column(COLUMN, "float", INSIGHT)], table)]
        counts = {"images": len(keys), "mean": round(float(shares.mean()), 4) if len(keys) else 1.0}
        write_part(path, table, {**made_of, "columns": columns, "counts": counts})

    inputs = [AGREEMENT_VERSION, COMPARED, first.require("neighbours")]
    return insight_step(work, "agreement", of=["neighbours"], inputs=inputs, make=make)


def _table(keys: Sequence[bytes], shares: "np.ndarray") -> "pa.Table":
    import pyarrow as pa

    return pa.table({"content_hash": pa.array(keys, pa.binary(16)), COLUMN: pa.array(shares, pa.float64())})
