"""What a dataset is made of, and what is odd in it: pure functions over vectors, neighbors and thumbnails."""
