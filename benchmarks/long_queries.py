"""Compare what can be done with a query that is longer than the model's context: cut it, or embed its parts.

Each query is made of true descriptions of an image of the sample, in any order and longer than the context:
its name, keywords and groups, and sentences that say nothing of it. The figures are the median rank of the
image, the share of queries that have it among the first 10, and the mean reciprocal rank.

    python benchmarks/long_queries.py [HOME]
"""

import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from figures import print_header, print_row

from clipper.atlas.engine import SearchEngine
from clipper.models.parts import split
from clipper.settings import Settings

STEP = 5  # every fifth image
FILLERS = (
    "as my aunt sent it last week",
    "the way I remember it",
    "for the front page of our little paper",
    "which I have looked for all morning",
    "please",
)
FORMS = ("a picture of {}", "it shows {}", "{}", "something like {}", "I mean {}")

Embed = Callable[[str], np.ndarray]


def description(metadata: dict[str, object], *, seed: int, noise: bool) -> str:
    """Write a long description of an image: true pieces in any order, each in some form."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    keywords = metadata.get("keywords")
    pieces = [str(metadata["name"]), *(keywords if isinstance(keywords, list) else [])]
    pieces = list(dict.fromkeys(pieces))
    said: list[str] = []
    while len(" ".join(said).split()) < 60:
        chance.shuffle(pieces)
        said += [chance.choice(FORMS).format(piece) for piece in pieces]
        said += [chance.choice(FILLERS)] if noise else []
    return ", ".join(said)


def main(home: Path) -> None:
    """Print the figures of each way, without sentences that say nothing and with them."""
    engine = SearchEngine(Settings.load(home))
    tower = engine.encoders.text
    metadata = json.loads((home / "images" / "metadata.json").read_text())
    rows = [row for row, each in enumerate(engine.ids) if Path(each).stem in metadata][::STEP]

    def mean(texts: Sequence[str], weights: Sequence[float]) -> np.ndarray:
        summed = np.asarray(weights, np.float32) @ tower.embed_texts(texts)
        return np.asarray(summed / np.linalg.norm(summed))

    def packed(text: str, *, weighted: bool) -> np.ndarray:
        parts = split(text, tower.tokens, tower.context)
        return mean([p for p, _ in parts], [n if weighted else 1.0 for _, n in parts])

    def clauses(text: str) -> np.ndarray:
        parts = text.split(", ")
        return mean(parts, [len(part) for part in parts])

    ways: dict[str, Embed] = {
        "cut": lambda text: tower.embed_texts([text])[0],
        "parts, weighed by tokens": lambda text: packed(text, weighted=True),
        "parts, weighed alike": lambda text: packed(text, weighted=False),
        "each clause": clauses,
    }
    for noise in (False, True):
        print_header(
            "with noise" if noise else "true pieces only", "way", "median rank", "in the first 10", "MRR"
        )
        for name, embed in ways.items():
            ranks = []
            for row in rows:
                known = metadata[Path(engine.ids[row]).stem]
                found = engine.similarities(embed(description(known, seed=row, noise=noise)))
                ranks.append(int((found > found[row]).sum()) + 1)
            rank = np.array(ranks)
            print_row(
                name, f"{np.median(rank):.0f}", f"{(rank <= 10).mean():.3f}", f"{(1 / rank).mean():.3f}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
