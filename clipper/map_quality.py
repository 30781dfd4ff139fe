"""How far a map can be trusted."""

from typing import TYPE_CHECKING

from clipper.projection.neighbors import neighbours
from clipper.projection.quality import preserved

if TYPE_CHECKING:
    import numpy as np

QUALITY_SAMPLE = 2_000


def quality(vectors: "np.ndarray", positions: "np.ndarray") -> dict[str, float]:
    """How far the map can be trusted, over a sample: shares between 0 and 1.

    `trustworthiness` (Venna and Kaski 2001, scikit-learn's): neighbours on the map are neighbours in
    the vectors. `neighbour_preservation`: share of an image's 15 nearest that are its nearest on the map.
    """
    import numpy as np
    from sklearn.manifold import trustworthiness

    n, k = vectors.shape[0], 15
    if n <= 2 * k:
        return {}
    chosen = np.arange(n)
    if n > QUALITY_SAMPLE:
        chosen = np.sort(np.random.default_rng(0).choice(n, QUALITY_SAMPLE, replace=False))
    sample, places = vectors[chosen], positions[chosen].astype(np.float64)
    near = neighbours(sample, k + 1)[0][:, 1:]
    kept = preserved(near, places, places, np.arange(len(places)))
    trusted = trustworthiness(sample, places, n_neighbors=k, metric="cosine")
    return {
        "trustworthiness": round(float(trusted), 4),
        "neighbour_preservation": round(kept or 0.0, 4),
        "measured_on": len(chosen),
    }
