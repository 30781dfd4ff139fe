"""Which image a key means: a path, a name, a column of a table."""
