"""The steps from a folder to a published atlas, each incremental: what the assets and `clipper index` call.

A step reads what the steps before it staged, makes its part unless that exists already, and stages it.
Who runs steps holds the home's lock. What does not belong here: how anything is computed.
"""

from clipper.indexing.collect import collect
from clipper.indexing.embed import embed_images
from clipper.indexing.metadata import join_metadata
from clipper.indexing.project import project_images
from clipper.indexing.publish import publish
from clipper.indexing.scan import scan_images
from clipper.indexing.workspace import Progress, Step, Workspace
from clipper.settings import Settings


def index(settings: Settings, *, progress: Progress | None = None, wait: float = 0.0) -> list[Step]:
    """All steps, under the home's lock, for which at most `wait` seconds are waited.

    Raises:
        BusyError: another run holds the lock.
        ClipperError: with what is to be mended; what was published stays published.
    """
    work = Workspace(settings, progress)
    with work.home.writing(timeout=wait):
        return run_steps(work)


def run_steps(work: Workspace) -> list[Step]:
    """All steps. Only for who holds the home's lock."""
    steps = [scan_images(work), *embed_images(work).values(), join_metadata(work)]
    for stage, step in (("map", project_images), ("collection", collect), ("publish", publish)):
        progress_of = work.told(stage)
        progress_of(0, 1)
        steps.append(step(work))
        progress_of(1, 1)
    return steps
