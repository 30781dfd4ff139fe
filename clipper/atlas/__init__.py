"""One published version of a home, for reading.

`atlas.py` is for people with a notebook. `engine.py` is for the viewer and the command, which count images by
rows. What does not belong here: writing a home (`indexing/`). Only tags are written here.
"""

from clipper.atlas.atlas import Atlas

__all__ = ["Atlas"]
