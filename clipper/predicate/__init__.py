"""A filter as a line of text, `year > 2010 and group = "Flags"`: read, written, completed word by word."""
