"""Joins our scripts' modules into one text: a page fetches one script, while our tools see plain ES modules.

Each module becomes a function that is called once and returns what the module exports. Only the forms that
our scripts use are known: `import { a, b } from "./c.js"`, `export function` and `export const`; any other is
an error, as is a circle of imports.
"""

import posixpath
import re
from collections.abc import Callable, Iterable

_IMPORT = re.compile(r'^import \{([^}]+)\} from "(\.{1,2}/[^"]+)"\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const) (\w+))", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)


class LinkError(ValueError):
    """A script that cannot be joined with others."""


def link(names: Iterable[str], read: Callable[[str], str]) -> str:
    """Join modules and all that they import into one text.

    Args:
        names: of the modules, as paths with `/`.
        read: gives the text of a module by its name.

    Returns:
        Statements; after them `modules[name]` has the exports of each module. Comments that fill whole lines
        are left out: a browser has no use for them.

    Raises:
        LinkError: an import or export has an unknown form, or modules import one another in a circle.
    """
    linked: dict[str, str] = {}
    for name in names:
        _add(name, linked, read, importers=())
    return "".join(["const modules = {}\n", *linked.values()])


def _add(
    name: str, linked: dict[str, str], read: Callable[[str], str], *, importers: tuple[str, ...]
) -> None:
    """Add a module after those that it imports."""
    if name in linked:
        return
    if name in importers:
        raise LinkError(f"{' imports '.join([*importers, name])}: a circle of imports has no first module")
    text = read(name)
    for match in _IMPORT.finditer(text):
        _add(_resolved(name, match[2]), linked, read, importers=(*importers, name))
    linked[name] = _as_function(name, text)


def _as_function(name: str, text: str) -> str:
    """A module as a function that is called at once."""

    def taken(imported: re.Match[str]) -> str:
        names = imported[1].replace(" as ", ": ")
        return f"const {{{names}}} = {_exports(_resolved(name, imported[2]))}\n"

    exports = _EXPORT.findall(text)
    body = _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub(taken, text)))
    if unknown := _UNKNOWN.search(body):
        raise LinkError(f"{name}: cannot link `{unknown[0]}`")
    return f"{_exports(name)} = (() => {{\n{body}return {{ {', '.join(exports)} }}\n}})()\n"


def _resolved(importer: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


def _exports(name: str) -> str:
    return f'modules["{name}"]'
