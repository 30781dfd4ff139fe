"""Reference texts: about no dataset in particular, embedded once for each model.

The recall of the search is measured with them, and the text tower is verified on one. What does not belong
here: the models.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from clipper.hashing import digest
from clipper.store.home import Home
from clipper.store.tables import read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np

REFERENCE_TEXTS = (
    "a cat", "a dog on a sofa", "a red car", "people at a table", "a mountain lake", "a night sky",
    "a handwritten note", "food on a plate", "a tall building", "a child's drawing", "a flag",
    "a blurry photo", "a close-up of a flower", "a map", "a smiling face", "an empty room", "music",
    "winter", "something green", "two of them", "a bird in flight", "a clock", "old paper", "a boat",
    "a crowd", "a screenshot", "a hand", "a road", "glass", "an arrow", "a fruit", "a machine",
)  # fmt: skip

# From many fields, so that no dataset shows more than a few of them.
RANDOM_WORDS = (
    "theorem", "jurisdiction", "mortgage", "quarterly", "algebra", "parliament", "inflation", "syntax",
    "oxygen", "granite", "sonata", "nostalgia", "verdict", "bacteria", "archive", "census", "turbine",
    "peninsula", "carburetor", "chromosome", "ledger", "pension", "trigonometry", "liturgy", "monsoon",
    "ballot", "fjord", "quartz", "choreography", "plumbing", "orthodontist", "electrolysis", "warranty",
    "bureaucracy", "glacier", "isotope", "manuscript", "irony", "customs", "harvest", "vaccine", "bishop",
    "welding", "logarithm", "mezzanine", "refugee", "dividend", "sediment", "opera", "asphalt", "estuary",
    "grammar", "membrane", "curfew", "plankton", "tariff", "vertebra", "hydraulics", "pilgrimage", "enzyme",
    "copyright", "transistor", "famine", "stalactite",
)  # fmt: skip


def vectors_path(home: Home, key: str) -> Path:
    """The file with a model's vectors of the reference texts."""
    return home.embeddings(key) / f"probes-{digest(REFERENCE_TEXTS)}.parquet"


def write(home: Home, key: str, vectors: "np.ndarray") -> None:
    """Write the vectors of `REFERENCE_TEXTS`: (p, d) float32."""
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    write_part(vectors_path(home, key), pa.table({"text": REFERENCE_TEXTS, "vector": column}), {})


def read(home: Home, key: str) -> "np.ndarray":
    """Read the vectors of `REFERENCE_TEXTS`: (p, d) float32.

    Raises:
        StoreError: the file is missing or damaged.
    """
    import numpy as np

    column = read_parquet(vectors_path(home, key))["vector"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(), np.float32).reshape(len(REFERENCE_TEXTS), -1)


def random_text_baseline(best: "np.ndarray") -> float:
    """Return the similarity that a query must exceed to mean anything.

    It is the median of `best`, (w,) float32, the best similarity of each of `RANDOM_WORDS`: a few of these
    words may well fit the dataset.
    """
    import numpy as np

    return float(np.median(best)) if np.isfinite(best).all() else 0.0
