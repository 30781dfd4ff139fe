"""UMAP's forces for many images: its graph, a start, and an optimiser that uses all cores.

What does not belong here: which images are laid out, and when (`layout.py` and `refit.py` above).
"""
