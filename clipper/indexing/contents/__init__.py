"""The contents of new image files: decoded in child processes and embedded, here or on a cluster."""
