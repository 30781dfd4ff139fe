"""What `clipper report` prints and writes.

What does not belong here: the contents of a report (`atlas/report.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from clipper.cli.output import one_line
from clipper.errors import ClipperError
from clipper.store.home import atomic_path

# The kinds of findings that `--fail-on` may name. A finding's key begins with its kind, as in `leaks:split`.
KINDS = ("copies", "drift", "duplicates", "labels", "leaks", "outliers", "pictures")
_SHOWN = 5  # images of a finding; clusters of the coarsest level are all shown


def check_kinds(text: str) -> frozenset[str]:
    """Read the kinds of findings that a person does not want.

    Raises:
        ClipperError: there is no such kind.
    """
    kinds = frozenset(kind.strip() for kind in text.split(",") if kind.strip())
    if unknown := sorted(kinds - set(KINDS)):
        raise ClipperError(f"--fail-on: there is no finding {unknown[0]!r}; there are {', '.join(KINDS)}")
    return kinds


def write_page(path: Path, page: str) -> None:
    """Write the page.

    Raises:
        ClipperError: it cannot be written there.
    """
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(page, "utf-8")
    except OSError as error:
        raise ClipperError(f"{path} cannot be written: {error.strerror or error}") from error


def tell_report(found: Mapping[str, Any], *, page: Path | None) -> None:
    """Print a report in a few lines."""
    typer.echo(f"{one_line(found['title'])}: {found['images']:,} images, {found['failed']:,} skipped")
    for cluster in found["clusters"]:
        if cluster["level"] == 0:
            typer.echo(f"  {cluster['images']:>8,}  {one_line(cluster['name']) or '(no word is true)'}")
    for finding in found["findings"]:
        typer.echo(one_line(finding["title"]))
        for image in finding["images"][:_SHOWN]:
            typer.echo(f"  {one_line(image['id'])}  {one_line(image.get('note', ''))}".rstrip())
        if (more := len(finding["images"]) - _SHOWN) > 0:
            typer.echo(f"  and {more:,} more: `clipper report --json`")
    if not found["findings"]:
        typer.echo("nothing that asks for a look")
    if page is not None:
        typer.echo(f"written: {one_line(str(page))}")
