"""What happens once a server: it keeps to this machine, serves what a page fetches, and warms data and model.

Panel runs this file twice a process, so everything here may happen twice.
"""

import logging
import threading
from typing import Any

from panel.io.server import per_app_patterns

import viewer.app  # noqa: F401 - makes all components known, of which the script consists
from viewer.server import export_route, image_route, script_route
from viewer.server.access import keep_to_this_machine
from viewer.server.warmup import warm_up

keep_to_this_machine()
logging.getLogger("viewer").setLevel(logging.INFO)

ROUTES = (
    (image_route.ROUTE, image_route.ImageHandler),
    (export_route.ROUTE, export_route.ExportHandler),
    (script_route.ROUTE, script_route.ScriptHandler),
)
for route, handler in ROUTES:
    if not any(pattern[0] == route for pattern in per_app_patterns):
        per_app_patterns.append((route, handler))


def on_server_loaded(_context: Any) -> None:
    """Start warming; visitors who come before it is done wait no longer than without it."""
    threading.Thread(target=warm_up, name="warm", daemon=True).start()
