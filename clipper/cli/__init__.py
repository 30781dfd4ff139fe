"""The `clipper` command: what a person types, and what it prints."""

from clipper.cli.main import main

__all__ = ["main"]
