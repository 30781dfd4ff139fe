"""The Chroma collection of an atlas: open, build and search it.

What does not belong here: which rows a collection holds (`indexing/collect.py`).
"""
