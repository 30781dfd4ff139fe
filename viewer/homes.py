"""The homes of a server that shows several: the name of each in the addresses, and which one a request means.

A server of one home has no names here, and finds its home as every command does. What does not belong here:
choosing homes and names (`clipper/cli/homes.py`).
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import panel as pn

VARIABLE = "CLIPPER_HOMES"  # a JSON object: names, each with the home's folder


@cache
def named_homes() -> Mapping[str, Path]:
    """Return the homes by name, in the order in which they are shown; none for a server of one home."""
    told = json.loads(os.environ.get(VARIABLE, "{}"))
    return MappingProxyType({name: Path(folder) for name, folder in told.items()})


def home_at(path: str) -> Path | None:
    """Return the home of an app's path, such as "/flags"; None: the server's only one."""
    return named_homes().get(path.strip("/"))


def home_of_context(context: Any) -> Path | None:
    """Return the home of Bokeh's context of a server or an app; None: the server's only one."""
    return home_at(getattr(getattr(context, "application_context", context), "url", None) or "")


def home_of_session() -> Path | None:
    """Return the home that the current session shows; None: the server's only one."""
    session = pn.state.curdoc.session_context if pn.state.curdoc is not None else None
    return home_of_context(getattr(session, "server_context", None))
