"""The step `word_columns`: for each list of words that people keep, the nearest word of each image, or none.

What does not belong here: which lists there are (`store/word_columns.py`), and which word is the nearest
(`insight/classify.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.errors import ModelError
from clipper.indexing.staging.insight import insight_step
from clipper.indexing.staging.workspace import Step, Workspace
from clipper.insight.chance import match_level, measure_chance
from clipper.insight.classify import NONE, Classes, classify
from clipper.insight.words.vocabulary import shipped_words
from clipper.metadata.columns import WORDS, Column, with_roles
from clipper.models.query_encoder import QueryEncoder
from clipper.store import embeddings, word_columns
from clipper.store.tables import write_part
from clipper.store.word_columns import WordColumns

if TYPE_CHECKING:
    import pyarrow as pa

WORDS_VERSION = "1"


def make_word_columns(work: Workspace) -> Step:
    """Make a column of each list of words; copies share their word. Without lists there is no part.

    All images are looked at again when some are new: what is near by chance depends on all. The model's text
    side is loaded only for words whose vectors this machine does not have yet. Without the model there are no
    columns, and the step says so: they are no reason to fail.
    """
    kept = word_columns.read(work.home)
    _, model, _ = work.embeddings()

    def make(path: Path, made_of: Mapping[str, Any]) -> None:
        keys = work.contents()
        found = _classify(work, keys, kept)
        table, columns = _table(keys, kept, found), [Column(name, "str", WORDS) for name in kept]
        counts = {"images": len(keys), "columns": len(kept), "words": sum(map(len, kept.values()))}
        shown = [vars(replace(column, role="category")) for column in with_roles(columns, table)]
        write_part(path, table, {**made_of, "columns": shown, "counts": counts, "rows": _rows(kept, found)})

    inputs = [WORDS_VERSION, model["fingerprint"], list(kept.items())]
    try:
        return insight_step(
            work, "word_columns", of=["neighbours"], inputs=inputs, make=make, wanted=bool(kept)
        )
    except ModelError as error:
        work.stage(word_columns="")
        note = f"no columns of your words ({', '.join(kept)}) were made: {error}"
        return Step("word_columns", counts={"columns": 0}, notes=[note])


def _classify(work: Workspace, keys: Sequence[bytes], kept: WordColumns) -> dict[str, Classes]:
    """Classify the contents by each list; the vectors of all words are looked up at once."""
    import numpy as np

    _, _, store = work.embeddings()
    encoder = QueryEncoder(work.home, work.staged, work.settings)
    vectors = embeddings.MappedVectors(store, keys)
    chance = measure_chance(vectors, encoder.random_words)
    level = match_level(vectors, chance, encoder.word_vectors(shipped_words()))
    words = sorted({word for listed in kept.values() for word in listed})
    known = dict(zip(words, encoder.word_vectors(words), strict=True))
    return {
        name: classify(vectors, np.stack([known[word] for word in listed]), chance, level=level)
        for name, listed in kept.items()
    }


def _table(keys: Sequence[bytes], kept: WordColumns, found: Mapping[str, Classes]) -> "pa.Table":
    import pyarrow as pa

    def cells(words: Sequence[str], classes: Classes) -> "pa.Array":
        codes = pa.array(classes.words, mask=classes.words == NONE)
        return pa.array(words, pa.string()).take(codes)

    columns = {name: cells(words, found[name]) for name, words in kept.items()}
    return pa.table({"content_hash": pa.array(keys, pa.binary(16)), **columns})


def _rows(kept: WordColumns, found: Mapping[str, Classes]) -> list[dict[str, Any]]:
    """Return how many images each word has, for a person to read."""
    return [
        {"column": name, "word": word, "images": int(count)}
        for name, words in kept.items()
        for word, count in [
            *zip(words, found[name].counts.tolist(), strict=True),
            ("(none of these)", found[name].none),
        ]
    ]
