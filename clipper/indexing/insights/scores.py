"""The step `image_scores`: how odd and how unique each image is, and what is wrong with its picture.

What does not belong here: the scores (`insight/outliers.py`, `insight/picture_quality.py`), and measuring
pictures, which the step that decodes does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import booleans, integers
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.indexing.cluster.blocks import blocks_on_cluster
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.outliers import score_outliers, score_uniqueness
from clipper.insight.picture_quality import flag
from clipper.metadata.columns import INSIGHT, Column, with_roles
from clipper.store import embeddings, facts
from clipper.store.tables import write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SCORES_VERSION = "1"
# The types of the columns that are not numbers.
TYPES = {"stands_apart": "bool", "picture_issues": "list[str]"}
# The measures that people sort and filter by; the others serve the scores.
SHOWN_MEASURES = ("sharpness", "brightness", "contrast", "colorfulness")


def score_images(work: Workspace) -> Step:
    """Score each content; copies share the scores."""
    import numpy as np
    import pyarrow as pa

    on_cluster = Step("image_scores")

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        _, _, store = work.embeddings()
        graph = work.graph(keys)
        hashes = pa.array(keys, pa.binary(16))
        measures = facts.read_measures(work.measures, hashes)
        known = facts.read_columns(work.facts, hashes)
        sizes = {f"{side}s": facts.whole_numbers(known, side, len(keys)) for side in ("width", "height")}
        issues = flag(measures, **sizes)
        with blocks_on_cluster(work, on_cluster, "scores"):
            outlier = score_outliers(embeddings.MappedVectors(store, keys), looks=measures)
        apart = outlier >= work.settings.outlier_deviations
        columns: dict[str, Any] = {
            "outlier": outlier.astype(np.float64),
            "stands_apart": apart,
            "uniqueness": score_uniqueness(graph).astype(np.float64),
            **{name: _numbers(measures[name]) for name in SHOWN_MEASURES},
            "picture_issues": _issue_lists(issues),
        }
        table = pa.table({"content_hash": hashes, **columns})
        shown = [Column(name, TYPES.get(name, "float"), INSIGHT) for name in columns]
        found = {name: int(has.sum()) for name, has in issues.items()}
        counts = {"images": len(keys), "stand_apart": int(apart.sum()), **found}
        write_part(
            path,
            table,
            {**made_of, "columns": [vars(column) for column in with_roles(shown, table)], "counts": counts},
        )

    inputs = [SCORES_VERSION, MEASURE_VERSION, work.settings.outlier_deviations]
    step = insight_step(work, "scores", of=["neighbours"], inputs=inputs, make=make)
    step.notes += on_cluster.notes
    return step


def _numbers(values: "np.ndarray") -> "pa.Array":
    """Return numbers as cells; one that is not known is missing."""
    import numpy as np
    import pyarrow as pa

    return pa.array(values.astype(np.float64), from_pandas=True)


def _issue_lists(issues: "Mapping[str, np.ndarray]") -> "pa.Array":
    """Return the names of each picture's issues; missing for a picture without any."""
    import numpy as np
    import pyarrow as pa

    names = pa.array([name.replace("_", " ") for name in issues], pa.string())
    has = np.stack(list(issues.values()), axis=1)
    counts = has.sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(counts)])
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), names.take(integers(np.nonzero(has)[1])), mask=booleans(counts == 0)
    )
