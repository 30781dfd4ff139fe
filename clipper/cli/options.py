"""The options that several commands share.

What does not belong here: the commands (`cli/main.py`).
"""

from typing import Annotated

import typer

Home = Annotated[
    str | None,
    typer.Option("--home", help="The atlas's folder; found from here when left out.", metavar="HOME"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")]
