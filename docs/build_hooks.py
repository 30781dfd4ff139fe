"""Hooks of the documentation site's build, which `mkdocs.yml` names.

They make pages of notebooks and of Markdown files outside `docs/`, rewrite links so that each works in the
repository and on the site, show the pictures of the theme in use, leave out what docstrings say to
developers, and refuse a site that loads anything from another host.

What does not belong here: text, and what the site looks like (`assets/site.css`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Files of the repository that are part of the site, and where each is on it.
ADDED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "data/sample/README.md": "sample.md",
    "data/models/clip-emoji/README.md": "sample-model.md",
    "data/vocabulary/README.md": "vocabulary.md",
    "LICENSE": "LICENSE",
    "viewer/static/logo.svg": "assets/logo.svg",
    "viewer/static/inter-latin-wght-normal.woff2": "assets/inter-latin-wght-normal.woff2",
    "viewer/static/inter-latin-ext-wght-normal.woff2": "assets/inter-latin-ext-wght-normal.woff2",
    "viewer/static/inter-LICENSE.txt": "assets/inter-LICENSE.txt",
}

NOTEBOOKS = ROOT / "docs" / "notebooks"

_LINK = re.compile(r"\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
# A picture for each colour scheme, as GitHub shows it.
_PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)
_FOR_DEVELOPERS = re.compile(r"<p>What does not belong here:.*?</p>", re.DOTALL)
# What a browser fetches by itself when it opens a page or a style sheet.
_FETCHED = re.compile(
    r"""(?:\bsrc(?:set)?=|<link\b[^>]*\bhref=|\burl\(|@import\s)\s*["']?\s*((?:https?:)?//[^"'\s)>]+)""",
    re.IGNORECASE,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that lie outside `docs/`, and a page for each notebook."""
    for source, page in ADDED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        text = notebook_page(json.loads(notebook.read_text("utf-8")))
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=text))
    return files


def notebook_page(notebook: Mapping[str, Any]) -> str:
    """Write a notebook of format 4, with the outputs stored in it, as Markdown."""
    return "\n\n".join(part.strip() for cell in notebook["cells"] for part in _cell(cell)) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield _output(output)


def _output(output: Mapping[str, Any]) -> str:
    """Write one output in the richest of its forms that a page can show."""
    data = output.get("data", {})
    if "text/html" in data:
        lines = "".join(data["text/html"]).splitlines()  # a blank line would end the block of HTML
        return "\n".join(['<div class="output">', *filter(str.strip, lines), "</div>"])
    if "image/png" in data:
        picture = "".join("".join(data["image/png"]).split())
        return f'<img alt="Output" src="data:image/png;base64,{picture}">'
    text = "".join(data.get("text/plain", output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn the repository's pictures and links into the site's."""
    written = page.file.abs_src_path  # None: made of a notebook
    source = Path(written).relative_to(ROOT).as_posix() if written else f"docs/{page.file.src_uri}"
    markdown = _PICTURE.sub(
        r"[![\g<alt>](\g<light>#only-light)](\g<light>)[![\g<alt>](\g<dark>#only-dark)](\g<dark>)", markdown
    )
    return _LINK.sub(lambda link: _site_link(link, source, page.file.src_uri), markdown)


def _site_link(link: re.Match[str], source: str, page: str) -> str:
    """Write a link of the repository file `source` as one of the site's page `page`."""
    target = normpath(PurePosixPath(source).parent / link["target"])
    on_site = ADDED.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if on_site is None or not (ROOT / target).exists():  # another host's, or broken: then mkdocs reports it
        return link[0]
    return f"]({relpath(on_site, str(PurePosixPath(page).parent))}{link['anchor'] or ''})"


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Leave out what a module's docstring says to its developers."""
    return _FOR_DEVELOPERS.sub("", html)


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if a page or a style sheet loads anything from another host.

    Raises:
        PluginError: one does.
    """
    site = Path(config.site_dir)
    foreign = {
        f"{file.relative_to(site)} loads {address}"
        for file in (*site.rglob("*.html"), *site.rglob("*.css"))
        for address in _FETCHED.findall(file.read_text("utf-8"))
    }
    if foreign:
        raise PluginError("The site must not need a network: " + "; ".join(sorted(foreign)))
