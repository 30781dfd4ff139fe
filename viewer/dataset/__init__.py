"""One published atlas as the viewer reads it, shared by all sessions: columns, filters, ranking."""
