"""The files of the images folder in a run: their hashes, and what a stopped run had hashed already."""
