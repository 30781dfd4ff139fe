"""The formats of label files, a module each, and `labels.py`, the one form that all of them are read to."""
