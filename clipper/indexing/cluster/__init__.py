"""A Dask cluster that works for a run: the connection, who gets what, and a folder to write to."""
