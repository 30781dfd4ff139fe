"""The weight of texts among images, as it is measured on a dataset, beside CLIPScore's 2.5 for CLIP.

python benchmarks/cross_modal.py [HOME]: the sample if no home is named. It prints the weight from all images,
from samples of them, and from halves of the reference texts: how far the figure depends on the choice.
"""

import sys
from pathlib import Path

import numpy as np

from clipper.atlas.engine import SearchEngine
from clipper.models import reference_texts
from clipper.projection import cross_modal
from clipper.projection.cross_modal import measure_cross_modal_weight
from clipper.settings import Settings


def main(home: Path) -> None:
    """Print the weights."""
    engine = SearchEngine(Settings.load(home))
    order = np.argsort(np.array(engine.hashes, object), kind="stable")
    vectors = engine.stored[order]
    texts = reference_texts.read(engine.home, engine.snapshot.embeddings)
    print(f"{engine.title}: {len(vectors):,} images, {engine.snapshot.model['name']}")
    print(f"all images, all texts     {measure_cross_modal_weight(vectors, texts)}")
    for count in (100, 500, 1_000):
        if count < len(vectors):
            rows = np.linspace(0, len(vectors) - 1, count).astype(np.int64)
            print(f"{count:>6,} images            {measure_cross_modal_weight(vectors[rows], texts)}")
    for name, half in (("even", texts[::2]), ("odd", texts[1::2])):
        print(f"{name:>6} reference texts   {measure_cross_modal_weight(vectors, half)}")
    words = engine.word_vectors(engine.vocabulary[::20])
    print(f"words of the vocabulary   {measure_cross_modal_weight(vectors, words)}")
    for nearest in (1, 5, 20):
        cross_modal.NEAREST = nearest
        print(f"{nearest:>6} nearest images    {measure_cross_modal_weight(vectors, texts)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data"))
