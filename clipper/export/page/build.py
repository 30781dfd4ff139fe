"""Make a page of a dataset that needs no server of ours: a folder, or one file.

A page that is opened from a disk may not fetch files, but it may run scripts: so the data are scripts, beside
the page or within it. What does not belong here: what the data are (`data.py`).
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from clipper.errors import ClipperError
from clipper.export.formats.dataset import Selection
from clipper.export.formats.writing import atomic_file, atomic_folder
from clipper.export.page import data, sheets
from clipper.export.page.words import Searchable, nearest_images
from clipper.text import one_line

MOST_SINGLE = 20_000  # images of a page that is one file
# Each module after those that it imports: joined, they are one script.
MODULES = ("parts", "sheets", "camera", "paint", "charts", "search", "app")
_STATIC = Path(__file__).parent / "static"
# Takes the data; a file of data may come before the page's own script runs.
_TAKE = "globalThis.clipperParts=new Map();globalThis.clipperData=(k,v)=>{clipperParts.set(k,v)}"
_IMPORT = re.compile(r'^import [^"]*"\./\w+\.js"\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|function|async)", re.MULTILINE)


def write_folder_page(atlas: Searchable, selection: Selection, target: Path, *, force: bool = False) -> None:
    """Write a page as a folder: index.html, its data and its thumbnails, which it loads when it needs them.

    Raises:
        ClipperError: there is something at `target`, or it cannot be written.
    """
    ordered = _ordered(atlas, selection)
    with atomic_folder(target, force=force) as folder:
        for name in ("data", "thumbs"):
            (folder / name).mkdir()
        for key, value in _parts(atlas, ordered, single=False):
            (folder / "data" / f"{key}.js").write_text(data.script(key, value), "utf-8")
        for number, sheet in enumerate(_sheets(atlas, ordered)):
            (folder / "thumbs" / f"{number}.webp").write_bytes(sheet)
        (folder / "index.html").write_text("".join(_page(atlas.title, [], single=False)), "utf-8")


def write_single_page(atlas: Searchable, selection: Selection, target: Path, *, force: bool = False) -> None:
    """Write a page as one file of HTML.

    Raises:
        ClipperError: there are too many images for one file, there is something at `target`, or it cannot be
            written.
    """
    n = len(selection.rows)
    if n > MOST_SINGLE:
        raise ClipperError(f"one file holds {MOST_SINGLE:,} images, not {n:,}; leave out --single-file")
    ordered = _ordered(atlas, selection)
    scripts = [data.script(key, value) for key, value in _parts(atlas, ordered, single=True)]
    for number, sheet in enumerate(_sheets(atlas, ordered)):
        url = f"data:image/webp;base64,{base64.b64encode(sheet).decode()}"
        scripts.append(data.script(f"sheet-{number}", url))
    with atomic_file(target, force=force) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_page(atlas.title, scripts, single=True))


def _ordered(atlas: Searchable, selection: Selection) -> Selection:
    """Return the same images, neighbours on the map one after another.

    Raises:
        ClipperError: there are none.
    """
    if not len(selection.rows):
        raise ClipperError("no image is left to export")
    rows = selection.rows[sheets.order(atlas.xy[selection.rows])]
    return Selection(
        selection.dataset, rows, selection.tags, tagged=selection.tagged, every_column=selection.every_column
    )


def _parts(atlas: Searchable, selection: Selection, *, single: bool) -> Iterator[tuple[str, object]]:
    """Yield the parts of the data, by the key under which the page asks for them."""
    import numpy as np

    abouts = []
    for number, (about, cells) in enumerate(data.columns(atlas, selection)):
        abouts.append(about)
        yield f"column-{number}", cells
    n = len(selection.rows)
    main = data.describe(atlas, selection) | {"columns": abouts, "single": single}
    yield "main", main | {"cell": sheets.cell_size(n), "sheets": -(-n // sheets.SIDE**2)}
    yield "positions", data.positions(atlas, selection)
    yield "faces", data.faces(atlas, selection)
    for number, texts in enumerate(data.texts(atlas, selection)):
        yield f"texts-{number}", texts
    words, rows, why = nearest_images(atlas, selection)
    joined = np.concatenate(rows).astype("<u4") if rows else np.empty(0, "<u4")
    counts = [len(one) for one in rows]
    yield "words", {"words": words, "counts": counts, "rows": data.packed(joined), "why": one_line(why)}


def _sheets(atlas: Searchable, selection: Selection) -> Iterator[bytes]:
    return sheets.draw(atlas, selection.rows, sheets.cell_size(len(selection.rows)))


def _page(title: str, scripts: list[str], *, single: bool) -> Iterator[str]:
    """Yield the page; its policy lets it run its own scripts alone, and ask no other host for anything."""
    style, app, body = (_read("page.css"), joined_script(), _read("page.html"))
    allowed = " ".join(_hash(text) for text in (_TAKE, app, *scripts))
    beside = "" if single else " 'self' file:"
    policy = (
        f"default-src 'none'; img-src data:{beside}; script-src {allowed}{beside}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="generator" content="Clipper">\n<link rel="icon" href="data:,">\n'
    yield f"<title>{escape(one_line(title))}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}"
    yield f"<script>{_TAKE}</script>\n"
    for text in scripts:
        yield f"<script>{text}</script>\n"
    yield f'<script type="module">{app}</script>\n</body>\n</html>\n'


def joined_script() -> str:
    """Return the page's modules as one: each name in them is used once."""
    texts = (_read(f"{name}.js") for name in MODULES)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


def _hash(text: str) -> str:
    """Return the source expression of a script or a style in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (_STATIC / name).read_text("utf-8")
