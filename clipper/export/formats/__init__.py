"""Formats of other tools: folders, tables, and how they are written."""
