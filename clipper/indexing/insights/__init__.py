"""The steps that say what is in a dataset: clusters, their names, duplicates."""
