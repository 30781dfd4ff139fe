"""Compares a query with the vectors of all images: fast by an int8 copy of them, exactly where it counts."""
