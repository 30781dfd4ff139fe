"""Lists of images: the table, and what selects images in any list."""
