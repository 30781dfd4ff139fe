"""Kinds of models: which ones can be read, and what is peculiar to each."""
