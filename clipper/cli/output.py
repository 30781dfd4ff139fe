"""What the command prints: results as lines or as one JSON document.

Names, reasons and values come from files: whatever is printed is made safe for a terminal. What does not
belong here: the commands (`cli/main.py`).
"""

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from clipper.doctor.files import Damage
    from clipper.indexing.staging.workspace import Step
    from clipper.metadata.columns import Column
    from clipper.settings import Settings


# How the summary names a part that was made again from the same files; the first that applies is shown.
REPLACED = {
    "model": "another model",
    "metadata": "metadata changed",
    "projection": "the map laid out again",
}
# And one that changes with the others, where it alone was made again.
REPLACED_ALONE = {"collection": "the collection made again", "neighbours": "the neighbours found"}
# The steps whose notes come below the columns.
_NOTED = (
    "image_facts", "clip_embeddings", "image_metadata", "umap_projection", "cluster_names", "word_columns",
    "atlas",
)  # fmt: skip


def one_line(text: str) -> str:
    """Text from files, made safe for a terminal: no line breaks, no escape sequences.

    Spaces of any width stay as they are: macOS puts some into the names of screenshots.
    """
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else repr(c)[1:-1] for c in text)


def describe(
    known: Mapping[str, Any], columns: "Iterable[Column]", changed: "datetime"
) -> Iterator[tuple[str, str]]:
    """Yield the lines of `clipper info`, each with its name.

    Args:
        known: what `SearchEngine.info` returns.
        columns: of the metadata.
        changed: when the version was published, UTC.
    """
    yield "images", f"{known['images']:,} in {known['folder']}"
    yield "failed", f"{known['failed']:,}"
    yield "model", f"{known['model']} ({known['dimensions']} dimensions{_about_text(known)})"
    if known["precision"]:
        yield "vectors", describe_precision(known["precision"])
    for each in known["further"]:
        precision = f"; {describe_precision(each['precision'])}" if each["precision"] else ""
        yield "further", f"{each['model']} ({each['dimensions']} dimensions){precision}"
    yield "changed", f"{changed:%Y-%m-%d %H:%M:%S} UTC"  # a run with nothing to do writes nothing
    yield "version", known["version"]
    yield "columns", ", ".join(f"{column.name} ({column.kind}, {column.source})" for column in columns)
    figures = known["quality"] | known["frame"]
    yield "map", " ".join(f"{name} {value}" for name, value in figures.items())
    yield "search", f"recall@10 {known['search']['recall_at_10']} at ef {known['search']['ef']}"
    yield "home", known["home"]


def _about_text(known: Mapping[str, Any]) -> str:
    """Say how the model's texts and images are compared."""
    if not known["score"]:
        return "; images only, no words"
    return f"; {known['score']['name']}, texts count {known['cross_modal_weight']:g} times among images"


def describe_precision(choice: Mapping[str, Any]) -> str:
    """Say in which precision an atlas's vectors are made, and what was measured when it was chosen.

    Args:
        choice: a `Calibration` as a dictionary, with `new_vectors`, the precision of new vectors.
    """
    engine, new = choice["engine"], choice["new_vectors"]
    made = engine if new == engine else f"{new} by the settings, earlier ones may be {engine}"
    speeds = choice["images_per_second"]
    timed = ", ".join(f"{name} {speeds[name]:g}" for name in sorted(speeds, key=lambda each: -speeds[each]))
    return (
        f"{made}; {choice['overlap']:.1%} of the 10 nearest neighbours are those of float32 "
        f"({choice['sample']} images compared); images per second: {timed} ({choice['machine']})"
    )


