"""Files that show one picture: which pictures are copies of each other, and which file to keep."""
