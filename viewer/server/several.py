"""Serves several homes at one address: a page of cards, an atlas below each name, two of them side by side.

    CLIPPER_HOMES='{"name": "folder", ...}' python -m viewer.server.several [OPTION ...]

The options are those of `panel serve`. What does not belong here: what a card says (`cards.py`).
"""

import sys
import threading
import webbrowser
from pathlib import Path

from panel.command import main as panel
from tornado.web import StaticFileHandler

from viewer.compat import serve_one_app_at
from viewer.homes import named_homes
from viewer.server import script_route
from viewer.server.cards import CardsHandler, CompareHandler, PictureHandler

PACKAGE = Path(__file__).parents[1]
ROUTES = (
    (r"/?", CardsHandler),
    (r"/compare", CompareHandler),
    (r"/card/([a-z0-9-]+)\.png", PictureHandler),
    # Each page takes what is no atlas's from where a server of one home has it.
    (rf"/viewer{script_route.ROUTE}", script_route.ScriptHandler),
    (r"/viewer/static/(.*)", StaticFileHandler, {"path": str(PACKAGE / "static")}),
)
SOON = 2.0  # seconds until a browser finds the server


def main(options: list[str]) -> None:
    """Serve until a signal comes."""
    serve_one_app_at(named_homes(), ROUTES)
    if "--show" in options:  # it would open a page for each atlas
        options = [option for option in options if option != "--show"]
        address = f"http://127.0.0.1:{options[options.index('--port') + 1]}/"
        opening = threading.Timer(SOON, webbrowser.open, [address])
        opening.daemon = True
        opening.start()
    sys.argv = ["panel", "serve", str(PACKAGE), *options]  # where it looks for them
    panel()


if __name__ == "__main__":
    main(sys.argv[1:])
