"""Print how well typed words, coverage and drift do on the sample, whose truth is known from its keywords.

The sample has to be indexed: `clipper index --home data`.

    python benchmarks/insight_sense.py
"""

import time
from collections.abc import Sequence

import numpy as np
from insight_sample import DATA

from clipper.atlas.engine import SearchEngine
from clipper.insight.chance import match_level, measure_chance
from clipper.insight.classify import NONE, classify
from clipper.insight.coverage import measure_coverage
from clipper.insight.drift import measure_drift
from clipper.insight.two_sample import energy_test
from clipper.settings import Settings

LARGE = 8  # images of a keyword that counts are compared on
# Things of other fields; none of their words is a keyword of the sample.
ABSENT = (
    "accountant", "microwave", "refrigerator", "excavator", "forklift", "submarine", "retina",
    "liver", "stomach", "spine", "platypus", "armadillo", "walrus", "ostrich", "stingray", "meerkat", "lemur",
    "hyena", "porcupine", "ferret", "iguana", "salamander", "centipede", "dragonfly", "termite",
    "asparagus", "cauliflower", "radish", "celery", "spinach", "artichoke", "papaya", "pomegranate",
    "grapefruit", "apricot", "lasagna", "risotto", "couscous", "goulash", "omelette", "porridge", "mustard",
    "granite", "limestone", "basalt", "wallpaper", "carpet", "curtain", "chandelier", "staircase", "balcony",
    "chimney", "scaffold", "sewer", "pipeline", "refinery", "turbine", "canal", "lighthouse", "quarry",
    "runway", "gearbox", "piston", "radiator", "gasket", "lathe", "oscilloscope", "resistor", "capacitor",
    "spectrometer", "centrifuge", "pipette", "theorem", "invoice", "mortgage", "barn", "silo", "haystack",
    "orchard", "vineyard", "scarecrow", "glacier", "fjord", "waterfall", "canyon", "swamp", "tundra",
    "geyser", "stalactite", "cardigan", "corset", "chainmail", "tapestry", "quilt", "velvet",
    "denim", "fresco", "mosaic", "sculpture", "monastery", "crypt", "pulpit", "cello", "oboe", "bassoon",
    "tuba", "backgammon", "croquet", "trampoline", "treadmill", "hammock", "barcode",
)  # fmt: skip


def truth_of(engine: SearchEngine) -> tuple[list[str], np.ndarray]:
    """The sample's keywords, and which image has which: (n, k) bool."""
    of_images = engine.metadata_table["keywords"].to_pylist()
    words = sorted({word for keywords in of_images for word in keywords})
    return words, np.array([[word in keywords for word in words] for keywords in map(set, of_images)])


def embed(engine: SearchEngine, words: Sequence[str]) -> np.ndarray:
    """Vectors of words: (w, d) float32."""
    return np.stack([engine.embed_text(word) for word in words])


def disjoint(truth: np.ndarray, count: int, seed: int) -> list[int]:
    """Columns of keywords with some images each and none in common."""
    chosen: list[int] = []
    for column in np.random.default_rng(seed).permutation(np.flatnonzero(truth.sum(0) >= LARGE)):
        if not (truth[:, column] & truth[:, chosen].any(1)).any():
            chosen.append(int(column))
    return chosen[:count]


def print_classes(
    vectors: np.ndarray, truth: np.ndarray, keywords: np.ndarray, random: np.ndarray, lost: np.ndarray
) -> None:
    """Classify by 8 of 16 keywords; print how many images get the right word, and how many get none."""
    level = match_level(vectors, measure_chance(vectors, random), keywords)
    for name, least in (("by chance alone", -np.inf), ("with a vocabulary", level)):
        figures = []
        for trial in range(20):
            columns = disjoint(truth, 16, trial)
            shown, hidden = columns[:8], columns[8:]
            right = np.where(truth[:, shown].any(1), truth[:, shown].argmax(1), NONE)
            found = classify(vectors, keywords[shown], random, level=least).words
            good, labelled = (found == right) & (found != NONE), found != NONE
            nothing = np.random.default_rng(trial).permutation(len(lost))[:8]
            figures.append((
                good.sum() / labelled.sum(),
                good.sum() / (right != NONE).sum(),
                (found != right)[labelled & (right != NONE)].mean(),
                (right == NONE)[~labelled].mean(),
                (~labelled)[right == NONE].mean(),
                (~labelled)[truth[:, hidden].any(1)].mean(),
                (classify(vectors, lost[nothing], random, level=least).words != NONE).mean(),
            ))  # fmt: skip
        names = ("precision", "recall", "wrong word", "none: precision", "none: recall",
                 "none: of hidden words", "labelled by 8 absent words")  # fmt: skip
        print(f"typed words, {name}")
        for figure, value in zip(names, np.mean(figures, axis=0), strict=True):
            print(f"  {figure:40} {value:.3f}")


