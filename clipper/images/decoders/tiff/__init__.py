"""TIFFs: their tags, and those that Pillow does not read."""
