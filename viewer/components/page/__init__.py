"""The page around the map: its address, theme, query bar, notices and keys."""