def print_json(document: Any) -> None:
    """Print JSON with all control characters escaped; `json` itself escapes only those below 32.

    Where the output is not UTF-8, as on Windows in a pipe, all other letters than ASCII's are escaped too.
    """
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not is_utf8, allow_nan=False)
    typer.echo("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def summarise(steps: "Mapping[str, Step]", settings: "Settings") -> None:
    """Print what a run did, and its notes."""
    done = steps["atlas"].counts
    seconds = sum(step.seconds for name, step in steps.items() if name not in ("thumbnails", "image_facts"))
    images = "image" if done["images"] == 1 else "images"
    of_models = [steps["clip_embeddings"], *steps["clip_embeddings"].further.values()]
    embedded = sum(step.counts["new"] for step in of_models)
    typer.echo(
        f"{done['images']:,} {images} on the map, {done['failed']:,} skipped; {_changed(steps['atlas'])}; "
        f"{embedded:,} embedded; {seconds:.1f} s"
    )
    _list(steps["image_manifest"].failures | steps["image_facts"].failures, "skipped {}: {}")
    if steps["image_metadata"].columns_changed and steps["image_metadata"].columns:
        typer.echo(f"  {one_line(_columns_line(steps['image_metadata'].columns))}")
    for note in steps["image_manifest"].notes:
        typer.echo(f"  {one_line(note)}")
    for name, step in steps["image_neighbours"].further.items():
        agreement = f"{step.counts['agreement']:.0%} of the nearest others are those of the first model"
        typer.echo(f"  a map by {one_line(name)}, too: {agreement}")
    for note in (note for name in _NOTED for note in steps[name].notes):
        typer.echo(f"  note: {one_line(note)}")
    typer.echo(f"See it: clipper view --home {one_line(quote(settings.home_name))}")


def _changed(atlas: "Step") -> str:
    """Describe what changed: files, or else the parts that were made again from the same files."""
    kinds = ("added", "changed", "moved", "removed")
    files = [f"{atlas.counts[kind]:,} {kind}" for kind in kinds if atlas.counts[kind]]
    parts = [words for name, words in REPLACED.items() if name in atlas.replaced]
    if files:
        return ", ".join([*files, REPLACED["model"]] if "model" in atlas.replaced else files)
    alone = [words for name, words in REPLACED_ALONE.items() if name in atlas.replaced]
    return ", ".join(parts or alone) or "nothing changed"


def tell_damages(
    before: "Sequence[Damage]", after: "Sequence[Damage]", settings: "Settings", *, repair: bool
) -> None:
    """Print what is wrong with a home, and what is left of it after a repair."""
    for damage in before:
        typer.echo(one_line(f"{damage.where}: {damage.what}"))
    if not after:
        typer.echo(f"{len(before)} repaired" if before else f"{one_line(settings.home_name)} is sound")
    elif repair:
        typer.echo(f"after the repair {len(after)} are left:")
        for damage in after:
            typer.echo(one_line(f"{damage.where}: {damage.what}"))
    else:
        typer.echo("`clipper doctor --repair` makes again what can be made again; the images are not touched")


def print_failures(failures: Sequence[Mapping[Any, Any]], *, as_json: bool) -> None:
    """Print every file that is not on the map, and why."""
    if as_json:
        print_json({"failed": len(failures), "failures": failures})
        return
    if not failures:
        typer.echo("every file is on the map", err=True)
    for failure in failures:
        typer.echo(f"{one_line(failure['id'])}\t{one_line(failure['reason'])}")


def _columns_line(columns: "Sequence[Column]", *, most: int = 20) -> str:
    """Describe the columns with their types, and how many of them each source gives."""
    named = [f"{column.name} ({column.kind})" for column in columns[:most]]
    named += [f"{len(columns) - most} more"] if len(columns) > most else []
    sources = Counter(column.source for column in columns)
    given = ", ".join(f"{source} {count}" for source, count in sources.items())
    return f"columns: {', '.join(named)}; from {given}"


def _list(failures: Mapping[str, str], line: str, *, most: int = 10) -> None:
    for image_id, reason in list(failures.items())[:most]:
        typer.echo("  " + line.format(one_line(image_id), one_line(reason)))
    if len(failures) > most:
        typer.echo(f"  and {len(failures) - most} more: `clipper info --failures`")
