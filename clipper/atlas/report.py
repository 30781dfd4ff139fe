"""A report on a version: its figures, its clusters and what was found, as JSON or as one page of HTML.

The page stands alone: pictures and styles are in it, and it loads nothing. Names and values come from files:
all text is escaped. What does not belong here: finding anything (`findings.py`).
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from clipper.atlas.findings import Finding, find_all
from clipper.atlas.html import thumbnail_url
from clipper.atlas.published import Published

# Pictures of a cluster and of a finding in the page; the JSON names all images of a finding.
FACES, SHOWN = 6, 24

_STYLE = """
:root { color-scheme: light dark; --ink: #171a22; --soft: #5c6474; --paper: #fbfbfd; --card: #fff;
  --line: #e3e6ee; --accent: #4f46e5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ecf2; --soft: #98a1b3; --paper: #101319;
  --card: #181c24; --line: #2a303c; --accent: #a3a5ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 20px 80px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.02em; }
h2 { font-size: 19px; margin: 44px 0 14px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 0; color: var(--soft); }
.grid { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
section.card { margin-bottom: 12px; }
.pictures { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 12px; }
figure { margin: 0; width: 96px; }
figure img { width: 96px; height: 96px; object-fit: contain; display: block; border-radius: 8px;
  background: #fff; border: 1px solid var(--line); }
figure.keep img { outline: 2px solid var(--accent); }
figcaption { font-size: 11px; line-height: 1.35; color: var(--soft); margin-top: 4px; overflow-wrap: anywhere;
  max-height: 4.1em; overflow: hidden; }
.faces img { width: 40px; height: 40px; object-fit: cover; border-radius: 7px; border: 1px solid var(--line);
  background: #fff; }
.group { display: flex; flex-wrap: wrap; gap: 10px; padding: 10px 0; border-top: 1px solid var(--line); }
.group:first-child { border-top: 0; }
.count { color: var(--soft); font-weight: 400; }
"""


def describe(atlas: Published) -> dict[str, Any]:
    """Return the report in types that JSON has: the dataset, its clusters, each finding with its images."""
    return {
        "title": atlas.title,
        "version": atlas.version,
        "indexed_at": atlas.indexed_at.isoformat(),
        "images": len(atlas),
        "failed": len(atlas.failures),
        "clusters": _clusters(atlas),
        "findings": [_finding(atlas, finding) for finding in find_all(atlas)],
    }


def page(atlas: Published) -> str:
    """Return the report as one page of HTML."""
    found = find_all(atlas)
    sections = "".join(_section(atlas, finding) for finding in found)
    clusters = "".join(_card(atlas, cluster) for cluster in _clusters(atlas) if cluster["level"] == 0)
    failed = f", {len(atlas.failures):,} files are no usable image" if len(atlas.failures) else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>{escape(atlas.title)}: report</title><style>{_STYLE}</style><main>"
        f"<h1>{escape(atlas.title)}</h1><p>{len(atlas):,} images{failed}; indexed "
        f"{atlas.indexed_at:%Y-%m-%d %H:%M} UTC; version {escape(atlas.version)}</p>"
        f"<h2>Found</h2>{sections or '<p>Nothing that asks for a look.</p>'}"
        f"<h2>What is in it</h2><div class=grid>{clusters or '<p>No clusters.</p>'}</div></main></html>\n"
    )


def _clusters(atlas: Published) -> list[dict[str, Any]]:
    clusters, names = atlas.clusters, atlas.cluster_names
    if clusters is None:
        return []
    return [
        {
            "cluster": int(clusters.ids[c]),
            "level": int(clusters.levels[c]),
            "name": names[c],
            "images": int(clusters.sizes[c]),
            "parent": int(clusters.ids[clusters.parents[c]]) if clusters.parents[c] >= 0 else None,
            "representatives": [atlas.ids[row] for row in clusters.representatives[c].tolist() if row >= 0],
        }
        for c in range(len(clusters))
    ]


def _finding(atlas: Published, finding: Finding) -> dict[str, Any]:
    rows = finding.rows.tolist()
    images: list[dict[str, Any]] = [{"id": atlas.ids[row]} for row in rows]
    for at, image in enumerate(images):
        if finding.notes:
            image["note"] = finding.notes[at]
        if finding.groups is not None:
            image["group"] = int(finding.groups[at])
        if finding.keep is not None:
            image["keep"] = bool(finding.keep[at])
    return {"key": finding.key, "title": finding.title, "detail": finding.detail, "images": images}


def _section(atlas: Published, finding: Finding) -> str:
    """Return a finding as a card: its groups one below the other, or its images in rows."""
    order = range(min(len(finding.rows), SHOWN))
    if finding.groups is None:
        pictures = f"<div class=pictures>{''.join(_figure(atlas, finding, at) for at in order)}</div>"
    else:
        groups: dict[int, list[int]] = {}
        for at in order:
            groups.setdefault(int(finding.groups[at]), []).append(at)
        pictures = "".join(_group(atlas, finding, members) for members in groups.values())
    more = len(finding.rows) - len(order)
    rest = f"<p>and {more:,} more images: `clipper report --json` names them all</p>" if more > 0 else ""
    head = f"<h3>{escape(finding.title)}</h3><p>{escape(finding.detail)}</p>"
    return f"<section class=card>{head}{pictures}{rest}</section>"


def _group(atlas: Published, finding: Finding, members: Sequence[int]) -> str:
    return f"<div class=group>{''.join(_figure(atlas, finding, at) for at in members)}</div>"


def _figure(atlas: Published, finding: Finding, at: int) -> str:
    row = int(finding.rows[at])
    kept = " class=keep" if finding.keep is not None and finding.keep[at] else ""
    note = f"<br>{escape(finding.notes[at])}" if finding.notes else ""
    caption = f"<figcaption>{escape(atlas.ids[row])}{note}</figcaption>"
    return f"<figure{kept}>{_picture(atlas, row)}{caption}</figure>"


def _card(atlas: Published, cluster: dict[str, Any]) -> str:
    """Return a cluster of the coarsest level with its faces."""
    faces = [_picture(atlas, atlas.row(image)) for image in cluster["representatives"][:FACES]]
    name = escape(cluster["name"]) or "(no word is true)"
    return (
        f"<div class=card><h3>{name} <span class=count>{cluster['images']:,}</span></h3>"
        f'<div class="pictures faces">{"".join(faces)}</div></div>'
    )


def _picture(atlas: Published, row: int) -> str:
    name = escape(atlas.name(row), quote=True)
    return f'<img alt="{name}" src="{thumbnail_url(atlas, row)}">'
