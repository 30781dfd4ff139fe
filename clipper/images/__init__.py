"""Image files: finding them in a folder, recognising, decoding and preprocessing them."""
