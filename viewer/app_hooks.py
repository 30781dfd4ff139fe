"""Hooks that Panel runs once a server: limit it to this machine, add routes, load data and model.

Panel runs this file twice in a process, so each step must be harmless when repeated.
"""

import logging
import threading
from typing import Any

from panel.io.server import per_app_patterns

import viewer.app  # noqa: F401 - defines all components, of which the script is made
from viewer.compat import (
    call_with_http_server,
    keep_early_changes,
    let_others_answer,
    make_session_ids_by,
    send_every_message,
    send_messages_at_once,
    send_static_files_by,
)
from viewer.homes import home_of_context
from viewer.server import export_route, image_route, objects_route, script_route
from viewer.server.access import keep_to_this_machine
from viewer.server.compressed import get_compressed
from viewer.server.processes.workers import hand_page, hand_websocket, this_worker
from viewer.server.warmup import warm_up
from viewer.session.background import when_loaded

keep_to_this_machine()
send_messages_at_once()
send_every_message()
keep_early_changes(when_loaded)
send_static_files_by(get_compressed)
logging.getLogger("viewer").setLevel(logging.INFO)

if worker := this_worker():
    let_others_answer(pages=hand_page, websockets=hand_websocket)
    make_session_ids_by(worker.own)
    call_with_http_server(worker.serve)
    if worker.number:  # each says the same of its start
        logging.getLogger("viewer.server.warmup").setLevel(logging.WARNING)

ROUTES = (
    (image_route.ROUTE, image_route.ImageHandler),
    (export_route.ROUTE, export_route.ExportHandler),
    (objects_route.ROUTE, objects_route.ObjectsHandler),
    (script_route.ROUTE, script_route.ScriptHandler),
)
for route, handler in ROUTES:
    if not any(pattern[0] == route for pattern in per_app_patterns):
        per_app_patterns.append((route, handler))


def on_server_loaded(context: Any) -> None:
    """Start to load data and model in the background; an early visitor waits no longer than without."""
    home = home_of_context(context)
    threading.Thread(target=warm_up, args=(home,), name="warm", daemon=True).start()


def on_session_created(_context: Any) -> None:
    """Count the session, among several workers."""
    if worker := this_worker():
        worker.count_session(1)


def on_session_destroyed(_context: Any) -> None:
    """Count it no longer."""
    if worker := this_worker():
        worker.count_session(-1)
