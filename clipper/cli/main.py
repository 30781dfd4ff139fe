"""The `clipper` command. Results go to standard output, progress and errors to standard error.

What does not belong here: anything that `import clipper` cannot do too.
"""

import io
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from clipper.cli import interrupt
from clipper.cli.clusters import name_cluster
from clipper.cli.coverage import coverage
from clipper.cli.export import export
from clipper.cli.free_text import FREE_TEXT, part_text
from clipper.cli.options import Home, Json, Model, read_filter
from clipper.cli.output import (
    describe,
    one_line,
    print_failures,
    print_json,
    summarise,
    tell_damages,
)
from clipper.cli.report import check_kinds, tell_report, write_page
from clipper.cli.view import view
from clipper.errors import BadImageError, ClipperError, PredicateError
from clipper.images.decode import read_file
from clipper.settings import Settings

app = typer.Typer(
    help="See and search an image dataset.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.command()(coverage)
app.command()(export)
app.command()(name_cluster)
app.command()(view)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """See and search an image dataset."""  # `main` takes --debug from anywhere on the line


@app.command()
def index(
    images: Annotated[
        str | None, typer.Argument(help="Folder or URL of images; clipper.toml's when left out.")
    ] = None,
    home: Home = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model of the hub, or a folder; given again, a further one.", metavar="MODEL"),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per forward pass.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run to end.")] = 0.0,
    verify: Annotated[bool, typer.Option("--verify", help="Hash every file again.")] = False,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="More than half of the images may be gone.")
    ] = False,
) -> None:
    """Bring the atlas up to date: one incremental pass over the images."""
    from clipper.indexing import run

    settings, steps = run.index_images(
        images,
        home=home,
        model=model or None,
        wait=wait,
        batch_size=batch_size,
        verify=verify or None,
        allow_shrink=allow_shrink or None,
    )
    summarise({step.name: step for step in steps}, settings)


@app.command()
def search(
    words: Annotated[
        list[str] | None, typer.Argument(help='Words; -words for less of them; "phrases"; like:ID.')
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100_000, help="How many.")] = 20,
    image: Annotated[Path | None, typer.Option(help="Look for what is like this image.")] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="A filter by metadata, scores or cluster: 'year > 2010', or Chroma's or a link's JSON.",
            metavar="FILTER",
        ),
    ] = None,
    model: Model = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Rank images by a text, by an image, or by both together.

    In `dog -indoor "red car"^2 like:pets/rex.jpg` a minus asks for less, quotes keep a phrase, `^2` is a
    weight. Before a query that starts with two minus signs, write `--`. The first figure is the cosine; with
    words alone the second is the model's score, of 100: CLIPScore, or SigLIP's probability of a match.
    """
    from clipper.atlas.engine import SearchEngine
    from clipper.query import Query

    text = " ".join(words or [])  # quotes around them are for the shell, and may be left out
    atlas = SearchEngine(Settings.load(home), model=model)
    data = _read(image, most=atlas.settings.max_bytes)
    try:
        query = Query(text=text, image=data, where=read_filter(where))
        hits = atlas.rank(query, k=k)
    except BadImageError as error:
        raise ClipperError(f"{image} {error}") from error
    rows, similarity, scores = hits.rows.tolist(), hits.similarity.tolist(), hits.figures
    found = [
        {
            "id": atlas.ids[row],
            "path": atlas.path(row),
            "similarity": round(value, 6),
            **({"score": scores[at]} if scores else {}),
            "x": float(atlas.xy[row, 0]),
            "y": float(atlas.xy[row, 1]),
            "metadata": atlas.metadata(row),
        }
        for at, (row, value) in enumerate(zip(rows, similarity, strict=True))
    ]
    in_parts = atlas.long_texts(query)
    if as_json:
        told: dict[str, Any] = {"parts": in_parts} if in_parts else {}
        told |= {"scale": f"{hits.scale.name}, of 100"} if scores else {}
        print_json({"query": text or str(image), "x": hits.x, "y": hits.y, "hits": found, **told})
        return
    for parts in in_parts.values():
        typer.echo(
            f"note: the text is longer than the model reads at once; it was searched in {parts} parts, "
            "which count by their length",
            err=True,
        )
    if not found:
        none = "no image satisfies the filter" if len(atlas) else "the atlas has no images"
        typer.echo(none, err=True)
    for hit in found:
        score = f"{hit['score']:>7g}" if scores else ""
        typer.echo(f"{hit['similarity']:.3f}{score}  {one_line(str(hit['path']))}")


@app.command()
def info(
    as_json: Json = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="Only the files that are not on the map, all of them, and why.")
    ] = False,
    model: Model = None,
    home: Home = None,
) -> None:
    """What is indexed: images, failures, model, versions, when."""
    from clipper.atlas.engine import SearchEngine

    atlas = SearchEngine(Settings.load(home), model=model)
    if failures:
        print_failures(atlas.failures.to_dict("records"), as_json=as_json)
        return
    known = atlas.info()
    if as_json:
        print_json(known | {"failures": atlas.failures.to_dict("records")})
        return
    for name, value in describe(known, atlas.columns.values(), atlas.indexed_at):
        typer.echo(f"{name:<8} {one_line(value)}")
    for failure in atlas.failures.head(10).itertuples():
        typer.echo(f"  skipped {one_line(str(failure.id))}: {one_line(str(failure.reason))}")
    if len(atlas.failures) > 10:  # noqa: PLR2004 - as many as shown above
        typer.echo(f"  and {len(atlas.failures) - 10} more (`clipper info --failures` has all)")


@app.command()
def report(
    as_json: Json = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one page that stands alone.", metavar="FILE")
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Findings that end the command with 1, such as duplicates,leaks.")
    ] = "",
    model: Model = None,
    home: Home = None,
) -> None:
    """What is in the dataset, and what is odd in it: clusters, duplicates, leaks."""
    from clipper.atlas import report as reports
    from clipper.atlas.engine import SearchEngine

    atlas = SearchEngine(Settings.load(home), model=model)
    unwanted = check_kinds(fail_on)
    found = reports.describe(atlas)
    if html is not None:
        write_page(html, reports.page(atlas))
    if as_json:
        print_json(found)
    else:
        tell_report(found, page=html)
    if any(finding["key"].partition(":")[0] in unwanted for finding in found["findings"]):
        raise typer.Exit(1)


@app.command()
def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Delete what is damaged and make it again.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run to end.")] = 0.0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Examine everything in the store against its checksums, its other parts and Chroma."""
    from clipper.doctor import repair as doctors
    from clipper.indexing.run import progress_bar

    settings = Settings.load(home)
    if repair:
        with progress_bar() as progress:
            found = doctors.repair(settings, progress=progress, wait=wait)
    else:
        found = doctors.diagnose(settings, wait=wait)
    if as_json:
        damages = {
            name: [{"where": d.where, "what": d.what} for d in getattr(found, name)]
            for name in ("before", "after")
        }
        print_json({"home": settings.home_name, "sound": not found.after, **damages})
    else:
        tell_damages(found.before, found.after, settings, repair=repair)
    if found.after:
        raise typer.Exit(1)


