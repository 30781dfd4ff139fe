"""What a search finds by chance: how similar the best image is to words that were picked at random.

A text's cosine similarities mean little by themselves: what is high differs from model to model and from
dataset to dataset. So they are measured on the dataset. What does not belong here: whose vectors they are
(`models/query_encoder.py`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Picked from many fields, so that no dataset shows more than a few of them.
WORDS = (
    "theorem", "jurisdiction", "mortgage", "quarterly", "algebra", "parliament", "inflation", "syntax",
    "oxygen", "granite", "sonata", "nostalgia", "verdict", "bacteria", "archive", "census", "turbine",
    "peninsula", "carburetor", "chromosome", "ledger", "pension", "trigonometry", "liturgy", "monsoon",
    "ballot", "fjord", "quartz", "choreography", "plumbing", "orthodontist", "electrolysis", "warranty",
    "bureaucracy", "glacier", "isotope", "manuscript", "irony", "customs", "harvest", "vaccine", "bishop",
    "welding", "logarithm", "mezzanine", "refugee", "dividend", "sediment", "opera", "asphalt", "estuary",
    "grammar", "membrane", "curfew", "plankton", "tariff", "vertebra", "hydraulics", "pilgrimage", "enzyme",
    "copyright", "transistor", "famine", "stalactite",
)  # fmt: skip


def level(best: "np.ndarray") -> float:
    """What a query has to surpass, from the best similarity of each of `WORDS`: (w,) float32.

    The median: a few of the words may well be in the dataset.
    """
    import numpy as np

    return float(np.median(best)) if np.isfinite(best).all() else 0.0
