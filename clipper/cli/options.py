"""The options that several commands share.

What does not belong here: the commands (`cli/main.py`).
"""

import json
from typing import Annotated, Any

import typer

from clipper.errors import ClipperError

Home = Annotated[
    str | None,
    typer.Option("--home", help="The atlas's folder or URL; found from here when left out.", metavar="HOME"),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Which model to ask, in an atlas of several.", metavar="MODEL"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")]


def read_filter(where: str | None) -> dict[str, Any] | str | None:
    """Read the option `--where`: JSON as an object, any other text as it is; None without one.

    Raises:
        ClipperError: it begins like JSON and is none, or no object.
    """
    if where is None or not where.lstrip().startswith(("{", "[")):
        return where
    try:
        document = json.loads(where)
    except (ValueError, RecursionError) as error:
        raise ClipperError(f"--where is not JSON ({error}); write it like '{{\"year\": 2010}}'") from error
    if not isinstance(document, dict):
        raise ClipperError("--where is no JSON object; write it like '{\"year\": 2010}'")
    return document