def main() -> None:
    """Run the command. An error that a person can mend is one line; `--debug` shows the traceback of any."""
    try:
        _run(sys.argv[1:] or ["--help"])
    except KeyboardInterrupt:  # also while an error is being told
        interrupt.leave()


def _run(arguments: Sequence[str]) -> NoReturn:
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):  # a name with letters that the terminal has not ends no command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Pillow warns of odd EXIF on many lines, and of no file by name.
    warnings.filterwarnings("ignore", module="PIL")
    words = [word for word in arguments if word != "--debug"]
    commands: Mapping[str, object] = {}
    try:
        commands = getattr(typer.main.get_command(app), "commands", {})
        code = app(args=part_text(words, commands), standalone_mode=False)
    except typer.Abort:
        interrupt.leave()
    except Exception as error:
        if interrupt.was_stopped():  # a library made another error of it
            interrupt.leave()
        if debug:
            raise
        _fail(error, words, commands)
    if code == interrupt.INTERRUPTED or interrupt.was_stopped():  # typer makes an exit code of Ctrl-C
        interrupt.leave()
    interrupt.finish(code if isinstance(code, int) else 0)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception, words: Sequence[str], commands: Mapping[str, object]) -> NoReturn:
    """Say in one line what is wrong, and end: with 2 for a mistake in the command line, else with 1."""
    if message := getattr(error, "format_message", None):  # the words of the command line itself
        named = words[0] if words and words[0] in commands else ""
        way_out = f"see `clipper {named} --help`" if named else "see `clipper --help`"
        if named in FREE_TEXT and "No such option" in message():
            way_out = f"for a text that begins like this: `clipper {named} -- TEXT`; {way_out}"
        if named == "index" and "unexpected extra argument" in message():
            way_out = f"write a pattern of archives in quotes: 'shards/*.tar'; {way_out}"
        typer.echo(f"clipper: {one_line(message())} ({way_out})", err=True)
        sys.exit(2)
    if isinstance(error, PredicateError):
        text = f"--where: {error}"
    elif isinstance(error, ClipperError):
        text = str(error)
    elif isinstance(error, PermissionError) and error.filename:
        text = f"{error.filename} cannot be used: {error.strerror}"
    elif isinstance(error, ModuleNotFoundError):
        text = f"the package {error.name} is not installed, and Clipper needs it; install Clipper anew"
    elif isinstance(error, UnicodeEncodeError):
        text = _no_letters(error)
    else:
        text = f"{type(error).__name__}: {error} (--debug shows the traceback)"
    typer.echo(f"clipper: {one_line(text)}", err=True)
    sys.exit(1)


def _no_letters(error: UnicodeEncodeError) -> str:
    """Say what to do about a text that is none, or that the locale has no letters for: mostly a path."""
    end = error.object.find(os.sep, error.end)  # of the folder that is meant
    text = error.object[: end if end > 0 else None]
    try:
        shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a letter, as JSON may hold
        shown = text.encode("utf-8", "backslashreplace").decode()
    if sys.getfilesystemencoding() == "utf-8":
        return f"{shown} is not valid UTF-8; {'rename it' if os.sep in text else 'type it anew'}"
    return f"{shown} has letters that the locale of this session has not; set LC_ALL=C.UTF-8, or PYTHONUTF8=1"


def _read(image: Path | None, *, most: int) -> bytes | None:
    if image is None:
        return None
    try:
        return read_file(str(image.expanduser()), max_bytes=most)
    except BadImageError as error:
        raise ClipperError(f"{image} {error}") from error
    except OSError as error:
        raise ClipperError(f"{image} cannot be read: {error.strerror}") from error


if __name__ == "__main__":
    main()
