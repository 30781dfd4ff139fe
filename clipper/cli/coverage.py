"""The command that tells which concepts a dataset shows and which it lacks.

What does not belong here: telling whether an image shows a concept (`insight/coverage.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipper.cli.options import Home, Json, Model
from clipper.cli.output import one_line, print_json
from clipper.errors import ClipperError
from clipper.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipper.atlas.engine import SearchEngine
    from clipper.insight.coverage import Coverage

_MOST_BYTES = 2_000_000  # of a list


def coverage(
    concepts: Annotated[
        list[str] | None, typer.Argument(help="Words; left out: the vocabulary that ships with Clipper.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A text with a concept on each line.")] = None,
    *,
    fail_on_missing: Annotated[
        bool, typer.Option("--fail-on-missing", help="End with 1 if a concept is missing.")
    ] = False,
    model: Model = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """How many images show each of some concepts, and which concepts are missing."""
    from clipper.atlas.engine import SearchEngine
    from clipper.insight.classify import parse_words

    listed = [*(concepts or []), *(_lines(file) if file is not None else [])]
    asked = parse_words("\n".join(listed))
    if not asked and (concepts or file is not None):
        raise ClipperError("there is no concept to look for; write one, or a file with one on each line")
    atlas = SearchEngine(Settings.load(home), model=model)
    names = asked or atlas.vocabulary
    found = atlas.coverage(names)
    missing = int((~(found.counts > 0) & ~found.unsure).sum())
    if as_json:
        _print_json(atlas, names, found)
    else:
        _tell(atlas, names, found, missing=missing)
    if fail_on_missing and missing:
        raise typer.Exit(1)


def _lines(file: Path) -> list[str]:
    """Read a list of concepts.

    Raises:
        ClipperError: it cannot be read, or is no text.
    """
    try:
        with file.expanduser().open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ClipperError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(data) > _MOST_BYTES:
        raise ClipperError(f"{file} is larger than {_MOST_BYTES:,} bytes; write one concept on each line")
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ClipperError(f"{file} is no UTF-8 text; write one concept on each line") from error


def _print_json(atlas: "SearchEngine", names: "Sequence[str]", found: "Coverage") -> None:
    concepts = [
        {
            "concept": names[row],
            "images": int(found.counts[row]),
            "unsure": bool(found.unsure[row]),
            "best": atlas.ids[found.best[row]] if found.best[row] >= 0 else None,
            "similarity": round(float(found.similarities[row]), 6),
        }
        for row in found.order().tolist()
    ]
    print_json({"concepts": concepts})


def _tell(atlas: "SearchEngine", names: "Sequence[str]", found: "Coverage", *, missing: int) -> None:
    """Print a line for each concept, the missing ones first, and the counts."""
    for row in found.order().tolist():
        images, best = int(found.counts[row]), int(found.best[row])
        figure = f"{images:,}" if images else "unsure" if found.unsure[row] else "missing"
        nearest = one_line(atlas.ids[best]) if best >= 0 and (images or found.unsure[row]) else ""
        typer.echo(f"{figure:>8}  {one_line(names[row])}{'  ' if nearest else ''}{nearest}")
    there, unsure = int((found.counts > 0).sum()), int(found.unsure.sum())
    said = f"{there:,} of {len(names):,} in the dataset, {missing:,} missing"
    typer.echo(said + (f", {unsure:,} unsure: look at the nearest image" if unsure else ""), err=True)
