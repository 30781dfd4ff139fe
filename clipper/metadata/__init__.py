"""Metadata from files, tables, folder names and EXIF, joined as typed columns."""
