"""Columns of files and of content hashes: Arrow and numpy in place of a Python object for each image."""
