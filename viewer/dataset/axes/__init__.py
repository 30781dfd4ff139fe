"""Axes with a meaning for a dataset: its images laid out by texts and columns, and the words along them."""
