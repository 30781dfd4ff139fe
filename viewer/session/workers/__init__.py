"""What a session works out in the background, or changes for all who look at the same home."""
