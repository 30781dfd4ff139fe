"""Names for clusters: the words there are, and which of them are true of a cluster."""
