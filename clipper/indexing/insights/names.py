"""The step `cluster_names`: a word for each cluster, where one is true.

What does not belong here: which words there are, and which of them fit (`insight/words/`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.columns import integers, rows_of
from clipper.errors import MODELS_WITH_TEXT
from clipper.hashing import digest
from clipper.indexing.staging.each_model import for_each_model
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.words import vocabulary
from clipper.insight.words.candidates import DatasetWords, dataset_words
from clipper.insight.words.naming import ClusterName, WordVectors
from clipper.insight.words.naming import name_clusters as find_names
from clipper.metadata.columns import columns_of
from clipper.metadata.keys.forms import texts
from clipper.models.families.families import reads_text
from clipper.models.query_encoder import QueryEncoder
from clipper.store import embeddings
from clipper.store.parts import clusters as stored
from clipper.store.parts.clusters import Clusters
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import pyarrow as pa

NAMES_VERSION = "2"
SHOWN_ROWS = 200  # names in Dagster's table
_NO_WORDS = "clusters have no names, and there is no search by words: the model {} embeds images only"
_TO_HAVE_BOTH = f"; index with {MODELS_WITH_TEXT} to have both"


@for_each_model
def name_clusters(work: Workspace) -> Step:
    """Name the clusters by the dataset's own words, the shipped vocabulary, and the home's `vocabulary.txt`.

    A cluster keeps the name that it had in the last run if no other is much better.
    Without clusters, or with a model of images alone, there are no names. The model's text side is loaded
    only for words whose vectors this machine does not have yet.
    """
    home = vocabulary.home_words(work.home)
    _, model, _ = work.embeddings()
    words = digest(vocabulary.shipped_version(), home.words)
    earlier = work.home.part("cluster_names", work.staged.cluster_names)

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys, clusters = stored.read(work.home.part("clusters", work.require("clusters")))
        names = _find(work, keys, clusters, home.words, earlier)
        table = _table(clusters, names)
        named = sum(bool(name.name) for name in names)
        counts = {"clusters": len(clusters), "named": named}
        write_part(path, table, {**made_of, "counts": counts, "rows": _rows(clusters, names)})

    inputs = [NAMES_VERSION, model["fingerprint"], words]
    reads = reads_text(model)
    step = insight_step(
        work,
        "cluster_names",
        of=["clusters", "metadata"],
        inputs=inputs,
        make=make,
        follows=True,
        wanted=reads,
    )
    step.notes = list(home.problems) if reads else [_no_words(work)]
    return step


def _no_words(work: Workspace) -> str:
    """Say what a model of images alone lacks, and the way out unless another model of the atlas has it."""
    has_both = any(reads_text(each.staged.model) for each in work.each_model())
    return _NO_WORDS.format(work.staged.model["name"]) + ("" if has_both else _TO_HAVE_BOTH)


def _find(
    work: Workspace, keys: "pa.Array", clusters: Clusters, home_words: Sequence[str], earlier: Path
) -> list[ClusterName]:
    if not len(clusters):
        return []
    _, _, store = work.embeddings()
    encoder = QueryEncoder(work.home, work.staged, work.settings)

    shipped = vocabulary.shipped_words()
    return find_names(
        embeddings.MappedVectors(store, keys),
        clusters,
        WordVectors(shipped, encoder.word_vectors(shipped)),
        embed=encoder.word_vectors,
        own=_own_words(work, keys),
        home=WordVectors(home_words, encoder.word_vectors(home_words)) if home_words else None,
        before=_names_before(earlier, clusters),
    )


def _names_before(earlier: Path, clusters: Clusters) -> list[str]:
    """Return the name that each cluster had in the last run, "" for none."""
    if not is_written(earlier):
        return [""] * len(clusters)
    table = read_parquet(earlier)
    known = dict(zip(table["cluster"].to_pylist(), table["name"].to_pylist(), strict=True))
    return [known.get(each) or "" for each in clusters.ids.tolist()]


def _own_words(work: Workspace, keys: "pa.Array") -> DatasetWords:
    """Return the words of the metadata; of several copies those of the first."""
    path = work.home.part("metadata", work.require("metadata"))
    table = read_parquet(path)
    columns = columns_of(read_made_of(path)["columns"], lambda: table)
    members = work.members()
    first = members.take(rows_of(keys, members.keys))
    rows = rows_of(first.ids, texts(table["id"]))
    return dataset_words(table.take(integers(rows)), columns)


def _table(clusters: Clusters, names: Sequence[ClusterName]) -> "pa.Table":
    import pyarrow as pa

    return pa.table(
        {
            "cluster": pa.array(clusters.ids),
            "name": pa.array([name.name for name in names], pa.string()),
            "source": pa.array([name.source for name in names], pa.string()),
            "score": pa.array([name.score for name in names], pa.float32()),
            "runners_up": pa.array([list(name.runners_up) for name in names], pa.list_(pa.string())),
        }
    )


def _rows(clusters: Clusters, names: Sequence[ClusterName]) -> list[dict[str, Any]]:
    """Return the largest clusters of each level with their names, for a person to read."""
    order = sorted(range(len(clusters)), key=lambda c: (clusters.levels[c], -clusters.sizes[c]))
    return [
        {
            "level": int(clusters.levels[c]),
            "name": names[c].name or "(none)",
            "images": int(clusters.sizes[c]),
            "source": names[c].source,
            "others": ", ".join(names[c].runners_up),
        }
        for c in order[:SHOWN_ROWS]
    ]
