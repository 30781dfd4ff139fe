"""TIFFs: their tags, and what their numbers are packed in."""
