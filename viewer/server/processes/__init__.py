"""Several server processes at one address: what starts them, and how each reaches the others."""
