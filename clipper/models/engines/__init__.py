"""Engines: the ways to run the image half of a model, and the measuring that chooses one."""
