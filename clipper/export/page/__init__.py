"""A page of a dataset that stands alone: its data, its thumbnails, the words to search with, its scripts."""
