"""All steps in their order, under the home's lock: what `clipper index` and `clipper.index` call.

A step reads the parts that earlier steps staged, makes its own part unless that exists, and stages it. What
does not belong here: what a step does (the other modules of this wing).
"""

from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.indexing.collect import collect
from clipper.indexing.embed import embed_images
from clipper.indexing.home_setup import note_model, prepare_home
from clipper.indexing.insights.clusters import cluster_images
from clipper.indexing.insights.drift import measure_drift
from clipper.indexing.insights.duplicates import find_duplicates
from clipper.indexing.insights.labels import find_label_issues
from clipper.indexing.insights.names import name_clusters
from clipper.indexing.insights.scores import score_images
from clipper.indexing.insights.words import make_word_columns
from clipper.indexing.metadata import join_metadata
from clipper.indexing.neighbours import find_neighbours
from clipper.indexing.project import project_images
from clipper.indexing.publish import publish
from clipper.indexing.scan import scan_images
from clipper.indexing.staging.workspace import Progress, Step, Workspace
from clipper.models.hub import DOWNLOAD, reporting
from clipper.settings import Settings, named_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


def index_images(
    images: str | Path | None = None,
    *,
    home: str | Path | None = None,
    model: str | Sequence[str] | None = None,
    progress: bool | Progress = True,
    wait: float = 0.0,
    **overrides: Any,
) -> tuple[Settings, list[Step]]:
    """Bring the atlas of a folder of images up to date; make its home where there is none yet.

    Args:
        images: the folder or its URL; None: the one that the home's clipper.toml names.
        home: the folder that holds the atlas, or its URL; None: see `prepare_home`.
        model: a model of the hub, or a folder, or several; noted in the clipper.toml of a new home.
        progress: whether to show progress bars; or a function that gets a stage, a count done and a total;
            bytes in the stage `download of ...`, which is there while a model is fetched from the hub.
        wait: seconds to wait for another run to end.
        overrides: other settings, for this run alone.

    Raises:
        BusyError: another run holds the home's lock.
        ClipperError: something a person must mend; the published atlas stays as it is.
    """
    model = model if model is None or isinstance(model, str) else list(model)
    folder, noted = named_folder(home) if home else None, None
    with ExitStack() as stack:
        if images is not None:
            folder, noted = stack.enter_context(prepare_home(str(images), folder))
        settings = Settings.load(folder, images=noted, model=model, **overrides)
        if progress is True:
            progress = stack.enter_context(progress_bar())
        if images is not None and model:
            with reporting(progress or None):
                note_model(settings)
        return settings, index(settings, progress=progress or None, wait=wait)


def index(settings: Settings, *, progress: Progress | None = None, wait: float = 0.0) -> list[Step]:
    """Run all steps under the home's lock. Wait for the lock at most `wait` seconds.

    Raises:
        BusyError: another run holds the lock.
        ClipperError: something a person must mend; the published atlas stays as it is.
    """
    work = Workspace(settings, progress)
    with work.home.writing(timeout=wait), reporting(progress):
        return run_steps(work)


def run_steps(work: Workspace) -> list[Step]:
    """Run all steps. The caller holds the home's lock."""
    steps = [scan_images(work), *embed_images(work).values(), join_metadata(work)]
    stages = (
        ("neighbours", find_neighbours),
        ("map", project_images),
        ("scores", score_images),
        ("clusters", cluster_images),
        ("names", name_clusters),
        ("duplicates", find_duplicates),
        ("labels", find_label_issues),
        ("words", make_word_columns),
        ("drift", measure_drift),
        ("collection", collect),
        ("publish", publish),
    )
    for stage, step in stages:
        progress_of = work.progress_for(stage)
        progress_of(0, 1)
        steps.append(step(work))
        progress_of(1, 1)
    return steps


@contextmanager
def progress_bar() -> "Iterator[Progress]":
    """Show a progress bar on standard error, where that is a terminal or a notebook that can draw one."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    shown = find_spec("ipywidgets") is not None if console.is_jupyter else console.is_terminal
    columns = (*Progress.get_default_columns()[:3], TextColumn("{task.fields[amount]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, amount="")
            bars.update(tasks[stage], completed=done, total=total, amount=_amount(stage, done, total))

        yield report


def _amount(stage: str, done: int, total: int) -> str:
    if stage.startswith(DOWNLOAD):
        return f"{done / 1e6:,.0f}/{total / 1e6:,.0f} MB"
    return f"{done:,}/{total:,}"
