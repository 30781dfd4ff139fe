"""Dagster's side of Clipper: it writes the atlas. One file for each of Dagster's concepts.

What does not belong here: how anything is computed; that is `clipper`.
"""

from clipper.errors import require_extra

require_extra("pipeline")
