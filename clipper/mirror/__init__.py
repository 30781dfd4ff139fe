"""A home on an object store, and its local copy: what reads and writes it works on the copy."""
