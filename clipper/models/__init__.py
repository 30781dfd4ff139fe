"""CLIP: finding its files, encoding images and texts, and the reference texts."""
