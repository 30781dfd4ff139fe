"""Models: finding their files, encoding images and texts, and the reference texts."""
