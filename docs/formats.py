"""Write `docs/formats.md`: what Clipper reads, found out by reading one of each.

    python docs/formats.py

Every format has a file in `FORMATS` of `tests/clipper/every_format.py`, and every layout of archives,
metadata or labels a row in `layouts.py`. The page is written only if Clipper reads them all; a test compares
it with what this script writes.
"""

import json
import sys
import tempfile
import textwrap
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs"), str(ROOT / "tests" / "clipper")]

from every_format import FORMATS  # noqa: E402
from layouts import LAYOUTS, Layout  # noqa: E402

import clipper  # noqa: E402
from clipper.images import formats  # noqa: E402
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file  # noqa: E402
from clipper.sandbox.process import Sandbox  # noqa: E402
from viewer.server.image_route import BROWSER_TYPES  # noqa: E402

PAGE = ROOT / "docs" / "formats.md"
WIDTH = 118
MODEL = ROOT / "data" / "models" / "clip-emoji"
# What is worth knowing about a format, beside its ending.
NOTES = {
    "JPEG": "progressive and CMYK too",
    "MPO": "the first of its pictures",
    "GIF": "of an animation the first frame",
    "TIFF": "of several pages the first; also floats, any integers and many bands, of which the first three",
    "HEIF": "the photos of phones, upright as they are stored",
    "JXL": "by pylibjxl, which has no wheel for Linux on ARM",
    "PSD": "the picture that Photoshop stores of all layers",
    "DIB": "a BMP with a JPEG or PNG in it",
    "HDR": "all but the brightest hundredth of its light is told apart",
    "FITS": "stretched over the range of its values",
}
RAW = "its largest preview; without one, developed if `clipper[raw]` is installed"


def page() -> str:
    """Read one of each, and return the page.

    Raises:
        SystemExit: something is not read as it should be.
    """
    unread = ", ".join(f"{name} (`{endings}`)" for name, endings in _unread())
    parts = [
        "# What Clipper reads",
        _wrapped(
            "`python docs/formats.py` writes this page. It reads one file of each format, and a folder of "
            "each layout, and stops if one is not read as the page says."
        ),
        "## Images",
        _wrapped(
            "The first bytes of a file decide what it is, whatever its ending. Each is decoded in a process "
            "of its own, within limits on memory and time. The first column is the value of `format`."
        ),
        _table(("format", "endings", "in the viewer", ""), _format_rows()),
        _wrapped(
            "On this machine, files without an ending, or with one that stands in no list, are images too if "
            "they begin as one. Behind a URL only the ending counts, since each look would be a request."
        ),
        _wrapped(f"These are named with a reason and not read: {unread}."),
        _wrapped(
            "EPS, PDF and Windows metafiles would start another program, and SVG can fetch what it names: "
            "Clipper will never open them."
        ),
    ]
    for title, layouts in LAYOUTS.items():
        parts += [f"## {title}", _table(("layout", "how it is read"), _layout_rows(layouts))]
    return "\n\n".join(parts) + "\n"


def _format_rows() -> list[tuple[str, ...]]:
    request = DecodeRequest(max_bytes=1 << 29, max_pixels=178_000_000)
    seen: dict[str, list[str]] = {}
    with Sandbox(decode_file, seconds=60) as child:
        for name, (make, kind) in FORMATS.items():
            found = DecodeResult.from_message(child.ask(request.to_json(), [make()]), request)
            if found.facts is None or json.loads(found.facts)["format"] != kind:
                raise SystemExit(f"{name} is not read as {kind}: {found.reason or found.facts}")
            seen.setdefault(kind, []).append(formats.ending_of(name))
    return [_format_row(kind, endings) for kind, endings in seen.items()]


def _format_row(kind: str, endings: list[str]) -> tuple[str, ...]:
    group = next((listed for listed in formats.READABLE if endings[0][1:] in listed[1].split()), None)
    is_raw = group is not None and group[0] == formats.RAW
    all_endings = endings[0][1:] if is_raw or group is None else group[1]
    note = RAW if is_raw else NOTES.get(kind, "")
    if group is None:
        note = f"{note}; found by its first bytes".removeprefix("; ")
    shown = "as it is" if kind in BROWSER_TYPES else "converted"
    return kind, f"`{all_endings}`", shown, note


def _unread() -> list[tuple[str, str]]:
    return [(name, endings) for name, _, endings in formats.UNREAD]


def _layout_rows(layouts: tuple[Layout, ...]) -> list[tuple[str, ...]]:
    for layout in layouts:
        with tempfile.TemporaryDirectory() as folder:
            _check(layout, Path(folder))
    return [(layout.name, layout.how) for layout in layouts]


def _check(layout: Layout, folder: Path) -> None:
    for number, (name, data) in enumerate(layout.files.items()):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if not data:
            Image.new("RGB", (40 + number, 30), (50 * number, 90, 160)).save(path)
    with clipper.index(folder / "images", home=folder / "home", model=str(MODEL), progress=False) as atlas:
        for image_id, values in layout.expected.items():
            row = atlas.metadata.loc[image_id]
            for column, value in values.items():
                if column not in row or row[column] != value:
                    raise SystemExit(
                        f"{layout.name}: {column} of {image_id} is {row.get(column)}, not {value}"
                    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)}: {len(FORMATS)} files, {sum(map(len, LAYOUTS.values()))} layouts")
