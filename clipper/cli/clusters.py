"""The command that names a cluster.

What does not belong here: keeping the names (`store/cluster_names.py`).
"""

from typing import Annotated

import typer

from clipper.cli.options import Home, Model
from clipper.cli.output import one_line
from clipper.settings import Settings


def name_cluster(
    cluster: Annotated[int, typer.Argument(help="Its number, as `clipper report --json` has it.")],
    name: Annotated[str, typer.Argument(help="Left out: the name that Clipper found.")] = "",
    model: Model = None,
    home: Home = None,
) -> None:
    """Give a cluster a name that stays as long as the cluster; the viewer shows it at once."""
    from clipper.atlas.engine import SearchEngine

    atlas = SearchEngine(Settings.load(home), model=model)
    atlas.rename_cluster(cluster, name)
    clusters = atlas.clusters
    assert clusters is not None  # it has this one
    shown = atlas.cluster_names[clusters.ids.tolist().index(cluster)]
    typer.echo(f"cluster {cluster}: {one_line(shown) or '(no word is true)'}")
