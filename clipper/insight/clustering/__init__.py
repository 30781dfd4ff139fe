"""Finding clusters in the neighbor graph, keeping their identity, and choosing what stands for them."""
