"""What numba compiles of UMAP, kept on disk: a process that lays out a map need not compile it again.

UMAP asks for no such cache, which costs each process some six seconds. What does not belong here: the layout.
"""

from contextlib import suppress


def keep_compiled() -> None:
    """Have numba keep the functions of UMAP that a layout uses, and read them where they were kept.

    They lie where numba keeps others: beside UMAP, or in the user's cache folder; nowhere if neither can be
    written. Numba makes them again when UMAP, the processor or numba itself is another.
    """
    from umap import layouts, umap_

    for function in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,  # noqa: SLF001 - it has no other name
    ):
        with suppress(RuntimeError):  # there is no place for it
            function.enable_caching()
