"""The `clipper` command: its options and its output."""

from clipper.cli.main import main

__all__ = ["main"]
