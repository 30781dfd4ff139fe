"""Parts that are more than one table: their types, and their files."""
