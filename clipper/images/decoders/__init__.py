"""Which library opens a file's bytes as an image, by its first bytes."""
