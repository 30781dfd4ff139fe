"""The `clipper` command: its options and its output."""

from clipper.cli import interrupt

try:
    if interrupt.is_program():  # before the imports that take a while
        interrupt.open_streams()
        interrupt.watch_signals()
    from clipper.cli.main import main
except KeyboardInterrupt:
    if not interrupt.was_stopped():
        raise
    interrupt.leave()

__all__ = ["main"]
