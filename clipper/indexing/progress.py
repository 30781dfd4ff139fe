"""The progress of a run as a person sees it, in a terminal or in a notebook.

What does not belong here: what a run reports (`indexing/workspace.py`).
"""

from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clipper.indexing.workspace import Progress


@contextmanager
def progress_bar() -> "Iterator[Progress]":
    """Show a progress bar on standard error, where that is a terminal or a notebook that can draw one."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    shown = find_spec("ipywidgets") is not None if console.is_jupyter else console.is_terminal
    columns = (*Progress.get_default_columns()[:3], TextColumn("{task.completed:,}/{task.total:,}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report
