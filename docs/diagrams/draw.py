"""Draw the diagrams of `docs/architecture.md`: `python docs/diagrams/draw.py` writes them beside this file.

They are SVG images that follow the reader's light or dark theme by themselves. `tests/test_docs.py` compares
the wings drawn here with those there are, and with the order that `tests/test_layers.py` enforces.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
WIDTH = 760
GAP, PAD = 7, 14  # between boxes; within a frame

Row = list[tuple[str, str]]  # names and notes of boxes side by side

PIPELINES: list[Row] = [
    [("definitions", "")],
    [("automation", "")],
    [("checks, freshness", "")],
    [("assets/", "")],
    [("history", "")],
    [("resources, config", "")],
    [("naming", "")],
    [("failures", "")],
    [("running/", "")],
    [("presentation, previews", "")],
    [("compat", "")],
]
VIEWER: list[Row] = [
    [("__main__, main, app_hooks", "the server, and what Panel starts in it")],
    [("app", "the page, put together"), ("server/", "routes, access")],
    [("server/processes/", "several at one address")],
    [("components/side/", "results, filters, selection, tags"), ("components/beside/", "another map")],
    [("components/lists/", "table"), ("components/axes/", "axes of meaning")],
    [
        ("components/map/", "legend, lasso"),
        ("components/page/", "bar, keys"),
        ("components/layout/", "panels, tabs"),
    ],
    [("components/", "what they share")],
    [("session/workers/", "filters, tags, names, words, in the background")],
    [("session/", "one visitor: state, searches, selection")],
    [
        ("render/", "points to pixels"),
        ("dataset/findings/", "found"),
        ("dataset/axes/", "layouts"),
    ],
    [("dataset/", "an atlas as arrays")],
    [("dataset/columns/", "filters"), ("dataset/geometry/", "regions")],
    [("theme, pools, homes, compat", "look; threads; Panel's inside")],
]
CLIPPER: list[Row] = [
    [("cli/", "the clipper command")],
    [("doctor/", "finds damage and repairs it")],
    [("indexing/", "a run: its steps, checks, publishing")],
    [
        ("indexing/contents/", "decode, embed"),
        ("indexing/files/", "content hashes"),
        ("indexing/insights/", "clusters, copies"),
    ],
    [("indexing/cluster/", "tasks for workers of Dask")],
    [("indexing/staging/", "the home that a run writes")],
    [("atlas/", "a published atlas, opened: search, points, images, tags")],
    [("atlas/given/", "what people gave: views"), ("notebook/", "the page in a cell")],
    [("export/", "for others"), ("export/page/", "a page that stands alone")],
    [("export/drawing/", "pictures"), ("export/formats/", "folders and tables")],
    [("chroma/", "the collection"), ("models/", "images and texts to vectors")],
    [("models/engines/", "precisions, measured"), ("models/families/", "each kind of model")],
    [("insight/, insight/clustering/, insight/doubles/, insight/words/", "what is there")],
    [("store/parts/", "parts of several tables"), ("store/given/", "what people gave")],
    [("similarity/", "vectors in a quarter of their bytes, and exact results")],
    [("store/", "the files of a home"), ("annotations/", "labels to objects")],
    [("store/columns/", "a million files as columns")],
    [("annotations/formats/", "a module for each format of labels")],
    [("metadata/", "files, folders, EXIF to columns")],
    [("metadata/keys/", "which image a row means")],
    [("metadata/values/", "types, numbers, times")],
    [("images/archives/", "images in tar, zip, tables")],
    [("projection/", "the map: fit, place, refit"), ("images/", "folder, formats, decoding")],
    [("projection/forces/", "where points move")],
    [("projection/search/", "who is near whom")],
    [
        ("images/decoders/", "which library opens a file"),
        ("images/picture/", "colours, pixels"),
        ("images/files/", "what was found"),
    ],
    [("images/decoders/tiff/", "tags and codecs of TIFFs")],
    [("sandbox/", "a function in a child process")],
    [("predicate/", "a filter as text"), ("query", "what is asked")],
    [("columns", "Arrow and numpy")],
    [("query_syntax, query_filter, settings", "what a person writes")],
    [("mirror/", "a home on an object store, and its local copy")],
    [("hashing, text, caches, access, network, threads, system, errors", "")],
]

STYLE = """\
  <style>
    svg {
      color-scheme: light dark;
      font-family: "Inter Variable", Inter, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
    }
    .frame { fill: #f5f6f9; stroke: #dfe2ea; }
    .box { fill: #ffffff; stroke: #cfd5e2; }
    .strong { fill: #eeedff; stroke: #4f46e5; }
    .name { fill: #171a22; font-size: 14px; font-weight: 600; }
    .head { fill: #4f46e5; font-size: 15px; font-weight: 700; }
    .note { fill: #5c6474; font-size: 12px; }
    .arrow { fill: none; stroke: #7a8294; stroke-width: 1.5; marker-end: url(#tip); }
    .tip { fill: #7a8294; }
    @media (prefers-color-scheme: dark) {
      .frame { fill: #14171e; stroke: #272c37; }
      .box { fill: #1c2029; stroke: #343b49; }
      .strong { fill: #25264a; stroke: #8b8dff; }
      .name { fill: #e9ecf2; }
      .head { fill: #a3a5ff; }
      .note { fill: #98a1b3; }
      .arrow { stroke: #7d879b; }
      .tip { fill: #7d879b; }
    }
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
      <path class="tip" d="M0 0.5L8 4L0 7.5z"/>
    </marker>
  </defs>"""


class Drawing:
    """An SVG image that is drawn from the top down."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box") -> None:
        """Draw a rectangle; `kind` is its class in the style sheet."""
        size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.parts.append(f'  <rect class="{kind}" {size} rx="{12 if kind == "frame" else 8}"/>')

    def line(self, x: float, y: float, name: str, note: str, kind: str = "name") -> None:
        """Write a name, and a note behind it."""
        behind = f'<tspan class="note" dx="9">{note}</tspan>' if note else ""
        self.parts.append(f'  <text x="{x:g}" y="{y:g}"><tspan class="{kind}">{name}</tspan>{behind}</text>')

    def arrow(self, x: float, top: float, bottom: float) -> None:
        """Draw an arrow that points down."""
        self.parts.append(f'  <path class="arrow" d="M{x:g} {top:g}V{bottom:g}"/>')

    def card(self, x: float, y: float, width: float, name: str, note: str, *, kind: str = "box") -> None:
        """Draw a box of 54 pixels with a name, and a note below it."""
        self.box(x, y, width, 54, kind)
        self.parts.append(f'  <text class="name" x="{x + 12:g}" y="{y + 24:g}">{name}</text>')
        self.parts.append(f'  <text class="note" x="{x + 12:g}" y="{y + 41:g}">{note}</text>')

    def package(self, x: float, y: float, width: float, name: str, note: str, *, rows: list[Row]) -> float:
        """Draw a package as a frame with a row of boxes for each floor; return the frame's height."""
        row_height = 36
        height = 38 + len(rows) * (row_height + GAP) - GAP + PAD
        self.parts.append(f"  <!-- {name} -->")
        self.box(x + 0.5, y + 0.5, width - 1, height, "frame")
        self.line(x + PAD, y + 25, name, note, "head")
        for floor, row in enumerate(rows):
            top = y + 38 + floor * (row_height + GAP)
            box_width = (width - 2 * PAD - GAP * (len(row) - 1)) / len(row)
            for place, (title, about) in enumerate(row):
                left = x + PAD + place * (box_width + GAP)
                self.box(left, top, box_width, row_height)
                self.line(left + 12, top + 23, title, about)
        return height

    def write(self, path: Path, height: float) -> None:
        """Write the image."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">'
        text = "\n".join([head, f"  <title>{self.title}</title>", STYLE, *self.parts, "</svg>"])
        path.write_text(text + "\n", "utf-8")


def draw_wings(path: Path) -> None:
    """Draw the three packages and their wings; imports point down."""
    drawing = Drawing("The wings of Clipper. Each imports only from wings below it.")
    side = 202
    viewer = side + 24
    height = drawing.package(viewer, 0, WIDTH - viewer, "viewer/", "reads an atlas", rows=VIEWER)
    drawing.package(0, 0, side, "pipelines/", "writes an atlas", rows=PIPELINES)
    core = height + 36
    for middle in (side / 2, (viewer + WIDTH) / 2):
        drawing.arrow(middle, height + 4, core - 5)
    height = drawing.package(0, core, WIDTH, "clipper/", "the core: knows neither of them", rows=CLIPPER)
    drawing.write(path, core + height + 1)


def draw_way(path: Path) -> None:
    """Draw the steps from the images folder to the atlas and those who read it."""
    drawing = Drawing("The way of an image from a file to the map.")
    width, step = 236, 88  # of a card; from one row of cards to the next
    left, middle, right = 14.0, 262.0, 510.0
    centre = {x: x + width / 2 for x in (left, middle, right)}
    drawing.card(220, 1, 320, "images folder", "image files; metadata.json, .jsonl, .csv, .parquet")
    drawing.arrow(380, 58, 85)
    drawing.card(220, 1 + step, 320, "image_manifest", "path, content hash, size and time")
    drawing.arrow(380, 146, 183)
    drawing.box(0.5, 187, WIDTH - 1, 102, "frame")
    drawing.parts.append(
        '  <text class="note" x="14" y="209">Each new content is decoded once, in a child process</text>'
    )
    drawing.card(left, 221, width, "clip_embeddings", "one unit vector an image")
    drawing.card(middle, 221, width, "image_facts", "size, format, EXIF, or the failure")
    drawing.card(right, 221, width, "thumbnails", "a small WebP")
    drawing.arrow(centre[left], 292, 319)
    drawing.arrow(centre[middle], 292, 407)
    drawing.card(left, 323, width, "image_neighbours", "each image's nearest others")
    drawing.arrow(centre[left], 380, 407)
    drawing.card(left, 411, width, "umap_projection", "x and y of each image")
    drawing.card(middle, 411, width, "image_metadata", "typed columns")
    for x in (left, middle):
        drawing.arrow(centre[x], 468, 495)
    drawing.card(left, 499, 484, "chroma_collection", "a row for each image: vector, metadata, position")
    drawing.arrow(256, 556, 583)
    drawing.arrow(centre[right], 292, 583)
    publishes = "checks the staged parts, then names one version of each in current.json, by one rename"
    drawing.card(left, 587, 732, "atlas", publishes, kind="strong")
    readers = (
        ("viewer", "the map in a browser"),
        ("clipper search", "the command"),
        ("clipper.open", "Python"),
    )
    for x, (name, note) in zip((left, middle, right), readers, strict=True):
        drawing.arrow(centre[x], 644, 671)
        drawing.card(x, 675, width, name, note)
    drawing.write(path, 730)


if __name__ == "__main__":
    draw_wings(FOLDER / "wings.svg")
    draw_way(FOLDER / "image.svg")