def print_coverage(
    vectors: np.ndarray, truth: np.ndarray, keywords: np.ndarray, random: np.ndarray, lost: np.ndarray
) -> None:
    """Cover all keywords and the absent concepts."""
    from sklearn.metrics import roc_auc_score

    found = measure_coverage(vectors, np.concatenate([keywords, lost]), random)
    members, is_present = truth.sum(0), np.arange(len(found)) < len(keywords)
    counts, large = found.counts[: len(keywords)], members >= LARGE
    ratio, resembling = (counts / members)[large], found.resembling[: len(keywords)][large]
    print(f"coverage: {len(keywords)} present and {len(lost)} absent concepts, level {found.level:.3f}")
    rows = {
        "AUROC of the best score": roc_auc_score(is_present, found.scores),
        "AUROC of the best cosine": roc_auc_score(is_present, found.similarities),
        "absent: share with an image": (found.counts[~is_present] > 0).mean(),
        "absent: images on average": found.counts[~is_present].mean(),
        "present, 1 image: found": (counts[members == 1] > 0).mean(),
        "present, 2 to 7: found": (counts[(members > 1) & ~large] > 0).mean(),
        "present, 8 and more: found": (counts[large] > 0).mean(),
        "  count over true count: 10 %": np.quantile(ratio, 0.1),
        "  median": np.median(ratio),
        "  90 %": np.quantile(ratio, 0.9),
        "  resembling over true count: median": np.median(resembling / members[large]),
    }  # fmt: skip
    for name, value in rows.items():
        print(f"  {name:40} {value:.3f}")


def print_drift(vectors: np.ndarray, groups: np.ndarray, clusters: np.ndarray) -> None:
    """Compare random halves; then leave a group out of one, or add noise to it."""
    n, random = len(vectors), np.random.default_rng(0)
    p_values, drifted = [], 0
    for _ in range(50):
        one, other = np.split(random.permutation(n), [n // 2])
        drift = measure_drift(vectors[one], vectors[other], clusters=(clusters[one], clusters[other]))
        p_values.append([drift.p_values[name] for name in ("new", "sparse", "clusters")])
        drifted += drift.drifted
    shares = (np.array(p_values) < 0.05).mean(axis=0)
    print("drift: of 50 random halves, share of p < 0.05")
    for name, share in zip(("energy", "sparse", "clusters"), shares, strict=True):
        print(f"  {name:40} {share:.2f}")
    print(f"  {'said to have drifted':40} {drifted / 50:.2f}")
    for group in np.unique(groups):
        kept = other[groups[other] != group]
        drift = measure_drift(vectors[one], vectors[kept], clusters=(clusters[one], clusters[kept]))
        print(f"  without {group:32} {drift.drifted!s:6} {drift.p_values}")
    noise = random.normal(size=(n // 20, vectors.shape[1])).astype(np.float32)
    noisy = np.concatenate([vectors[other], noise / np.linalg.norm(noise, axis=1, keepdims=True)])
    print(f"  10 % noise: {measure_drift(vectors[one], noisy).summary()}")


def print_times() -> None:
    """Time random vectors of 512 dimensions."""
    random = np.random.default_rng(0)
    images = random.normal(size=(100_000, 512)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    words = images[-10_000:]
    for name, job in (
        ("coverage, 100,000 images, 10,000 concepts", lambda: measure_coverage(images, words, images[:64])),
        ("classify, 100,000 images, 200 words", lambda: classify(images, words[:200], images[:64])),
        ("energy test, 2,000 against 2,000", lambda: energy_test(images, words)),
        ("drift, 90,000 against 10,000", lambda: measure_drift(images[:90_000], words)),
    ):
        started = time.perf_counter()
        job()
        print(f"{name:45} {time.perf_counter() - started:.1f} s")


def main() -> None:
    """Print all figures."""
    engine = SearchEngine(Settings.load(DATA))
    words, truth = truth_of(engine)
    vectors, random = engine.vectors, engine.encoders.random_words
    keywords, lost = embed(engine, words), embed(engine, ABSENT)
    print_classes(vectors, truth, keywords, random, lost)
    print_coverage(vectors, truth, keywords, random, lost)
    groups = np.array(engine.metadata_table["group"].to_pylist())
    _, clusters = np.unique(engine.metadata_table["subgroup"].to_pylist(), return_inverse=True)
    print_drift(vectors, groups, clusters.astype(np.int64))
    print_times()


if __name__ == "__main__":
    main()
